//! Making calls durable, many in one transaction: whatever comes in while one group commits makes up the next, and while one
//! waits for the disk the next one is worked on.

use super::cooldown_cache::Known;
use super::inflight::{InflightLimit, InflightPermit};
use super::sync::{Callers, Group, Past, Reply, Syncer};
use crate::clock::Clock;
use crate::lanes::LaneRegistry;
use crate::telemetry::Telemetry;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::sign::Fingerprint;
use simgauge_store::{AcceptCall, AcceptOutcome, CardRules, Store};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

/// Calls in one transaction at most.
const GROUP_MAX: usize = 512;

/// Groups that wait for the disk at most, beside those it works on.
const GROUPS_AHEAD: usize = 1;

/// Why a call was neither accepted nor refused by the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// So many calls are on their way to being durable that this one would wait too long.
    QueueFull,
    /// The process stops.
    Stopping,
    /// The store failed. Nothing was stored, or (where the disk refused what was committed) it is not known whether it stays.
    Store,
}

struct Pending {
    call: AcceptCall,
    permit: InflightPermit,
    reply: Reply,
}

/// The way into the store. Cheap to clone; the threads behind it end when the last clone is gone.
#[derive(Clone)]
pub struct Accepter {
    /// As long as the room lets it become.
    queue: mpsc::UnboundedSender<Pending>,
    inflight: Arc<InflightLimit>,
    past: Arc<Past>,
}

impl Accepter {
    /// Starts the threads that commit and the one that answers. At most `queue` calls are on their way.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        store: Store,
        registry: LaneRegistry,
        rules: CardRules,
        clock: Clock,
        telemetry: Telemetry,
        queue: usize,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (inflight, past) = (Arc::new(InflightLimit::new(queue)), Arc::new(Past::new()));
        let (to_sync, committed) = sync_channel(GROUPS_AHEAD);
        let syncer = Syncer {
            store: store.clone(),
            registry: registry.clone(),
            clock: clock.clone(),
            telemetry,
            past: Arc::clone(&past),
            inflight: Arc::clone(&inflight),
        };
        thread::Builder::new().name("syncer".into()).spawn(move || syncer.run(&committed))?;
        let queue = Arc::new(Mutex::new(Queue { receiver, ids: Ids::new() }));
        let committer = Committer { queue, store, registry, rules, clock, to_sync };
        for _ in 0..committer.store.groups_at_once() {
            let (committer, runtime) = (committer.clone(), Handle::current());
            thread::Builder::new()
                .name("accepter".into())
                .spawn(move || runtime.block_on(committer.run()))?;
        }
        Ok(Self { queue: sender, inflight, past })
    }

    /// How many refreshes were accepted since the start.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.past.count()
    }

    /// What this process knows of a call's card without asking the store.
    #[must_use]
    pub fn known(&self, account: &str, kind: CardKind, number: &str, sign: &Fingerprint) -> Known {
        self.past.known(account, kind, number, sign)
    }

    /// Tells how many calls are on their way to being durable, without keeping the threads behind this alive.
    #[must_use]
    pub fn depth(&self) -> Box<dyn Fn() -> usize + Send + Sync> {
        let inflight = Arc::clone(&self.inflight);
        Box::new(move || inflight.inside())
    }

    /// Takes a call to the store; answers after the commit. The call's id is replaced.
    ///
    /// # Errors
    /// [`NotAccepted`], which says what is stored then.
    pub async fn accept(&self, call: AcceptCall) -> Result<AcceptOutcome, NotAccepted> {
        let permit = self.inflight.enter().ok_or(NotAccepted::QueueFull)?;
        let (reply, answer) = oneshot::channel();
        self.queue.send(Pending { call, permit, reply }).map_err(|_| NotAccepted::Stopping)?;
        answer.await.unwrap_or(Err(NotAccepted::Stopping))
    }
}

/// Where calls wait, and the ids that they get.
struct Queue {
    receiver: mpsc::UnboundedReceiver<Pending>,
    ids: Ids,
}

/// Takes groups out of the queue and commits them; several do where the store works on several groups at once.
#[derive(Clone)]
struct Committer {
    queue: Arc<Mutex<Queue>>,
    store: Store,
    registry: LaneRegistry,
    rules: CardRules,
    clock: Clock,
    to_sync: SyncSender<Group>,
}

impl Committer {
    /// Works until nobody can call any more.
    async fn run(self) {
        while let Some((callers, now)) = self.next_group().await {
            let admission = |lane: &str, account: &str| self.registry.admit(lane, account);
            match self.store.accept_unsynced(&callers.calls, &self.rules, &admission, now).await {
                Ok(committed) => {
                    // Without whoever answers, the process goes down.
                    if self.to_sync.send(Group { committed, callers }).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let calls = callers.calls.len();
                    tracing::error!(%error, calls, "a group of refreshes could not be stored");
                    for reply in callers.replies {
                        let _ = reply.send(Err(NotAccepted::Store));
                    }
                }
            }
        }
    }

    /// Whatever waits, as far as it makes up one group.
    async fn next_group(&self) -> Option<(Callers, UnixMs)> {
        let mut queue = self.queue.lock().await;
        let mut waiting = Vec::with_capacity(GROUP_MAX);
        if queue.receiver.recv_many(&mut waiting, GROUP_MAX).await == 0 {
            return None;
        }
        let now = self.clock.now();
        let began = Instant::now();
        let (mut calls, places, replies): (Vec<AcceptCall>, Vec<InflightPermit>, Vec<Reply>) =
            waiting.into_iter().map(|pending| (pending.call, pending.permit, pending.reply)).collect();
        for call in &mut calls {
            call.id = queue.ids.next(now);
        }
        Some((Callers { calls, places, replies, began }, now))
    }
}

/// Ids of one process are distinct and grow in the order of commits, also within a millisecond and when the clock is put back;
/// where they start keeps processes apart.
struct Ids {
    at: UnixMs,
    distinct: u128,
}

impl Ids {
    fn new() -> Self {
        Self { at: UnixMs(0), distinct: u128::from(rand::random::<u64>()) << 15 }
    }

    fn next(&mut self, now: UnixMs) -> RefreshId {
        self.at = self.at.max(now);
        self.distinct += 1;
        RefreshId::new(self.at, self.distinct)
    }
}
