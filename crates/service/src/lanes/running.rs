//! The readings of a lane that are under way.

use super::attempt::Attempt;
use super::context::LaneContext;
use crate::reading::read_profile;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Task, TaskKey};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

/// A reading that takes longer than this is shown as running. A faster one is not worth a write of its own.
pub(super) const SHOW_RUNNING_AFTER: Duration = Duration::from_millis(150);

#[derive(Default)]
pub(super) struct RunningReadings {
    attempts: JoinSet<Attempt>,
    shown: HashMap<TaskKey, Shown>,
}

struct Shown {
    began: Instant,
    is_shown: bool,
}

impl RunningReadings {
    pub(super) fn count(&self) -> usize {
        self.attempts.len()
    }

    /// Starts an attempt under the lane's limits.
    pub(super) fn start(&mut self, context: &LaneContext, task: Task, began_at: UnixMs) {
        self.shown.insert(task.key.clone(), Shown { began: Instant::now(), is_shown: false });
        let operator = Arc::clone(&context.setup.operator);
        let pacer = context.pacer.clone();
        let longest_wait = context.setup.limits.retry_after_max_seconds;
        let longest_wait = longest_wait.map(|seconds| Duration::from_secs(seconds.into()));
        self.attempts.spawn(async move {
            let (mut outcome, times) = pacer.while_held(read_profile(&operator, &task, &pacer)).await;
            // A log-in that is not tried again is our own wait, not the operator's.
            if let (Err(error), Some(longest)) = (&mut outcome, longest_wait)
                && error.kind != FailureKind::Auth
            {
                error.retry_after = error.retry_after.map(|wait| wait.min(longest));
            }
            Attempt { task, began_at, outcome, times }
        });
    }

    /// Waits for the next attempt that ends; nothing where none is under way. May be dropped and asked again.
    ///
    /// # Errors
    /// An attempt panicked.
    pub(super) async fn next_ended(&mut self) -> Option<Result<Attempt, JoinError>> {
        let ended = self.attempts.join_next().await?;
        if let Ok(attempt) = &ended {
            self.shown.remove(&attempt.task.key);
        }
        Some(ended)
    }

    /// Whether an attempt for this task is under way.
    pub(super) fn contains(&self, key: &TaskKey) -> bool {
        self.shown.contains_key(key)
    }

    /// Those that have been under way for a while and were not returned before.
    pub(super) fn take_overdue(&mut self) -> Vec<TaskKey> {
        let mut keys = Vec::new();
        for (key, shown) in &mut self.shown {
            if !shown.is_shown && shown.began.elapsed() >= SHOW_RUNNING_AFTER {
                shown.is_shown = true;
                keys.push(key.clone());
            }
        }
        keys
    }

    /// Drops every attempt; none runs any more when this returns.
    pub(super) async fn abort(&mut self) {
        self.attempts.shutdown().await;
    }
}
