//! What is measured. Each contender is started anew for every round, and asked afterwards how many calls it
//! really accepted.

mod api;
mod bare;
pub(crate) mod embedded;
mod gateway;
mod ours;
pub(crate) mod postgres;

pub(crate) use api::Contender;
pub(crate) use bare::Bare;
pub(crate) use embedded::Embedded;
pub(crate) use gateway::Gateway;
pub(crate) use ours::{App, IDLE_LANE, IDLE_LANE_NAME, Setup, sqlite_url};
pub(crate) use postgres::Postgres;
