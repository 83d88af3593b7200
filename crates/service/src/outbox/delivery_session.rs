//! One holding of the outbox's lease: what is due is posted, and how that went is written, until it is over.

use super::cleanup::OutboxCleanup;
use super::delivery_attempt::{AttemptError, Sender};
use super::message;
use super::retry_schedule::RetrySchedule;
use super::scheduler::DeliveryScheduler;
use super::settings::NotifySettings;
use super::settle::settle;
use crate::interval::every;
use crate::lease::{ExitReason, HeldLease, LeaseEvent};
use crate::telemetry::Span;
use secrecy::ExposeSecret as _;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::Language;
use simgauge_protocol::sign::SignType;
use simgauge_store::{DamagedNotification, DueNotification, Outcome, Receiver, Settled, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a stop waits for attempts under way. What is cut off is delivered again.
const SHUTDOWN_TIME: Duration = Duration::from_secs(2);
/// Nobody reads how delivery goes from its lease.
const NO_STATUS: &str = "{}";

/// An attempt that ended.
struct EndedAttempt {
    account: String,
    due: DueNotification,
    result: Result<(), AttemptError>,
    took: Duration,
}

pub(super) struct DeliverySession<'a> {
    settings: &'a NotifySettings,
    sender: &'a Sender,
    retry_schedule: RetrySchedule,
    lease: HeldLease,
    scheduler: DeliveryScheduler,
    attempts: JoinSet<EndedAttempt>,
    /// Ended, and not yet written.
    ended: Vec<(EndedAttempt, Settled)>,
    /// Notifications whose rows refuse every change: by id, whose they are. They are not tried again.
    refused: HashMap<String, String>,
    cleanup: OutboxCleanup<'a>,
}

impl<'a> DeliverySession<'a> {
    pub(super) fn new(settings: &'a NotifySettings, sender: &'a Sender, lease: HeldLease) -> Self {
        Self {
            settings,
            sender,
            retry_schedule: settings.retry_schedule(),
            lease,
            scheduler: DeliveryScheduler::new(settings.config.max_in_flight),
            attempts: JoinSet::new(),
            ended: Vec::new(),
            refused: HashMap::new(),
            cleanup: OutboxCleanup::new(settings),
        }
    }

    fn now(&self) -> UnixMs {
        self.settings.clock.now()
    }

    /// Works until it is over; answers with the lease where it is still held then.
    pub(super) async fn work(mut self, stopping: &CancellationToken) -> Option<HeldLease> {
        let settings = self.settings;
        let mut poll = every(Duration::from_secs_f64(settings.config.poll_seconds));
        let reason = loop {
            self.start_attempts().await;
            let done = tokio::select! {
                biased;
                () = stopping.cancelled() => break ExitReason::Stopping,
                event = self.lease.event() => match event {
                    LeaseEvent::Expired => break ExitReason::LeaseLost,
                    LeaseEvent::RenewalDue => match self.lease.renew(NO_STATUS).await {
                        Ok(()) => Ok(()),
                        Err(reason) => break reason,
                    },
                },
                Some(joined) = self.attempts.join_next() => match joined {
                    Ok(attempt) => self.take_in(attempt).await,
                    Err(error) => break ExitReason::Broken(error),
                },
                _ = poll.tick() => self.look_around().await,
                () = settings.refreshes_ended.notified() => self.look_around().await,
            };
            match done {
                Ok(()) => {}
                Err(StoreError::LeaseLost(_)) => break ExitReason::LeaseLost,
                // What has ended is kept and written with the next poll.
                Err(error) => tracing::warn!(%error, "the outbox could not be worked; trying again"),
            }
        };
        self.shut_down(reason).await
    }

    async fn look_around(&mut self) -> Result<(), StoreError> {
        self.write_ended().await?;
        let now = self.now();
        for account in self.settings.store.accounts_to_notify(now).await? {
            self.scheduler.mark_pending(&account);
        }
        self.cleanup.clean(self.lease.lease(), &self.scheduler, now).await
    }

    /// Starts as many attempts as may run now.
    async fn start_attempts(&mut self) {
        self.scheduler.mark_slow(Instant::now());
        while let Some((account, free, under_way)) = self.scheduler.next() {
            let refused = self.refused.values().filter(|of| **of == account).count();
            let limit = free + under_way + refused;
            let store = &self.settings.store;
            let most = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = match store.due_notifications(&account, self.now(), most).await {
                Ok(due) if due.is_empty() => continue,
                Ok(due) => store.receiver(&account).await.map(|receiver| (due, receiver)),
                Err(error) => Err(error),
            };
            let (found, receiver) = match found {
                Ok((found, Some(receiver))) => (found, Arc::new(receiver)),
                Ok((_, None)) => continue,
                Err(error) if error.is_of_a_row() => {
                    tracing::error!(account, %error, "notifications of an account cannot be read");
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read; trying again");
                    return;
                }
            };
            if found.len() == limit {
                self.scheduler.mark_pending(&account);
            }
            let due = self.sound(&account, found).await;
            let is_free = |one: &DueNotification| {
                !self.refused.contains_key(&one.id) && !self.scheduler.is_under_way(&account, one.card)
            };
            let fresh: Vec<DueNotification> = due.into_iter().filter(is_free).collect();
            for one in fresh.into_iter().take(free) {
                self.scheduler.began(&account, one.card, Instant::now());
                self.start(account.clone(), one, Arc::clone(&receiver));
            }
        }
    }

    /// Gives up the notifications whose rows are damaged, and answers with the others.
    async fn sound(
        &mut self,
        account: &str,
        found: Vec<Result<DueNotification, DamagedNotification>>,
    ) -> Vec<DueNotification> {
        let (mut sound, mut dead) = (Vec::with_capacity(found.len()), Vec::new());
        for one in found {
            match one {
                Ok(due) => sound.push(due),
                Err(damaged) if self.refused.contains_key(&damaged.id) => {}
                Err(damaged) => {
                    self.settings.telemetry.metrics.notification_set_aside();
                    dead.push(give_up_damaged(account, damaged));
                }
            }
        }
        if !dead.is_empty() {
            let settlement =
                settle(&self.settings.store, self.lease.lease(), dead, |one| one, self.now()).await;
            settlement.written.iter().for_each(|one| self.settings.telemetry.metrics.notified(&one.outcome));
            self.refused.extend(settlement.refused.into_iter().map(|one| (one.id, one.account)));
            if let Some(error) = settlement.error {
                tracing::warn!(%error, "a damaged notification could not be given up; trying again");
            }
            // What they held back may be due.
            self.scheduler.mark_pending(account);
        }
        sound
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
            EndedAttempt { account, due, result, took: began.elapsed() }
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
        let language = Language::parse(&receiver.language).ok_or(AttemptError::Unknown("language"))?;
        let nonce = rand::random_range(10_000..=99_999);
        let sign_type = receiver.sign_type.as_deref().and_then(SignType::parse);
        let sign_type = sign_type.ok_or(AttemptError::Unknown("sign type"))?;
        message::signed(&due.body, language, sign_type, self.now().seconds(), nonce, secret.expose_secret())
            .ok_or(AttemptError::Damaged)
    }

    /// Takes in an attempt that ended, and all others that have ended by now: they are written together.
    async fn take_in(&mut self, first: EndedAttempt) -> Result<(), StoreError> {
        self.judge_delivery(first);
        while let Some(joined) = self.attempts.try_join_next() {
            match joined {
                Ok(attempt) => self.judge_delivery(attempt),
                Err(error) => {
                    tracing::error!(%error, "an attempt to deliver broke; it is made again");
                }
            }
        }
        self.write_ended().await
    }

    fn judge_delivery(&mut self, attempt: EndedAttempt) {
        let due = &attempt.due;
        let outcome = match &attempt.result {
            Ok(()) => Outcome::Delivered,
            Err(error) => {
                let tries = due.attempts.saturating_add(1);
                let now = self.now();
                let next_at = self.retry_schedule.next(tries, due.waiting_since, now, rand::random());
                tracing::warn!(
                    account = attempt.account,
                    card = due.number,
                    notification = due.id,
                    attempt = tries,
                    %error,
                    "a notification was not delivered"
                );
                let text = error.to_string();
                match next_at.filter(|_| !error.is_final()) {
                    Some(next_at) => Outcome::Failed { error: text, next_at },
                    None => Outcome::Dead { error: text },
                }
            }
        };
        self.trace(&attempt);
        let settled = Settled {
            id: due.id.clone(),
            account: attempt.account.clone(),
            card: due.card,
            tries: 1,
            outcome,
        };
        self.ended.push((attempt, settled));
    }

    /// The attempt in the trace of its refresh.
    fn trace(&self, attempt: &EndedAttempt) {
        let traces = &self.settings.telemetry.traces;
        if !traces.are_on() {
            return;
        }
        let Some(trace) = message::refresh_of(&attempt.due.body).and_then(|id| traces.of(&id)) else {
            return;
        };
        trace.child(
            Span::ended("notify", self.now(), attempt.took)
                .client()
                .with("simgauge.notification", attempt.due.id.clone())
                .with("simgauge.attempt", i64::from(attempt.due.attempts) + 1)
                .failed(attempt.result.as_ref().err().map(AttemptError::to_string)),
        );
    }

    async fn write_ended(&mut self) -> Result<(), StoreError> {
        if self.ended.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let ended = std::mem::take(&mut self.ended);
        let settlement =
            settle(&self.settings.store, self.lease.lease(), ended, |(_, settled)| settled, now).await;
        for (attempt, settled) in settlement.written {
            self.settings.telemetry.metrics.notified(&settled.outcome);
            self.attempt_is_over(attempt, now);
        }
        for (attempt, settled) in settlement.refused {
            self.settings.telemetry.metrics.notification_set_aside();
            self.refused.insert(settled.id, settled.account);
            self.attempt_is_over(attempt, now);
        }
        self.ended = settlement.left;
        settlement.error.map_or(Ok(()), Err)
    }

    fn attempt_is_over(&mut self, attempt: EndedAttempt, now: UnixMs) {
        let EndedAttempt { account, due, result, took } = attempt;
        let down = result.is_err_and(|error| error.is_down());
        self.scheduler.ended(&account, due.card, down, took, now);
        // What this one held back may be due.
        self.scheduler.mark_pending(&account);
    }

    /// Lease lost: what runs is dropped and nothing more is written. Otherwise what ends soon is written, and
    /// the rest is delivered again.
    async fn shut_down(mut self, reason: ExitReason) -> Option<HeldLease> {
        // The next holder counts them.
        self.settings.telemetry.metrics.notifications_waiting.set(0);
        match reason {
            ExitReason::Stopping => {}
            ExitReason::Broken(error) => {
                tracing::error!(%error, "an attempt to deliver broke; starting anew");
            }
            ExitReason::LeaseLost => {
                tracing::warn!("the lease of delivery was lost; leaving it to its new holder");
                self.attempts.shutdown().await;
                return None;
            }
        }
        let deadline = Instant::now() + SHUTDOWN_TIME;
        while let Ok(Some(joined)) = tokio::time::timeout_at(deadline, self.attempts.join_next()).await {
            match joined {
                Ok(attempt) => self.judge_delivery(attempt),
                Err(error) => tracing::error!(%error, "an attempt to deliver broke; it is made again"),
            }
        }
        self.attempts.shutdown().await;
        match self.write_ended().await {
            Ok(()) => {}
            Err(StoreError::LeaseLost(_)) => return None,
            Err(error) => {
                tracing::warn!(%error, "the last deliveries could not be written; some will arrive twice");
            }
        }
        Some(self.lease)
    }
}

fn give_up_damaged(account: &str, damaged: DamagedNotification) -> Settled {
    let DamagedNotification { id, card, error } = damaged;
    let card_id = card;
    tracing::error!(account, %card_id, notification = id, %error, "a damaged notification is given up");
    Settled {
        id,
        account: account.to_owned(),
        card,
        tries: 0,
        outcome: Outcome::Dead { error: "the notification's row is damaged".to_owned() },
    }
}
