//! Guards against being locked out: an operator that locks a user after so many refused log-ins must never
//! see so many from us.

use super::error::ReadError;
use crate::definition::plan::LockOutPlan;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The refusals of one log-in, one after the other.
#[derive(Default)]
pub(super) struct LockOut {
    refusals: Mutex<Refusals>,
}

#[derive(Default)]
struct Refusals {
    count: u32,
    /// No log-in is tried before.
    until: Option<UnixMs>,
}

impl LockOut {
    /// # Errors
    /// The log-in must not be tried now.
    pub(super) fn check(&self, now: UnixMs) -> Result<(), ReadError> {
        match self.lock().until {
            // A clock that was set back keeps nobody waiting for ever: a person can act.
            Some(until) if now < until => Err(stopped(until.since(now))),
            _ => Ok(()),
        }
    }

    pub(super) fn accepted(&self) {
        *self.lock() = Refusals::default();
    }

    /// Counts a refusal. Answers the error in its place, where no further log-in may be tried.
    pub(super) fn refused(&self, plan: &LockOutPlan, account: &str, now: UnixMs) -> Option<ReadError> {
        let mut refusals = self.lock();
        refusals.count = refusals.count.saturating_add(1);
        if refusals.count < plan.stop_after {
            return None;
        }
        refusals.until = Some(now.after(plan.pause));
        tracing::error!(
            account,
            refused = refusals.count,
            seconds = plan.pause.as_secs(),
            "log-ins are not tried any more, because the operator locks users; correct the credentials, \
             then use `operator retry`"
        );
        Some(stopped(plan.pause))
    }

    /// Somebody has looked after the credentials.
    pub(super) fn forget(&self) {
        *self.lock() = Refusals::default();
    }

    fn lock(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It tells the lane until when no call makes sense.
fn stopped(wait: Duration) -> ReadError {
    let detail = "The operator refused our log-in several times. It is not tried again for now, so that the \
                  operator does not lock the user.";
    ReadError { retry_after: Some(wait), ..ReadError::new(FailureKind::Auth, detail) }
}
