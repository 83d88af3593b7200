//! The background services of a process: each has a name, all are stopped and joined together.

use std::collections::HashMap;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// The services that run.
pub struct Background {
    stopping: CancellationToken,
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Background {
    /// Services are to end once `stopping` is set.
    #[must_use]
    pub fn new(stopping: CancellationToken) -> Self {
        Self { stopping, tasks: JoinSet::new(), names: HashMap::new() }
    }

    /// The signal that ends every service.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Starts a service on the runtime of whoever asks.
    pub fn start(&mut self, name: &'static str, service: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(service).id();
        self.names.insert(id, name);
    }

    /// Starts a service on another runtime.
    pub fn start_on(
        &mut self,
        runtime: &Handle,
        name: &'static str,
        service: impl Future<Output = ()> + Send + 'static,
    ) {
        let id = self.tasks.spawn_on(service, runtime).id();
        self.names.insert(id, name);
    }

    /// Sets the signal and waits for every service to end.
    ///
    /// # Errors
    /// The names of those that still ran after `timeout`; they are aborted.
    pub async fn stop(mut self, timeout: Duration) -> Result<(), Vec<&'static str>> {
        self.stopping.cancel();
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                let (id, broken) = match ended {
                    Ok((id, ())) => (id, None),
                    Err(error) => (error.id(), Some(error)),
                };
                let name = self.names.remove(&id).unwrap_or("unknown");
                report(name, broken.as_ref());
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

fn report(service: &str, broken: Option<&JoinError>) {
    match broken {
        None => tracing::debug!(service, "a background service ended"),
        Some(error) => tracing::error!(service, %error, "a background service broke"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_service_is_joined() {
        let mut background = Background::new(CancellationToken::new());
        let (done, ended) = tokio::sync::oneshot::channel();
        let stopping = background.stopping().clone();
        background.start("patient", async move {
            stopping.cancelled().await;
            let _ = done.send(());
        });
        background.start("broken", async { panic!("on purpose") });
        assert_eq!(background.stop(Duration::from_secs(10)).await, Ok(()));
        assert!(ended.await.is_ok());
    }

    #[tokio::test]
    async fn what_does_not_end_is_named() {
        let mut background = Background::new(CancellationToken::new());
        background.start("endless", std::future::pending());
        background.start("quick", async {});
        assert_eq!(background.stop(Duration::from_millis(50)).await, Err(vec!["endless"]));
    }
}
