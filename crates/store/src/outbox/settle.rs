//! What becomes of attempts to deliver.

use super::order::update_in_order;
use crate::backend::{bulk, rows};
use crate::error::StoreError;
use crate::leases::lease::{Lease, fence};
use crate::store::Store;
use serde::Serialize;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It did not, and is asked again.
    Failed {
        /// Why, in a sentence without secrets.
        error: String,
        /// When it is asked again.
        next_at: UnixMs,
    },
    /// It did not, and is not asked again.
    Dead {
        /// Why, in a sentence without secrets.
        error: String,
    },
}

/// An attempt whose outcome is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The notification.
    pub id: String,
    /// Who is notified.
    pub account: String,
    pub card: CardId,
    /// How often it was tried: 0 where it is given up untried.
    pub tries: u32,
    /// What became of it.
    pub outcome: Outcome,
}

impl Store {
    /// Writes what became of attempts, and moves up the notifications that they held back.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached; then nothing was written.
    pub async fn settle_notifications(
        &self,
        lease: &Lease,
        settled: &[Settled],
        now: UnixMs,
    ) -> Result<(), StoreError> {
        // A delivered notification stays delivered, whatever was decided about it meanwhile.
        let update = bulk!(
            "UPDATE notification SET state = done.state, attempts = notification.attempts + done.tries, \
             next_at = done.next_at, last_error = COALESCE(done.error, notification.last_error), \
             ended_at = done.ended_at FROM ",
            [id text, state text, tries bigint, next_at bigint, error text, ended_at bigint],
            " AS done WHERE notification.id = done.id \
             AND (notification.state = 'waiting' OR done.state = 'delivered')"
        );
        let touched = rows(&settled.iter().map(|one| Row::of(one, now)).collect::<Vec<_>>())?;
        let mut tx = self.db.write().await?;
        fence(&mut tx, lease).await?;
        update_in_order(&mut tx, (update, &[]), &touched, now).await?;
        tx.commit().await
    }
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    account: &'a str,
    card: CardId,
    tries: u32,
    state: &'static str,
    error: Option<&'a str>,
    next_at: Option<i64>,
    ended_at: Option<i64>,
}

impl<'a> Row<'a> {
    fn of(one: &'a Settled, now: UnixMs) -> Self {
        let (state, error, next_at) = match &one.outcome {
            Outcome::Delivered => ("delivered", None, None),
            Outcome::Failed { error, next_at } => ("waiting", Some(error.as_str()), Some(next_at.0)),
            Outcome::Dead { error } => ("dead", Some(error.as_str()), None),
        };
        Self {
            id: &one.id,
            account: &one.account,
            card: one.card,
            tries: one.tries,
            state,
            error,
            next_at,
            ended_at: next_at.is_none().then_some(now.0),
        }
    }
}
