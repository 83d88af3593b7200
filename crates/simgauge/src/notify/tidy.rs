//! Keeping the outbox small: what is long over is forgotten, what nobody will ever take is given up.

use super::deliverer::Shift;
use simgauge_domain::time::UnixMs;
use simgauge_store::{NotificationState, Outcome, Settled, StoreError};
use std::time::Duration;

/// Notifications given up untried in one transaction.
const GIVE_UP_CHUNK: i64 = 500;
/// Waiting notifications are counted up to here.
const COUNT_MAX: i64 = 100_000;
/// How often it is looked for.
const TIDY_EVERY: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

impl Shift<'_> {
    /// Forgets what is long over, and gives up what has had its time where the receiver has been down for long: asking
    /// about each could take longer than new ones take to come.
    pub(super) async fn tidy(&mut self) -> Result<(), StoreError> {
        let (settings, now) = (self.settings, self.now());
        if self.tidied_at.is_some_and(|at| now.since(at) < TIDY_EVERY && at <= now) {
            return Ok(());
        }
        let mut more = false;
        for account in self.crowd.down_for(self.patience.long(), now) {
            more |= self.give_up(&account, now).await?;
        }
        for (state, days) in [
            (NotificationState::Delivered, settings.config.keep_delivered_days),
            (NotificationState::Dead, settings.config.keep_dead_days),
        ] {
            let kept = DAY.saturating_mul(days);
            let before = UnixMs(now.0.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)));
            more |= settings.store.forget_notifications(&self.lease, state, before).await?;
        }
        let waiting = settings.store.count_notifications_waiting(COUNT_MAX).await?;
        settings.telemetry.metrics.notifications_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        // Some at a time: the lease has to be kept meanwhile. What is left comes with the next look around.
        self.tidied_at = (!more).then_some(now);
        Ok(())
    }

    /// Answers whether there may be more.
    async fn give_up(&mut self, account: &str, now: UnixMs) -> Result<bool, StoreError> {
        let settings = self.settings;
        let store = &settings.store;
        let overdue = store.overdue_notifications(account, self.patience.overdue(now), GIVE_UP_CHUNK).await?;
        let more = i64::try_from(overdue.len()).is_ok_and(|count| count == GIVE_UP_CHUNK);
        let settled: Vec<Settled> = overdue
            .into_iter()
            .filter(|one| !self.crowd.is_under_way(account, one.card))
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
        store.settle_notifications(&self.lease, &settled, now).await?;
        settled.iter().for_each(|one| settings.telemetry.metrics.notified(&one.outcome));
        Ok(more)
    }
}
