//! The background services of a process. Each has a name. All are stopped and joined together.

use futures::FutureExt as _;
use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// The services that run.
pub(super) struct Background {
    stopping: CancellationToken,
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Background {
    /// The services have to end once `stopping` is set.
    pub(super) fn new(stopping: CancellationToken) -> Self {
        Self { stopping, tasks: JoinSet::new(), names: HashMap::new() }
    }

    /// The signal that ends every service.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Starts a service on the current runtime.
    pub(super) fn start(&mut self, name: &'static str, service: impl Future<Output = ()> + Send + 'static) {
        self.start_on(&Handle::current(), name, service);
    }

    /// Starts a service on another runtime.
    pub(super) fn start_on(
        &mut self,
        runtime: &Handle,
        name: &'static str,
        service: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.tasks.spawn_on(logged(name, service), runtime);
        self.names.insert(task.id(), name);
    }

    /// Sets the signal and waits for every service to end.
    ///
    /// # Errors
    /// The names of the services that still ran after `timeout`. They are aborted.
    pub(super) async fn stop(mut self, timeout: Duration) -> Result<(), Vec<&'static str>> {
        self.stopping.cancel();
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                self.names.remove(&id);
            }
        };
        if tokio::time::timeout(timeout, all_ended).await.is_ok() {
            return Ok(());
        }
        let mut late: Vec<&'static str> = self.names.into_values().collect();
        late.sort_unstable();
        Err(late)
    }
}

/// Runs a service and logs its end. A panic is logged when it happens, since the process goes on without the
/// service.
async fn logged(service: &'static str, work: impl Future<Output = ()>) {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(()) => tracing::debug!(service, "a background service ended"),
        Err(panic) => tracing::error!(service, reason = reason(&*panic), "a background service panicked"),
    }
}

/// The message of a panic.
fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not a text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn stopping_joins_every_service() {
        let mut background = Background::new(CancellationToken::new());
        let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
        let service = |name: &'static str| {
            let (stopping, sender) = (background.stopping(), sender.clone());
            async move {
                stopping.cancelled().await;
                // What a service still has to do may take a while.
                tokio::time::sleep(TIMEOUT / 2).await;
                sender.send(name).expect("the test listens");
            }
        };
        let (one, other) = (service("one"), service("other"));
        background.start("one", one);
        background.start_on(&Handle::current(), "other", other);
        assert_eq!(background.stop(TIMEOUT).await, Ok(()));
        let mut names: Vec<_> = std::iter::from_fn(|| ended.try_recv().ok()).collect();
        names.sort_unstable();
        assert_eq!(names, ["one", "other"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_end_is_named() {
        let mut background = Background::new(CancellationToken::new());
        background.start("endless", std::future::pending());
        background.start("quick", async {});
        assert_eq!(background.stop(TIMEOUT).await, Err(vec!["endless"]));
    }

    /// Keeps log lines in memory.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_panic_is_logged_with_the_name_of_its_service() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let _log = tracing::subscriber::set_default(log);
        let mut background = Background::new(CancellationToken::new());
        background.start("fragile", async { panic!("on purpose") });
        assert_eq!(background.stop(TIMEOUT).await, Ok(()));
        let text = String::from_utf8(lines.0.lock().expect("no panic").clone()).expect("text");
        assert!(
            text.contains("panicked") && text.contains("fragile") && text.contains("on purpose"),
            "{text}"
        );
    }
}
