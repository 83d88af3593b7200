//! One thread writes for all lanes. The results that they bring while it writes make up the next transaction.
//! With one writer for each lane, a call that is to be accepted would wait for as many transactions.

use crate::thread;
use simgauge_store::{Ended, LaneResults, Store};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Results in one transaction, unless a lane brings more at once. The next one to write, calls among them,
/// waits for all of them, and a result takes about a tenth of a millisecond.
const RESULTS: usize = 20;
/// Groups that wait at most; lanes wait beyond.
const QUEUE: usize = 256;

/// Why results were not written.
#[derive(Debug)]
pub(super) enum NotWritten {
    /// Another node has the lane.
    LeaseLost,
    /// The store failed; here they are again.
    Store(LaneResults),
    /// The process goes down.
    Stopping,
}

type Reply = oneshot::Sender<Result<(LaneResults, Vec<Ended>), NotWritten>>;

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
    pub(super) fn start(store: Store) -> std::io::Result<(Self, impl Future<Output = ()> + Send + 'static)> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let runtime = Handle::current();
        let work = move || runtime.block_on(write_groups(store, receiver));
        Ok((Self(sender), thread::start("result-writer", work)?))
    }

    /// Writes one lane's results; gives them back with the refreshes that ended thereby.
    pub(super) async fn write(&self, results: LaneResults) -> Result<(LaneResults, Vec<Ended>), NotWritten> {
        let (reply, answer) = oneshot::channel();
        self.0.send((results, reply)).await.map_err(|_| NotWritten::Stopping)?;
        answer.await.unwrap_or(Err(NotWritten::Stopping))
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

async fn write_groups(store: Store, mut queue: mpsc::Receiver<(LaneResults, Reply)>) {
    while let Some((group, replies)) = next_group(&mut queue).await {
        match store.write_results(&group).await {
            Ok(written) => {
                for ((results, ended), reply) in group.into_iter().zip(written).zip(replies) {
                    let _ = reply.send(ended.map(|ended| (results, ended)).ok_or(NotWritten::LeaseLost));
                }
            }
            Err(error) => {
                let lanes: Vec<&str> = group.iter().map(|results| results.lease.name.as_str()).collect();
                tracing::error!(?lanes, %error, "readings could not be written; trying again");
                for (results, reply) in group.into_iter().zip(replies) {
                    let _ = reply.send(Err(NotWritten::Store(results)));
                }
            }
        }
    }
}
