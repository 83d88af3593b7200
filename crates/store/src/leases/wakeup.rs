//! Telling other nodes that there is work, without a look at the queue: PostgreSQL's NOTIFY. An embedded
//! store has one process, which tells itself.

use crate::backend::{Database, Sql};
use crate::error::StoreError;
use crate::store::Store;
use sqlx::postgres::PgListener;

/// The channel; all nodes of one database use it.
const CHANNEL: &str = "simgauge_task";

/// Sent by the accepting transaction itself, so that it arrives with the commit and not before. Takes the
/// rows of new tasks.
pub(crate) const NOTIFY: Sql = Sql::postgres(
    "SELECT pg_notify('simgauge_task', lane || ' ' || account) FROM \
     (SELECT DISTINCT lane, account FROM json_to_recordset($1::json) AS t(lane text, account text)) AS fresh",
);

/// What a node hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// An account has new work in a lane.
    Work {
        /// The operator account.
        lane: String,
        /// Whose work.
        account: String,
    },
    /// The connection was lost for a while: anything may have been missed.
    LookEverywhere,
}

/// A subscription to what other nodes tell.
pub struct Wakeups {
    listener: PgListener,
}

impl Store {
    /// Subscribes to what other nodes tell; nothing for an embedded store.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn wakeups(&self) -> Result<Option<Wakeups>, StoreError> {
        let Database::Postgres(database) = &self.db else { return Ok(None) };
        Ok(Some(Wakeups { listener: database.listen(CHANNEL).await? }))
    }
}

impl Wakeups {
    /// Waits for the next one. A lost connection is opened again.
    ///
    /// # Errors
    /// The database cannot be reached; calling again tries again.
    pub async fn next(&mut self) -> Result<Wakeup, StoreError> {
        loop {
            let Some(notification) = self.listener.try_recv().await? else {
                return Ok(Wakeup::LookEverywhere);
            };
            // Names hold no blank, so the first one parts the two.
            if let Some((lane, account)) = notification.payload().split_once(' ') {
                return Ok(Wakeup::Work { lane: lane.to_owned(), account: account.to_owned() });
            }
        }
    }
}
