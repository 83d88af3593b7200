//! Keeping the outbox small. What is long over is deleted, and what has waited its whole time for a receiver
//! that is down is given up.

use super::retry_schedule::RetrySchedule;
use super::scheduler::DeliveryScheduler;
use super::settings::NotifySettings;
use super::settle::settle;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Lease, NotificationState, Outcome, Settled, StoreError};
use std::time::Duration;

/// Notifications given up untried in one transaction.
const GIVE_UP_CHUNK: i64 = 500;
/// Waiting notifications are counted up to here.
const COUNT_MAX: i64 = 100_000;
const CLEAN_EVERY: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) struct OutboxCleanup<'a> {
    settings: &'a NotifySettings,
    retry_schedule: RetrySchedule,
    cleaned_at: Option<UnixMs>,
}

impl<'a> OutboxCleanup<'a> {
    pub(super) fn new(settings: &'a NotifySettings) -> Self {
        Self { settings, retry_schedule: settings.retry_schedule(), cleaned_at: None }
    }

    /// Cleans once a minute, a limited number of rows at a time: the lease has to be kept meanwhile.
    pub(super) async fn clean(
        &mut self,
        lease: &Lease,
        scheduler: &DeliveryScheduler,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        if self.cleaned_at.is_some_and(|at| now.since(at) < CLEAN_EVERY && at <= now) {
            return Ok(());
        }
        let settings = self.settings;
        let latest = self.retry_schedule.latest(now);
        let moved = settings.store.bring_notifications_forward(lease, latest, now).await?;
        if moved > 0 {
            tracing::warn!(moved, "notifications were put off by a clock that was ahead; they are due now");
        }
        let mut more = false;
        // Asking a receiver that is down about each notification could take longer than new ones take to
        // come.
        for account in scheduler.down_for(self.retry_schedule.long(), now) {
            more |= self.give_up(lease, scheduler, &account, now).await?;
        }
        for (state, days) in [
            (NotificationState::Delivered, settings.config.keep_delivered_days),
            (NotificationState::Dead, settings.config.keep_dead_days),
        ] {
            let kept = DAY.saturating_mul(days);
            let before = UnixMs(now.0.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)));
            more |= settings.store.forget_notifications(lease, state, before).await?;
        }
        let waiting = settings.store.count_notifications_waiting(COUNT_MAX).await?;
        settings.telemetry.metrics.notifications_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        // What is left is done with the next poll.
        self.cleaned_at = (!more).then_some(now);
        Ok(())
    }

    /// Answers whether there may be more.
    async fn give_up(
        &self,
        lease: &Lease,
        scheduler: &DeliveryScheduler,
        account: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let settings = self.settings;
        let waiting_since = self.retry_schedule.overdue(now);
        let overdue = settings.store.overdue_notifications(account, waiting_since, GIVE_UP_CHUNK).await?;
        let more = i64::try_from(overdue.len()).is_ok_and(|count| count == GIVE_UP_CHUNK);
        let settled: Vec<Settled> = overdue
            .into_iter()
            // A damaged one is given up when it is due.
            .filter_map(Result::ok)
            .filter(|one| !scheduler.is_under_way(account, one.card))
            .map(|one| Settled {
                id: one.id,
                account: account.to_owned(),
                card: one.card,
                tries: 0,
                outcome: Outcome::Dead { error: "the receiver was down for too long".to_owned() },
            })
            .collect();
        if settled.is_empty() {
            return Ok(false);
        }
        tracing::warn!(account, count = settled.len(), "notifications were given up: the receiver is down");
        let settlement = settle(&settings.store, lease, settled, |one| one, now).await;
        settlement.written.iter().for_each(|one| settings.telemetry.metrics.notified(&one.outcome));
        match settlement.error {
            Some(error) => Err(error),
            None => Ok(more && !settlement.written.is_empty()),
        }
    }
}
