//! One thread writes for all lanes. The results that they bring while it writes make up the next transaction.
//! With one writer for each lane, a call that is to be accepted would wait for as many transactions.
//!
//! A group that fails because of one row is bisected, so that this row alone is set aside and all others are
//! written.

use crate::telemetry::Telemetry;
use crate::thread;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::refresh::Failure;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Ended, Finished, LaneResults, Lease, SetAside, Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Results in one transaction, unless a lane brings more at once. The next one to write, calls among them,
/// waits for all of them, and a result takes about a tenth of a millisecond.
const RESULTS: usize = 20;
/// Groups that wait at most; lanes wait beyond.
const QUEUE: usize = 256;
/// What is told of a refresh whose result cannot be written.
const SET_ASIDE: &str =
    "The platform could not store what was read of this card. Please contact the platform.";

/// What became of a lane's results.
#[derive(Debug)]
pub(super) struct WrittenResults {
    /// Those that are written or set aside.
    pub(super) done: LaneResults,
    /// The refreshes that ended thereby.
    pub(super) ended: Vec<Ended>,
    /// What of the others.
    pub(super) rest: Rest,
}

/// Why some results were not written.
#[derive(Debug)]
pub(super) enum Rest {
    /// There are no others.
    None,
    /// Another node has the lane.
    LeaseLost,
    /// The store failed; here they are again.
    Store(LaneResults),
    /// The process goes down.
    Stopping,
}

type Reply = oneshot::Sender<WrittenResults>;

/// Writes results. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub(super) struct ResultWriter(mpsc::Sender<(LaneResults, Reply)>);

impl ResultWriter {
    /// Starts the thread; answers with what ends when the thread has ended. On a thread that also answers
    /// calls, each statement of a transaction would wait for thousands of calls, and everybody else for the
    /// transaction.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(
        store: Store,
        telemetry: Telemetry,
    ) -> std::io::Result<(Self, impl Future<Output = ()> + Send + 'static)> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let runtime = Handle::current();
        let writer = GroupWriter { store, telemetry };
        let work = move || runtime.block_on(writer.run(receiver));
        Ok((Self(sender), thread::start("result-writer", work)?))
    }

    /// Writes one lane's results.
    pub(super) async fn write(&self, results: LaneResults) -> WrittenResults {
        let nothing = WrittenResults { done: none_of(&results), ended: Vec::new(), rest: Rest::Stopping };
        let (reply, answer) = oneshot::channel();
        match self.0.send((results, reply)).await {
            Ok(()) => answer.await.unwrap_or(nothing),
            Err(_) => nothing,
        }
    }
}

/// What lanes brought, up to about [`RESULTS`]; nothing once there are no lanes any more.
async fn next_group(
    queue: &mut mpsc::Receiver<(LaneResults, Reply)>,
) -> Option<(Vec<LaneResults>, Vec<Reply>)> {
    let (first, reply) = queue.recv().await?;
    let mut count = first.count();
    let (mut group, mut replies) = (vec![first], vec![reply]);
    while count < RESULTS
        && let Ok((more, reply)) = queue.try_recv()
    {
        count += more.count();
        group.push(more);
        replies.push(reply);
    }
    Some((group, replies))
}

struct GroupWriter {
    store: Store,
    telemetry: Telemetry,
}

impl GroupWriter {
    async fn run(self, mut queue: mpsc::Receiver<(LaneResults, Reply)>) {
        while let Some((group, replies)) = next_group(&mut queue).await {
            match self.store.write_results(&group).await {
                Ok(written) => {
                    for ((results, ended), reply) in group.into_iter().zip(written).zip(replies) {
                        let _ = reply.send(written_or_lost(results, ended));
                    }
                }
                Err(error) if error.is_of_a_row() => {
                    for (results, reply) in group.into_iter().zip(replies) {
                        let _ = reply.send(self.bisect(results).await);
                    }
                }
                Err(error) => {
                    let lanes: Vec<&str> = group.iter().map(|results| results.lease.name.as_str()).collect();
                    tracing::error!(?lanes, %error, "readings could not be written; trying again");
                    for (results, reply) in group.into_iter().zip(replies) {
                        let (done, rest) = (none_of(&results), Rest::Store(results));
                        let _ = reply.send(WrittenResults { done, ended: Vec::new(), rest });
                    }
                }
            }
        }
    }

    /// Writes what can be written of one lane's results, in their order.
    async fn bisect(&self, results: LaneResults) -> WrittenResults {
        let mut written = WrittenResults { done: none_of(&results), ended: Vec::new(), rest: Rest::None };
        let mut pending = vec![results];
        while let Some(part) = pending.pop() {
            let outcome = match self.store.write_results(std::slice::from_ref(&part)).await {
                Ok(ended) => Ok(ended.into_iter().next().flatten()),
                Err(error) if error.is_of_a_row() && part.count() > 1 => {
                    let (first, second) = halves(part);
                    pending.extend([second, first]);
                    continue;
                }
                Err(error) if error.is_of_a_row() => self.set_aside(&part, &error).await.map(Some),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(Some(ended)) => {
                    add(&mut written.done, part);
                    written.ended.extend(ended);
                }
                Ok(None) | Err(StoreError::LeaseLost(_)) => {
                    written.rest = Rest::LeaseLost;
                    return written;
                }
                Err(error) => {
                    let lane = part.lease.name.as_str();
                    tracing::error!(lane, %error, "readings could not be written; trying again");
                    let mut left = part;
                    pending.into_iter().rev().for_each(|more| add(&mut left, more));
                    written.rest = Rest::Store(left);
                    return written;
                }
            }
        }
        written
    }

    /// Sets aside the one result that cannot be written: its refresh ends as failed. A note that a reading is
    /// under way, or put off, is only dropped; the lane goes on with it from memory.
    ///
    /// # Errors
    /// The lease was lost, or the store failed.
    async fn set_aside(&self, alone: &LaneResults, error: &StoreError) -> Result<Vec<Ended>, StoreError> {
        let lane = alone.lease.name.as_str();
        self.telemetry.metrics.result_set_aside();
        let noted = alone.running.first().or(alone.postponed.first().map(|one| &one.key));
        if let Some(key) = noted {
            let (account, refresh, profile) = (&key.account, &key.refresh, key.profile);
            tracing::error!(
                lane, account, %refresh, %profile, %error,
                "how a reading stands cannot be written; going on without it"
            );
        }
        let Some(one) = alone.finished.first() else { return Ok(Vec::new()) };
        tracing::error!(
            lane, account = one.task.account, card_id = %one.card, refresh = %one.task.refresh,
            profile = %one.task.profile, %error,
            "what was read cannot be written; its refresh ends as failed"
        );
        let failure = Failure { kind: FailureKind::Internal, detail: SET_ASIDE.to_owned() };
        let failed = LaneResults {
            finished: vec![Finished { outcome: Err(failure), ..one.clone() }],
            ..none_of(alone)
        };
        match self.store.write_results(&[failed]).await {
            Ok(ended) => {
                ended.into_iter().next().flatten().ok_or_else(|| StoreError::LeaseLost(lane.to_owned()))
            }
            Err(error) if error.is_of_a_row() => {
                set_aside_task(&self.store, &alone.lease, &SetAside::from(one), one.ended_at).await
            }
            Err(error) => Err(error),
        }
    }
}

/// Ends the refresh of a task whose card cannot be changed.
///
/// # Errors
/// The lease was lost, or the store failed.
pub(super) async fn set_aside_task(
    store: &Store,
    lease: &Lease,
    task: &SetAside,
    now: UnixMs,
) -> Result<Vec<Ended>, StoreError> {
    match store.set_aside(lease, task, SET_ASIDE, now).await {
        Err(error) if error.is_of_a_row() => {
            let (lane, refresh) = (lease.name.as_str(), task.refresh.as_str());
            tracing::error!(lane, refresh, %error, "the refresh cannot be ended; left until the next start");
            Ok(Vec::new())
        }
        other => other,
    }
}

fn written_or_lost(results: LaneResults, ended: Option<Vec<Ended>>) -> WrittenResults {
    match ended {
        Some(ended) => WrittenResults { done: results, ended, rest: Rest::None },
        None => WrittenResults { done: none_of(&results), ended: Vec::new(), rest: Rest::LeaseLost },
    }
}

fn none_of(results: &LaneResults) -> LaneResults {
    let (lease, guard) = (results.lease.clone(), results.guard.clone());
    LaneResults { lease, running: Vec::new(), postponed: Vec::new(), finished: Vec::new(), guard }
}

fn add(to: &mut LaneResults, more: LaneResults) {
    to.running.extend(more.running);
    to.postponed.extend(more.postponed);
    to.finished.extend(more.finished);
}

fn halves(mut first: LaneResults) -> (LaneResults, LaneResults) {
    let mut second = none_of(&first);
    let mut left = first.count() / 2;
    let mut keep = |length: usize| {
        let kept = left.min(length);
        left -= kept;
        kept
    };
    second.running = first.running.split_off(keep(first.running.len()));
    second.postponed = first.postponed.split_off(keep(first.postponed.len()));
    second.finished = first.finished.split_off(keep(first.finished.len()));
    (first, second)
}
