//! Making calls durable, many in one transaction: whatever comes in while one group commits makes up the
//! next, and while one waits for the disk the next one is worked on.

use super::accepted::AcceptedRefreshes;
use super::cooldown_cache::Known;
use super::group::{Callers, Group, NotAccepted, Reply};
use super::inflight::{InflightLimit, InflightPermit};
use super::sync::Syncer;
use super::write_health::{WriteHealth, WriteOutcome};
use crate::clock::Clock;
use crate::lanes::LaneRegistry;
use crate::telemetry::Telemetry;
use crate::thread;
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::sign::Fingerprint;
use simgauge_store::{AcceptCall, AcceptOutcome, CardRules, Store};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Calls in one transaction at most.
const GROUP_MAX: usize = 512;

/// Groups that wait for the disk at most, beside those it works on.
const GROUPS_AHEAD: usize = 1;

struct Pending {
    call: AcceptCall,
    permit: InflightPermit,
    reply: Reply,
}

/// How refreshes are accepted.
#[derive(Clone, Copy, Debug)]
pub struct AcceptSettings {
    pub rules: CardRules,
    /// Calls on their way at most.
    pub queue: usize,
    /// The highest id in the store.
    pub highest_id: Option<RefreshId>,
}

/// Makes refreshes durable. Cheap to clone.
#[derive(Clone)]
pub struct Accepter {
    /// As long as the limit of calls on their way lets it become.
    queue: mpsc::UnboundedSender<Pending>,
    inflight: Arc<InflightLimit>,
    accepted: Arc<AcceptedRefreshes>,
    writes: WriteHealth,
    stopping: CancellationToken,
    threads: Arc<std::sync::Mutex<Vec<BoxFuture<'static, ()>>>>,
}

impl Accepter {
    /// Starts the threads that commit and the one that answers. The threads end with [`Self::stop`], or when
    /// the last clone is gone.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        store: Store,
        registry: LaneRegistry,
        clock: Clock,
        telemetry: Telemetry,
        settings: AcceptSettings,
    ) -> std::io::Result<Self> {
        let AcceptSettings { rules, queue, highest_id } = settings;
        let (sender, receiver) = mpsc::unbounded_channel();
        let (inflight, accepted) = (Arc::new(InflightLimit::new(queue)), Arc::new(AcceptedRefreshes::new()));
        let writes = WriteHealth::of(store.clone());
        let (to_sync, committed) = sync_channel(GROUPS_AHEAD);
        let syncer = Syncer {
            store: store.clone(),
            registry: registry.clone(),
            clock: clock.clone(),
            telemetry,
            accepted: Arc::clone(&accepted),
            inflight: Arc::clone(&inflight),
            writes: writes.clone(),
        };
        let mut threads = vec![thread::start("syncer", move || syncer.run(&committed))?.boxed()];
        let stopping = CancellationToken::new();
        let queue = Arc::new(Mutex::new(Queue { receiver, ids: Ids::after(highest_id) }));
        let committer = Committer {
            queue,
            store,
            registry,
            rules,
            clock,
            writes: writes.clone(),
            to_sync,
            stopping: stopping.clone(),
        };
        for _ in 0..committer.store.groups_at_once() {
            let (committer, runtime) = (committer.clone(), Handle::current());
            threads.push(thread::start("accepter", move || runtime.block_on(committer.run()))?.boxed());
        }
        let threads = Arc::new(std::sync::Mutex::new(threads));
        Ok(Self { queue: sender, inflight, accepted, writes, stopping, threads })
    }

    /// Accepts what waits and nothing more; waits for the threads to end, at most for this long.
    pub async fn stop(&self, at_most: Duration) {
        self.stopping.cancel();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        if tokio::time::timeout(at_most, join_all(threads)).await.is_err() {
            tracing::warn!("some refreshes were still being made durable at the end");
        }
    }

    /// Whether refreshes can be made durable, or why not. Known from the last one; where there was none
    /// lately, a small write is tried. Answers within two seconds.
    ///
    /// # Errors
    /// The reason, in words for anyone.
    pub async fn can_write(&self) -> WriteOutcome {
        self.writes.check().await
    }

    /// How many refreshes were accepted since the start.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.count()
    }

    /// What this process knows of a call's card without asking the store.
    #[must_use]
    pub fn known(&self, account: &str, kind: CardKind, number: &str, sign: &Fingerprint) -> Known {
        self.accepted.known(account, kind, number, sign)
    }

    /// Answers how many calls are on their way to being durable, without keeping the threads behind this
    /// alive.
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

/// Takes groups out of the queue and commits them; several do where the store works on several groups at
/// once.
#[derive(Clone)]
struct Committer {
    queue: Arc<Mutex<Queue>>,
    store: Store,
    registry: LaneRegistry,
    rules: CardRules,
    clock: Clock,
    writes: WriteHealth,
    to_sync: SyncSender<Group>,
    stopping: CancellationToken,
}

impl Committer {
    /// Works until it is stopped or nobody can call any more.
    async fn run(self) {
        while let Some((callers, now)) = self.next_group().await {
            let admission = |lane: &str, account: &str| self.registry.admit(lane, account, now);
            match self.store.accept_unsynced(&callers.calls, &self.rules, &admission, now).await {
                Ok(committed) => {
                    if committed.put_right() > 0 {
                        let refreshes = committed.put_right();
                        tracing::warn!(
                            refreshes,
                            "accepted in the future by a clock that was ahead; they count as now"
                        );
                    }
                    // Without whoever answers, the process goes down.
                    if self.to_sync.send(Group { committed, callers }).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.writes.ended(Err(error.in_plain_words()));
                    let calls = callers.calls.len();
                    tracing::error!(%error, calls, "a group of refreshes could not be stored");
                    for reply in callers.replies {
                        let _ = reply.send(Err(NotAccepted::from(&error)));
                    }
                }
            }
        }
    }

    /// Whatever waits, as far as it makes up one group.
    async fn next_group(&self) -> Option<(Callers, UnixMs)> {
        let mut queue = self.queue.lock().await;
        let mut waiting = Vec::with_capacity(GROUP_MAX);
        let received = queue.receiver.recv_many(&mut waiting, GROUP_MAX);
        if self.stopping.run_until_cancelled(received).await.is_none() {
            queue.receiver.close();
            queue.receiver.recv_many(&mut waiting, GROUP_MAX).await;
        }
        if waiting.is_empty() {
            return None;
        }
        let now = self.clock.now();
        let began = Instant::now();
        let (mut calls, permits, replies): (Vec<AcceptCall>, Vec<InflightPermit>, Vec<Reply>) =
            waiting.into_iter().map(|pending| (pending.call, pending.permit, pending.reply)).collect();
        for call in &mut calls {
            call.id = queue.ids.next(now);
        }
        Some((Callers { calls, permits, replies, began }, now))
    }
}

/// Ids of one process are distinct and grow in the order of commits, also within a millisecond and when the
/// clock is put back. They begin after those in the store, since the clock may have been put back while no
/// process ran: the latest refresh of a card must have its highest id. Where they start keeps processes
/// apart.
struct Ids {
    at: UnixMs,
    distinct: u128,
}

impl Ids {
    fn after(highest: Option<RefreshId>) -> Self {
        let at = highest.map_or(UnixMs(0), |id| UnixMs(id.made_at().0.saturating_add(1)));
        Self { at, distinct: u128::from(rand::random::<u64>()) << 15 }
    }

    fn next(&mut self, now: UnixMs) -> RefreshId {
        self.at = self.at.max(now);
        self.distinct += 1;
        RefreshId::new(self.at, self.distinct)
    }
}
