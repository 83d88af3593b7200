//! The breath of callers that are turned away for want of room: a program that tries again at once would otherwise have the
//! processors refuse instead of accept.

use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Callers that were turned away and are not told yet.
#[derive(Debug)]
pub struct OverloadDelay {
    places: Semaphore,
    mean: Duration,
}

impl OverloadDelay {
    /// How long a breath takes in the mean. Half of it would have the processors turn away twice as many, and callers that
    /// get in wait for that as well.
    pub const MEAN: Duration = Duration::from_secs(1);

    /// OverloadDelay of `mean`, at most so many at once that other callers find a connection.
    #[must_use]
    pub fn new(most: usize, mean: Duration) -> Self {
        Self { places: Semaphore::new(most), mean }
    }

    /// Waits between a half and one and a half of the mean, so that those who came together do not come together again. Ends
    /// at once when the process stops; who finds no place does not wait.
    pub async fn wait(&self, stopping: &CancellationToken) {
        let Ok(_place) = self.places.try_acquire() else { return };
        let pause = self.mean.mul_f64(0.5 + rand::random::<f64>());
        let _ = timeout(pause, stopping.cancelled()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const FOREVER: Duration = Duration::from_secs(24 * 3600);

    async fn soon(work: impl Future<Output = ()>) {
        timeout(Duration::from_secs(10), work).await.expect("it goes on waiting");
    }

    #[tokio::test]
    async fn takes_half_of_the_mean_at_least() {
        let overload_delay = OverloadDelay::new(1, Duration::from_millis(20));
        for _ in 0..5 {
            let began = Instant::now();
            overload_delay.wait(&CancellationToken::new()).await;
            assert!(began.elapsed() >= Duration::from_millis(10));
        }
    }

    #[tokio::test]
    async fn ends_when_the_process_stops() {
        let (overload_delay, stopping) = (OverloadDelay::new(1, FOREVER), CancellationToken::new());
        soon(async {
            tokio::join!(overload_delay.wait(&stopping), async { stopping.cancel() });
        })
        .await;
    }

    #[tokio::test]
    async fn who_finds_no_place_does_not_wait() {
        let (overload_delay, stopping) = (OverloadDelay::new(1, FOREVER), CancellationToken::new());
        soon(async {
            tokio::join!(overload_delay.wait(&stopping), async {
                overload_delay.wait(&stopping).await;
                stopping.cancel();
            });
        })
        .await;
    }
}
