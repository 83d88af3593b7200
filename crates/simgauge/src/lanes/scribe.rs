//! The one that writes for all lanes: whatever they bring while it writes makes up the next transaction. One for each lane
//! would make callers that want to be accepted wait for as many.

use simgauge_store::{Ended, LaneNotes, Store};
use std::thread;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Lanes' groups in one transaction at most.
const GROUP_MAX: usize = 64;
/// Groups that wait at most; lanes wait beyond.
const QUEUE: usize = 256;

/// Why notes were not written.
#[derive(Debug)]
pub(super) enum NotWritten {
    /// Another node has the lane.
    LeaseLost,
    /// The store failed; here they are again.
    Store(LaneNotes),
    /// The process goes down.
    Stopping,
}

type Reply = oneshot::Sender<Result<(LaneNotes, Vec<Ended>), NotWritten>>;

/// Writes notes. Cheap to clone; ends with its last clone.
#[derive(Clone)]
pub(super) struct Scribe(mpsc::Sender<(LaneNotes, Reply)>);

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
    pub(super) async fn write(&self, notes: LaneNotes) -> Result<(LaneNotes, Vec<Ended>), NotWritten> {
        let (reply, answer) = oneshot::channel();
        self.0.send((notes, reply)).await.map_err(|_| NotWritten::Stopping)?;
        answer.await.unwrap_or(Err(NotWritten::Stopping))
    }
}

async fn write_groups(store: Store, mut queue: mpsc::Receiver<(LaneNotes, Reply)>) {
    let mut waiting = Vec::with_capacity(GROUP_MAX);
    while queue.recv_many(&mut waiting, GROUP_MAX).await > 0 {
        let (notes, replies): (Vec<LaneNotes>, Vec<Reply>) = waiting.drain(..).unzip();
        match store.write_down(&notes).await {
            Ok(written) => {
                for ((notes, ended), reply) in notes.into_iter().zip(written).zip(replies) {
                    let _ = reply.send(ended.map(|ended| (notes, ended)).ok_or(NotWritten::LeaseLost));
                }
            }
            Err(error) => {
                let lanes: Vec<&str> = notes.iter().map(|notes| notes.lease.lane.as_str()).collect();
                tracing::error!(?lanes, %error, "readings could not be written; trying again");
                for (notes, reply) in notes.into_iter().zip(replies) {
                    let _ = reply.send(Err(NotWritten::Store(notes)));
                }
            }
        }
    }
}
