//! A definition file as it is written: the TOML shape, with nothing compiled yet.

mod answer;
mod auth;
mod definition;
mod errors;
mod many;
mod request;
mod step;
mod text;

pub(crate) use answer::{RawAmount, RawAnswer, RawBase, RawBundles, RawDate, RawPeriod, RawStatus};
pub(crate) use auth::{
    Algorithm, ClientAuth, Encoding, ParameterPlace, RawAuth, RawLogin, RawOauth2, RawSign, SignOutput,
    SignPlace,
};
pub use definition::{Evidence, Fact};
pub(crate) use definition::{RawDefinition, RawSetting};
pub(crate) use errors::RawErrors;
pub(crate) use many::{Absent, RawMany, RawPages};
pub(crate) use request::{Method, RawBasic, RawCapture, RawRequest};
pub(crate) use step::{Only, RawStep};
pub(crate) use text::{Text, Texts};
