//! What is measured. Each contender is started anew for every round, and asked afterwards how many calls it
//! really accepted.

mod api;
mod bare;
pub(crate) mod embedded;
mod gateway;
mod ours;
mod postgres;

pub(crate) use api::Contender;
pub(crate) use bare::Bare;
pub(crate) use embedded::Embedded;
pub(crate) use gateway::Gateway;
pub(crate) use ours::App;
pub(crate) use postgres::Postgres;
