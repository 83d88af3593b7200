//! The delay before a caller is told that the server is overloaded. Without it, programs that try again at
//! once would have the processors refuse calls instead of accepting them.

use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Delays the answers to refused callers, a limited number at once.
#[derive(Debug)]
pub struct OverloadDelay {
    permits: Semaphore,
    mean: Duration,
}

impl OverloadDelay {
    /// The mean delay. With half of it the processors would refuse twice as many calls, and accepted callers
    /// would wait for that.
    pub const MEAN: Duration = Duration::from_secs(1);

    /// Delays of this mean. At most `most` callers wait at once, so that connections are left for others.
    #[must_use]
    pub fn new(most: usize, mean: Duration) -> Self {
        Self { permits: Semaphore::new(most), mean }
    }

    /// Waits between half of the mean and one and a half of it, so that callers that came together do not
    /// come back together. Ends at once when the process stops. A caller beyond the limit does not wait.
    pub async fn wait(&self, stopping: &CancellationToken) {
        let Ok(_permit) = self.permits.try_acquire() else { return };
        let delay = self.mean.mul_f64(0.5 + rand::random::<f64>());
        let _ = timeout(delay, stopping.cancelled()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const MEAN: Duration = Duration::from_secs(24 * 3600);

    #[tokio::test(start_paused = true)]
    async fn takes_between_half_of_the_mean_and_one_and_a_half() {
        let overload_delay = OverloadDelay::new(1, MEAN);
        for _ in 0..100 {
            let began = Instant::now();
            overload_delay.wait(&CancellationToken::new()).await;
            let took = began.elapsed();
            // Tokio's timers end with the next millisecond.
            assert!(took >= MEAN / 2 && took <= MEAN * 3 / 2 + Duration::from_millis(1), "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ends_when_the_process_stops() {
        let (overload_delay, stopping) = (OverloadDelay::new(1, MEAN), CancellationToken::new());
        let began = Instant::now();
        tokio::join!(overload_delay.wait(&stopping), async { stopping.cancel() });
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_beyond_the_limit_does_not_wait() {
        let (overload_delay, stopping) = (OverloadDelay::new(1, MEAN), CancellationToken::new());
        let began = Instant::now();
        tokio::join!(overload_delay.wait(&stopping), async {
            overload_delay.wait(&stopping).await;
            stopping.cancel();
        });
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
