//! Threads of their own, for work that must not share one with calls.

use std::future::Future;
use std::{io, thread};
use tokio::sync::oneshot;

/// Starts a thread; answers with what ends when it has ended.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn start(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (running, ended) = oneshot::channel::<()>();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _running = running;
        work();
    })?;
    Ok(async move {
        // Nothing is ever sent: the thread drops its end when it ends.
        let _ = ended.await;
        if thread.join().is_err() {
            tracing::error!(thread = name, "a thread broke");
        }
    })
}
