//! The one that writes for all lanes: whatever they bring while it writes makes up the next transaction. One for each lane
//! would make callers that want to be accepted wait for as many.

use simgauge_store::{Ended, LaneResults, Store};
use std::thread;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Notes in one transaction, as far as lanes do not bring more at once: who wants to write next, callers among them, waits for all
/// of them. A note takes about a tenth of a millisecond.
const NOTES: usize = 20;
/// Groups that wait at most; lanes wait beyond.
const QUEUE: usize = 256;

/// Why notes were not written.
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

/// Writes notes. Cheap to clone; ends with its last clone.
#[derive(Clone)]
pub(super) struct Scribe(mpsc::Sender<(LaneResults, Reply)>);

impl Scribe {
    /// Starts the thread that writes. On one that answers calls as well, each of a transaction's statements would wait for
    /// thousands of calls where there are so many, and everybody else for the transaction.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(store: Store) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let runtime = Handle::current();
        thread::Builder::new()
            .name("scribe".into())
            .spawn(move || runtime.block_on(write_groups(store, receiver)))?;
        Ok(Self(sender))
    }

    /// Writes one lane's notes; gives them back with the refreshes that ended thereby.
    pub(super) async fn write(&self, notes: LaneResults) -> Result<(LaneResults, Vec<Ended>), NotWritten> {
        let (reply, answer) = oneshot::channel();
        self.0.send((notes, reply)).await.map_err(|_| NotWritten::Stopping)?;
        answer.await.unwrap_or(Err(NotWritten::Stopping))
    }
}

/// What lanes brought, up to about [`NOTES`]; nothing once there are no lanes any more.
async fn next_group(
    queue: &mut mpsc::Receiver<(LaneResults, Reply)>,
) -> Option<(Vec<LaneResults>, Vec<Reply>)> {
    let (first, reply) = queue.recv().await?;
    let mut count = first.count();
    let (mut notes, mut replies) = (vec![first], vec![reply]);
    while count < NOTES
        && let Ok((more, reply)) = queue.try_recv()
    {
        count += more.count();
        notes.push(more);
        replies.push(reply);
    }
    Some((notes, replies))
}

async fn write_groups(store: Store, mut queue: mpsc::Receiver<(LaneResults, Reply)>) {
    while let Some((notes, replies)) = next_group(&mut queue).await {
        match store.write_results(&notes).await {
            Ok(written) => {
                for ((notes, ended), reply) in notes.into_iter().zip(written).zip(replies) {
                    let _ = reply.send(ended.map(|ended| (notes, ended)).ok_or(NotWritten::LeaseLost));
                }
            }
            Err(error) => {
                let lanes: Vec<&str> = notes.iter().map(|notes| notes.lease.name.as_str()).collect();
                tracing::error!(?lanes, %error, "readings could not be written; trying again");
                for (notes, reply) in notes.into_iter().zip(replies) {
                    let _ = reply.send(Err(NotWritten::Store(notes)));
                }
            }
        }
    }
}
