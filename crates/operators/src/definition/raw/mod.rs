//! A definition file as it is written: the TOML shape, with nothing compiled yet.

mod answer;
mod auth;
mod definition;
mod errors;
mod limits;
mod many;
mod operator_id;
mod request;
mod step;
mod text;

pub(crate) use answer::{RawAmount, RawAnswer, RawBase, RawBundles, RawDate, RawPeriod, RawStatus};
pub(crate) use auth::{
    ClientAuth, Encoding, ParameterPlace, RawAuth, RawLockOut, RawLogin, RawOauth2, RawSign, SignPlace,
};
pub(crate) use definition::{AnswerFormat, RawDefinition, RawSetting};
pub use definition::{Evidence, Fact};
pub(crate) use errors::{RawErrors, RawReset};
pub(crate) use limits::{RawLimits, RawRemaining};
pub(crate) use many::{Absent, RawMany, RawPages};
pub(crate) use request::{Method, RawBasic, RawCapture, RawRequest};
pub(crate) use step::{Only, RawStep};
pub(crate) use text::{Text, Texts};
