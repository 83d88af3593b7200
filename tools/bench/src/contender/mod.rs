//! Who is measured: each is started afresh for every round, and asked afterwards how many calls it really took.

mod bare;
pub(crate) mod embedded;
mod gateway;
mod ours;
mod postgres;

pub(crate) use bare::Bare;
pub(crate) use embedded::Embedded;
pub(crate) use gateway::Gateway;
pub(crate) use ours::App;
pub(crate) use postgres::Postgres;

use std::net::SocketAddr;

/// Somebody who answers refreshes.
pub(crate) trait Contender {
    /// As it stands in the table.
    fn name(&self) -> &'static str;

    /// Whether the same request can be sent again and is worked on as if it were new.
    fn forgets(&self) -> bool {
        false
    }

    /// Starts it with nothing accepted yet; ready when this returns.
    fn start(&mut self) -> anyhow::Result<SocketAddr>;

    /// Stops it; answers how many refreshes it keeps (for the bare handler: how many it verified).
    fn stop(&mut self) -> anyhow::Result<u64>;
}
