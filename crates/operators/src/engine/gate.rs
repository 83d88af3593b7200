//! Leave to call: whoever owns an operator's limits is asked before every single HTTP call.

use futures::FutureExt as _;
use futures::future::BoxFuture;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// Logging in.
    Login,
    /// A step of a reading.
    Step,
}

/// Asked before every HTTP call; the guard is dropped when the answer is complete.
pub trait CallGate: Send + Sync {
    /// Waits until the call may be made.
    fn admit<'a>(&'a self, kind: CallKind, iccid: &'a str) -> BoxFuture<'a, Box<dyn Send>>;
}

/// Admits everything at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGate;

impl CallGate for NoGate {
    fn admit<'a>(&'a self, _: CallKind, _: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        futures::future::ready(Box::new(()) as Box<dyn Send>).boxed()
    }
}
