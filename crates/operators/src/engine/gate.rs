use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKind {
    Login,
    Step,
}

/// Permits calls. It keeps an operator's limits, so it is asked before every single HTTP call.
pub trait CallGate: Send + Sync {
    /// Waits until the call may be made. The returned permit is dropped when the answer is complete.
    fn admit<'a>(&'a self, kind: CallKind, iccid: &'a str) -> BoxFuture<'a, Box<dyn Send>>;

    /// The same for one call about all of these SIMs.
    fn admit_many<'a>(&'a self, kind: CallKind, iccids: &'a [String]) -> BoxFuture<'a, Box<dyn Send>> {
        self.admit(kind, iccids.first().map_or("", String::as_str))
    }

    /// The operator says that no calls are left: none may begin for so long.
    fn pause(&self, _wait: Duration) {}
}

/// Permits every call at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGate;

impl CallGate for NoGate {
    fn admit<'a>(&'a self, _: CallKind, _: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        futures::future::ready(Box::new(()) as Box<dyn Send>).boxed()
    }
}
