//! Making calls durable, many in one transaction: whatever comes in while one group commits makes up the next.

use super::cooldown_cache::{CooldownCache, Known};
use crate::clock::Clock;
use crate::lanes::Board;
use crate::telemetry::{Span, Telemetry};
use simgauge_domain::id::RefreshId;
use simgauge_protocol::sign::{Fingerprint, fingerprint};
use simgauge_store::{AcceptCall, AcceptOutcome, CardKind, CardRules, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Calls in one transaction at most.
const GROUP_MAX: usize = 512;

/// Why a call was neither accepted nor refused by the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// Too many calls wait to be made durable.
    QueueFull,
    /// The process stops.
    Stopping,
    /// The store failed; nothing was stored.
    Store,
}

struct Pending {
    call: AcceptCall,
    since: Instant,
    reply: oneshot::Sender<Result<AcceptOutcome, NotAccepted>>,
}

/// The way into the store. Cheap to clone; the thread behind it ends when the last clone is gone.
#[derive(Clone)]
pub struct Accepter {
    queue: mpsc::Sender<Pending>,
    past: Arc<Past>,
}

/// What was accepted so far, as far as this process remembers.
struct Past {
    cards: CooldownCache,
    count: AtomicU64,
}

impl Accepter {
    /// Starts the thread that commits.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        store: Store,
        board: Board,
        rules: CardRules,
        clock: Clock,
        telemetry: Telemetry,
        queue: usize,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(queue);
        let past = Arc::new(Past { cards: CooldownCache::new(), count: AtomicU64::new(0) });
        let groups = commit_groups(receiver, store, board, rules, clock, telemetry, Arc::clone(&past));
        let runtime = Handle::current();
        thread::Builder::new().name("accepter".into()).spawn(move || runtime.block_on(groups))?;
        Ok(Self { queue: sender, past })
    }

    /// How many refreshes were accepted since the start.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.past.count.load(Ordering::Relaxed)
    }

    /// What this process knows of a call's card without asking the store.
    #[must_use]
    pub fn known(&self, account: &str, kind: CardKind, number: &str, sign: &Fingerprint) -> Known {
        self.past.cards.get(account, kind, number, sign)
    }

    /// Tells how many calls wait to be made durable, without keeping the thread behind it alive.
    #[must_use]
    pub fn depth(&self) -> Box<dyn Fn() -> usize + Send + Sync> {
        let queue = self.queue.downgrade();
        Box::new(move || queue.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity()))
    }

    /// Takes a call to the store; answers after the commit. The call's id is replaced.
    ///
    /// # Errors
    /// [`NotAccepted`]; then nothing was stored.
    pub async fn accept(&self, call: AcceptCall) -> Result<AcceptOutcome, NotAccepted> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Pending { call, since: Instant::now(), reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotAccepted::QueueFull,
            mpsc::error::TrySendError::Closed(_) => NotAccepted::Stopping,
        })?;
        answer.await.unwrap_or(Err(NotAccepted::Stopping))
    }
}

async fn commit_groups(
    mut queue: mpsc::Receiver<Pending>,
    store: Store,
    board: Board,
    rules: CardRules,
    clock: Clock,
    telemetry: Telemetry,
    past: Arc<Past>,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    // Ids of one process are distinct and grow in the order of commits, also within a millisecond; where they start keeps
    // processes apart.
    let mut last_id = u128::from(rand::random::<u64>()) << 15;
    while queue.recv_many(&mut group, GROUP_MAX).await > 0 {
        let now = clock.now();
        let began = Instant::now();
        let entered: Vec<Instant> = group.iter().map(|pending| pending.since).collect();
        let (mut calls, replies): (Vec<AcceptCall>, Vec<_>) =
            group.drain(..).map(|pending| (pending.call, pending.reply)).unzip();
        for call in &mut calls {
            last_id += 1;
            call.id = RefreshId::new(now, last_id);
        }
        let admission = |lane: &str, account: &str| board.admit(lane, account);
        let outcomes = match store.accept(&calls, &rules, &admission, now).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) => {
                tracing::error!(%error, calls = calls.len(), "a group of refreshes could not be stored");
                vec![Err(NotAccepted::Store); calls.len()]
            }
        };
        measure(&telemetry, &entered, began);
        let committed = began.elapsed();
        for (((call, reply), outcome), since) in calls.iter().zip(replies).zip(outcomes).zip(entered) {
            remember(&past, call, outcome.as_ref());
            if let Ok(AcceptOutcome::Accepted { tasks, .. }) = &outcome {
                for task in tasks {
                    board.added(&task.lane, &call.account);
                }
                trace(&telemetry, call, &clock, since, began, committed);
            }
            // A caller that went away finds its refresh later.
            let _ = reply.send(outcome);
        }
    }
}

fn measure(telemetry: &Telemetry, entered: &[Instant], began: Instant) {
    let ended = Instant::now();
    for since in entered {
        telemetry.metrics.accept_seconds.observe(ended.duration_since(*since).as_secs_f64());
    }
    // At most GROUP_MAX.
    telemetry.metrics.group_calls.observe(f64::from(u32::try_from(entered.len()).unwrap_or(u32::MAX)));
    let waited = entered.first().map(|since| began.duration_since(*since)).unwrap_or_default();
    telemetry.slow.commit(entered.len(), waited, ended.duration_since(began));
}

/// The first spans of a refresh's trace: the call, from the queue's entrance on, and the commit that it shared with others.
fn trace(
    telemetry: &Telemetry,
    call: &AcceptCall,
    clock: &Clock,
    since: Instant,
    began: Instant,
    committed: Duration,
) {
    let Some(trace) = telemetry.traces.of(&call.id) else { return };
    let now = clock.now();
    let span = Span::ended("accept refresh", now, began.duration_since(since) + committed);
    trace.root(
        span.server()
            .with("simgauge.refresh", call.id.to_string())
            .with("simgauge.account", call.account.clone())
            .with("simgauge.card", call.number.clone()),
    );
    trace.child(Span::ended("commit", now, committed));
}

fn remember(past: &Past, call: &AcceptCall, outcome: Result<&AcceptOutcome, &NotAccepted>) {
    let Ok(AcceptOutcome::Accepted { refresh, .. }) = outcome else { return };
    past.count.fetch_add(1, Ordering::Relaxed);
    if let Some(sign) = fingerprint(&call.sign) {
        past.cards.put(&call.account, call.kind, &call.number, sign, refresh.accepted_at);
    }
}
