//! Leases: each lane, and the outbox, is worked by one node at a time. Taking a lease whenever it can be had,
//! keeping it and giving it back is written here once.

use crate::clock::Clock;
use crate::interval::every;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Before, Lease, LeaseKind, Store, StoreError};
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::{Instant, Interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// The outbox is one.
const OUTBOX: &str = "notify";
/// A lease is renewed, and asked for again, so many times while it lasts.
const TRIES_PER_LEASE: u32 = 4;
/// Within so long every node goes by the store's time again after that was put back.
const CLOCKS_AGREE: Duration = Duration::from_secs(15);

/// How a process holds its leases.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// Names this process.
    pub node: String,
    /// How long a lease lasts unless it is renewed.
    pub duration: Duration,
    /// Whether this is the only process of its store. A lease that a crash left behind is then taken at once.
    pub alone: bool,
}

impl LeaseSettings {
    fn pause(&self) -> Duration {
        self.duration / TRIES_PER_LEASE
    }
}

/// Why work under a lease ended.
#[derive(Debug)]
pub(crate) enum ExitReason {
    Stopping,
    LeaseLost,
    /// A task of the session panicked. What it worked on is still in the store; the next session takes it up.
    Broken(JoinError),
}

/// Takes one lease again and again.
pub(crate) struct LeaseTaker {
    store: Store,
    clock: Clock,
    settings: LeaseSettings,
    kind: LeaseKind,
    name: String,
    has_tried: bool,
    /// How long it lasts by a clock that was ahead, and since when it has been so.
    ahead: Option<(UnixMs, Instant)>,
}

impl LeaseTaker {
    /// The lease of a lane.
    pub(crate) fn of_lane(lane: &str, settings: &LeaseSettings, store: &Store, clock: &Clock) -> Self {
        Self::of(LeaseKind::Lane, lane, settings, store, clock)
    }

    /// The lease of the outbox.
    pub(crate) fn of_outbox(settings: &LeaseSettings, store: &Store, clock: &Clock) -> Self {
        Self::of(LeaseKind::Outbox, OUTBOX, settings, store, clock)
    }

    fn of(kind: LeaseKind, name: &str, settings: &LeaseSettings, store: &Store, clock: &Clock) -> Self {
        Self {
            store: store.clone(),
            clock: clock.clone(),
            settings: settings.clone(),
            kind,
            name: name.to_owned(),
            has_tried: false,
            ahead: None,
        }
    }

    /// Waits until the lease can be had; nothing once `stopping` is set.
    pub(crate) async fn take(&mut self, stopping: &CancellationToken) -> Option<(HeldLease, Before)> {
        while !stopping.is_cancelled() {
            if std::mem::replace(&mut self.has_tried, true)
                && stopping.run_until_cancelled(sleep(self.settings.pause())).await.is_none()
            {
                return None;
            }
            match self.try_to_take().await {
                Ok(Some(taken)) => return Some(taken),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(lease = self.name, %error, "the lease could not be taken; trying again");
                }
            }
        }
        None
    }

    async fn try_to_take(&mut self) -> Result<Option<(HeldLease, Before)>, StoreError> {
        let abandoned = if self.settings.alone { None } else { self.abandoned().await? };
        let LeaseSettings { node, duration, alone } = &self.settings;
        let now = self.clock.now();
        // By this machine's steady clock, and from before the store was asked.
        let held_until = Instant::now() + *duration;
        let (store, kind, name, until) = (&self.store, self.kind, &*self.name, now.after(*duration));
        let taken = match abandoned {
            Some(held_until) => store.abandoned_lease(kind, name, node, held_until, until).await?,
            None => store.lease(kind, name, node, now, until, *alone).await?,
        };
        let Some((lease, before)) = taken else { return Ok(None) };
        tracing::debug!(lease = self.name, epoch = lease.epoch, "lease taken");
        let held = HeldLease {
            lease,
            held_until,
            heartbeat: every(self.settings.pause()),
            duration: *duration,
            store: self.store.clone(),
            clock: self.clock.clone(),
        };
        Ok(Some((held, before)))
    }

    /// Until when the lease is held, where a clock that was ahead took it, and nobody has renewed it for
    /// longer than it lasts by this machine's steady clock. A holder that lives renews it by the clock that
    /// was put back.
    async fn abandoned(&mut self) -> Result<Option<UnixMs>, StoreError> {
        let until = self.store.lease_until(self.kind, &self.name).await?;
        let now = self.clock.now();
        let Some(until) = until.filter(|until| until.is_of_a_clock_ahead(now.after(self.settings.duration)))
        else {
            self.ahead = None;
            return Ok(None);
        };
        let ahead = self.ahead.filter(|(known, _)| *known == until);
        let (_, since) = *self.ahead.insert(ahead.unwrap_or_else(|| (until, Instant::now())));
        Ok((since.elapsed() > self.settings.duration * 2 + CLOCKS_AGREE).then_some(until))
    }
}

/// What the holder of a lease waits for.
pub(crate) enum LeaseEvent {
    RenewalDue,
    /// The store gave no sign of life for as long as the lease lasts. Another node may hold it by now.
    Expired,
}

/// A lease that this process holds.
pub(crate) struct HeldLease {
    lease: Lease,
    held_until: Instant,
    heartbeat: Interval,
    duration: Duration,
    store: Store,
    clock: Clock,
}

impl HeldLease {
    /// What fences every write.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(crate) fn held_until(&self) -> Instant {
        self.held_until
    }

    /// Waits for the next event; may be dropped and asked again.
    pub(crate) async fn event(&mut self) -> LeaseEvent {
        tokio::select! {
            biased;
            () = sleep_until(self.held_until) => LeaseEvent::Expired,
            _ = self.heartbeat.tick() => LeaseEvent::RenewalDue,
        }
    }

    /// Extends the lease and stores how its work goes. A store that cannot be reached is asked again with the
    /// next heartbeat.
    ///
    /// # Errors
    /// [`ExitReason::LeaseLost`]: another node holds it.
    pub(crate) async fn renew(&mut self, status: &str) -> Result<(), ExitReason> {
        let asked = Instant::now();
        match self.store.renew(&self.lease, self.clock.now().after(self.duration), status).await {
            Ok(()) => {
                self.held_until = asked + self.duration;
                Ok(())
            }
            Err(StoreError::LeaseLost(_)) => Err(ExitReason::LeaseLost),
            Err(error) => {
                let lease = &self.lease.name;
                tracing::warn!(lease, %error, "the lease could not be extended; trying again");
                Ok(())
            }
        }
    }

    /// Gives the lease back with something for its next holder, who can take it at once.
    pub(crate) async fn give_back(self, handover: &str) {
        if let Err(error) = self.store.release(&self.lease, handover).await {
            let lease = self.lease.name;
            tracing::warn!(lease, %error, "the lease could not be given back; it will run out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_800_000_000_000);
    const LASTS: Duration = Duration::from_secs(10);
    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test(start_paused = true)]
    async fn a_lease_of_a_clock_that_was_ahead_is_taken_over_when_nobody_renews_it() {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite://{}", dir.path().join("store.db").display());
        let store = Store::connect(&url, 2).await.expect("store");
        store.migrate().await.expect("migrated");
        let ahead = NOW.after(DAY);
        let dead = store.lease(LeaseKind::Lane, "main", "dead", ahead, ahead.after(LASTS), false).await;
        let (dead, _) = dead.expect("store").expect("nobody holds it");
        let settings = LeaseSettings { node: "next".to_owned(), duration: LASTS, alone: false };
        let clock = Clock::standing_at(NOW);
        let mut taker = LeaseTaker::of_lane("main", &settings, &store, &clock);
        let stopping = CancellationToken::new();
        // A holder that lives and still has the wrong time renews it.
        for second in 1..=60 {
            let renewed = store.renew(&dead, ahead.after(LASTS + Duration::from_secs(second)), "").await;
            renewed.expect("renewed");
            let taking = tokio::time::timeout(Duration::from_secs(1), taker.take(&stopping));
            assert!(taking.await.is_err(), "second {second}");
        }
        let began = Instant::now();
        let (_, before) = taker.take(&stopping).await.expect("taken");
        assert_eq!(before, Before::Lost);
        let waited = began.elapsed();
        assert!(waited >= LASTS * 3 && waited < LASTS * 5, "{waited:?}");
    }
}
