//! Delivery: takes the lease, then empties the outbox until the lease is lost or the process stops.

use super::NotifySettings;
use super::attempt::{AttemptError, Sender};
use super::crowd::Crowd;
use super::message;
use super::patience::Patience;
use crate::telemetry::Span;
use secrecy::ExposeSecret as _;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::Language;
use simgauge_protocol::sign::SignType;
use simgauge_store::{DueNotification, Lease, LeaseKind, Outcome, Receiver, Settled, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a stop waits for attempts under way; what is cut off is delivered again.
const WIND_UP: Duration = Duration::from_secs(2);
/// The name of the outbox's lease; there is one.
const OUTBOX: &str = "notify";
/// Nobody says anything of this lease.
const NO_STATUS: &str = "{}";

/// Delivers whenever the lease can be had, until stopped.
pub async fn deliver(settings: NotifySettings, stopping: CancellationToken) {
    let sender = match settings.sender() {
        Ok(sender) => sender,
        Err(error) => {
            tracing::error!(%error, "notifications cannot be delivered: no HTTP client");
            return;
        }
    };
    while !stopping.is_cancelled() {
        let now = settings.clock.now();
        let held_until = Instant::now() + settings.lease;
        let until = now.after(settings.lease);
        match settings
            .store
            .lease(LeaseKind::Outbox, OUTBOX, &settings.node, now, until, settings.alone)
            .await
        {
            Ok(Some((lease, _))) => {
                let mut shift = Shift::new(&settings, &sender, lease, held_until);
                let over = shift.work(&stopping).await;
                shift.wind_up(over).await;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "delivery could not be taken up; trying again"),
        }
        stopping.run_until_cancelled(tokio::time::sleep(settings.lease / 4)).await;
    }
}

/// Why a shift is over.
enum Over {
    Stopping,
    LeaseLost,
    /// An attempt panicked. Its notification still waits; the next shift takes it up.
    Broken(JoinError),
}

/// An attempt that ended.
struct Attempted {
    account: String,
    due: DueNotification,
    result: Result<(), AttemptError>,
    took: Duration,
}

/// One holding of the lease.
pub(super) struct Shift<'a> {
    pub(super) settings: &'a NotifySettings,
    sender: &'a Sender,
    pub(super) patience: Patience,
    pub(super) lease: Lease,
    held_until: Instant,
    pub(super) crowd: Crowd,
    attempts: JoinSet<Attempted>,
    /// Ended, and not yet written down.
    ended: Vec<(Attempted, Settled)>,
    pub(super) tidied_at: Option<UnixMs>,
}

impl<'a> Shift<'a> {
    fn new(settings: &'a NotifySettings, sender: &'a Sender, lease: Lease, held_until: Instant) -> Self {
        Self {
            settings,
            sender,
            patience: settings.patience(),
            lease,
            held_until,
            crowd: Crowd::new(settings.config.max_in_flight),
            attempts: JoinSet::new(),
            ended: Vec::new(),
            tidied_at: None,
        }
    }

    pub(super) fn now(&self) -> UnixMs {
        self.settings.clock.now()
    }

    async fn work(&mut self, stopping: &CancellationToken) -> Over {
        let settings = self.settings;
        let every = |period| {
            let mut interval = tokio::time::interval(period);
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            interval
        };
        let mut heartbeat = every(settings.lease / 4);
        let mut poll = every(Duration::from_secs_f64(settings.config.poll_seconds));
        loop {
            self.start_attempts().await;
            let went = tokio::select! {
                biased;
                () = stopping.cancelled() => return Over::Stopping,
                // Without a sign of life from the store the lease may be somebody else's by now.
                () = sleep_until(self.held_until) => return Over::LeaseLost,
                Some(joined) = self.attempts.join_next() => match joined {
                    Ok(attempted) => self.take_in(attempted).await,
                    Err(error) => return Over::Broken(error),
                },
                _ = heartbeat.tick() => self.renew().await,
                _ = poll.tick() => self.look_around().await,
                () = settings.bell.notified() => self.look_around().await,
            };
            if let Err(error) = went {
                if matches!(error, StoreError::LeaseLost(_)) {
                    return Over::LeaseLost;
                }
                // What has ended stays noted and is written with the next look around.
                tracing::warn!(%error, "the outbox could not be worked; trying again");
            }
        }
    }

    async fn renew(&mut self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let until = self.now().after(self.settings.lease);
        self.settings.store.renew(&self.lease, until, NO_STATUS).await?;
        self.held_until = asked + self.settings.lease;
        Ok(())
    }

    async fn look_around(&mut self) -> Result<(), StoreError> {
        self.write_down().await?;
        for account in self.settings.store.accounts_to_notify(self.now()).await? {
            self.crowd.look_at(&account);
        }
        self.tidy().await
    }

    /// Starts as many attempts as there is room for.
    async fn start_attempts(&mut self) {
        self.crowd.set_aside(Instant::now());
        while let Some((account, room, under_way)) = self.crowd.next() {
            let limit = room + under_way;
            let store = &self.settings.store;
            let most = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = match store.due_notifications(&account, self.now(), most).await {
                Ok(due) if due.is_empty() => continue,
                Ok(due) => store.receiver(&account).await.map(|receiver| (due, receiver)),
                Err(error) => Err(error),
            };
            let (due, receiver) = match found {
                Ok((due, Some(receiver))) => (due, Arc::new(receiver)),
                Ok((_, None)) => continue,
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read; trying again");
                    return;
                }
            };
            if due.len() == limit {
                self.crowd.look_at(&account);
            }
            let fresh: Vec<DueNotification> =
                due.into_iter().filter(|one| !self.crowd.is_under_way(&account, one.card)).collect();
            for one in fresh.into_iter().take(room) {
                self.crowd.began(&account, one.card, Instant::now());
                self.start(account.clone(), one, Arc::clone(&receiver));
            }
        }
    }

    fn start(&mut self, account: String, due: DueNotification, receiver: Arc<Receiver>) {
        let sender = self.sender.clone();
        let signed = self.sign(&due, &receiver);
        self.attempts.spawn(async move {
            let began = Instant::now();
            let result = match (signed, &receiver.url) {
                (Ok(body), Some(url)) => sender.post(url, body).await,
                (Err(error), _) => Err(error),
                (_, None) => Err(AttemptError::SwitchedOff),
            };
            Attempted { account, due, result, took: began.elapsed() }
        });
    }

    fn sign(&self, due: &DueNotification, receiver: &Receiver) -> Result<String, AttemptError> {
        if receiver.url.is_none() {
            return Err(AttemptError::SwitchedOff);
        }
        let (Some(appkey), Some(sealed)) = (&receiver.appkey, &receiver.secret) else {
            return Err(AttemptError::NoApp);
        };
        let secret = self.settings.sealer.open(sealed, appkey).map_err(|_| AttemptError::Sealed)?;
        let language = Language::parse(&receiver.language).unwrap_or_default();
        let nonce = rand::random_range(10_000..=99_999);
        let sign_type = receiver.sign_type.as_deref().and_then(SignType::parse).unwrap_or_default();
        message::signed(&due.body, language, sign_type, self.now().seconds(), nonce, secret.expose_secret())
            .ok_or(AttemptError::Damaged)
    }

    /// Takes in one ended attempt, and whatever else has ended by now: they are written down together.
    async fn take_in(&mut self, first: Attempted) -> Result<(), StoreError> {
        self.judge(first);
        while let Some(Ok(attempted)) = self.attempts.try_join_next() {
            self.judge(attempted);
        }
        self.write_down().await
    }

    fn judge(&mut self, attempted: Attempted) {
        let due = &attempted.due;
        let outcome = match &attempted.result {
            Ok(()) => Outcome::Delivered,
            Err(error) => {
                let tries = due.attempts.saturating_add(1);
                let now = self.now();
                let next_at = self.patience.next(tries, due.waiting_since, now, rand::random());
                tracing::warn!(
                    account = attempted.account, card = due.number, notification = due.id, attempt = tries, %error,
                    "a notification was not delivered"
                );
                let text = error.to_string();
                match next_at.filter(|_| !error.is_final()) {
                    Some(next_at) => Outcome::Failed { error: text, next_at },
                    None => Outcome::Dead { error: text },
                }
            }
        };
        self.trace(&attempted);
        let settled = Settled {
            id: due.id.clone(),
            account: attempted.account.clone(),
            card: due.card,
            tries: 1,
            outcome,
        };
        self.ended.push((attempted, settled));
    }

    /// The attempt in the trace of the refresh that it tells of.
    fn trace(&self, attempted: &Attempted) {
        let traces = &self.settings.telemetry.traces;
        if !traces.are_told() {
            return;
        }
        let Some(trace) = message::refresh_of(&attempted.due.body).and_then(|id| traces.of(&id)) else {
            return;
        };
        trace.child(
            Span::ended("notify", self.now(), attempted.took)
                .client()
                .with("simgauge.notification", attempted.due.id.clone())
                .with("simgauge.attempt", i64::from(attempted.due.attempts) + 1)
                .failed(attempted.result.as_ref().err().map(AttemptError::to_string)),
        );
    }

    async fn write_down(&mut self) -> Result<(), StoreError> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let settled: Vec<Settled> = self.ended.iter().map(|(_, settled)| settled.clone()).collect();
        self.settings.store.settle_notifications(&self.lease, &settled, now).await?;
        for (attempted, settled) in self.ended.drain(..) {
            self.settings.telemetry.metrics.notified(&settled.outcome);
            let Attempted { account, due, result, took } = attempted;
            let down = result.is_err_and(|error| error.is_down());
            self.crowd.ended(&account, due.card, down, took, now);
            // What this one held back may be due.
            self.crowd.look_at(&account);
        }
        Ok(())
    }

    /// Lease lost: nothing more is written. Otherwise what ends soon is written, and the rest is delivered again.
    async fn wind_up(mut self, over: Over) {
        // The next holder counts them.
        self.settings.telemetry.metrics.notifications_waiting.set(0);
        match over {
            Over::Stopping => {}
            Over::Broken(error) => tracing::error!(%error, "an attempt to deliver broke; starting anew"),
            Over::LeaseLost => {
                tracing::warn!("the lease of delivery was lost; leaving it to its new holder");
                return;
            }
        }
        let deadline = Instant::now() + WIND_UP;
        while let Ok(Some(joined)) = tokio::time::timeout_at(deadline, self.attempts.join_next()).await {
            if let Ok(attempted) = joined {
                self.judge(attempted);
            }
        }
        let written = self.write_down().await;
        let released = self.settings.store.release(&self.lease, NO_STATUS).await;
        if let Err(error) = written.and(released) {
            tracing::warn!(%error, "delivery could not be wound up; some notifications will arrive twice");
        }
    }
}
