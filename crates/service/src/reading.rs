//! One reading: its operator is asked for a profile's usage, within the lane's limits, and what took how long
//! is measured.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use simgauge_operators::{CallGate, CallKind, KnownId, Operator, ProfileReading, ProfileRef, ReadError};
use simgauge_store::Task;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A believed answer, or why there is none.
pub(crate) type ReadOutcome = Result<ProfileReading, ReadError>;

/// What took how long in an attempt to read.
#[derive(Clone, Debug)]
pub(crate) struct ReadTimes {
    pub(crate) ended: Instant,
    pub(crate) took: Duration,
    pub(crate) calls: Vec<CallTimes>,
}

/// One HTTP call to an operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTimes {
    pub(crate) kind: CallKind,
    /// When it would have begun without limits.
    pub(crate) asked: Instant,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
}

impl CallTimes {
    pub(crate) fn took(&self) -> Duration {
        self.ended.duration_since(self.began)
    }
}

impl ReadTimes {
    /// How long the operator's limits held it back.
    pub(crate) fn waited(&self) -> Duration {
        self.calls.iter().map(|call| call.began.duration_since(call.asked)).sum()
    }

    /// How long the operator took.
    pub(crate) fn at_operator(&self) -> Duration {
        self.calls.iter().map(CallTimes::took).sum()
    }
}

pub(crate) async fn read_profile(
    operator: &Operator,
    task: &Task,
    gate: &dyn CallGate,
) -> (ReadOutcome, ReadTimes) {
    let began = Instant::now();
    let timed = TimedGate { gate, calls: Arc::default() };
    let profile = ProfileRef { iccid: &task.iccid, eid: task.eid.as_deref() };
    let known = task.operator_id.as_deref().zip(task.last_read_at);
    let known = known.map(|(operator_id, read_at)| KnownId { operator_id, read_at });
    let outcome = operator.read_with_id(&profile, known, &timed).await;
    let calls = std::mem::take(&mut *timed.calls.lock().unwrap_or_else(PoisonError::into_inner));
    let ended = Instant::now();
    (outcome, ReadTimes { ended, took: ended.duration_since(began), calls })
}

/// A gate that measures when calls were let through and when they ended.
struct TimedGate<'a> {
    gate: &'a dyn CallGate,
    calls: Arc<Mutex<Vec<CallTimes>>>,
}

/// A call under way; it is measured when this is dropped.
struct UnderWay {
    _admitted: Box<dyn Send>,
    kind: CallKind,
    asked: Instant,
    began: Instant,
    calls: Arc<Mutex<Vec<CallTimes>>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Self { kind, asked, began, .. } = *self;
        let call = CallTimes { kind, asked, began, ended: Instant::now() };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

impl CallGate for TimedGate<'_> {
    fn admit<'a>(&'a self, kind: CallKind, iccid: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        async move {
            let asked = Instant::now();
            let admitted = self.gate.admit(kind, iccid).await;
            let calls = Arc::clone(&self.calls);
            let began = Instant::now();
            Box::new(UnderWay { _admitted: admitted, kind, asked, began, calls }) as Box<dyn Send>
        }
        .boxed()
    }

    fn pause(&self, wait: Duration) {
        self.gate.pause(wait);
    }
}
