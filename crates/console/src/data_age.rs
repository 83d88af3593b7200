//! How old the usage of an operator account's profiles is.

use crate::view::percent;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Store, StoreError};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The data age of an operator account is looked up this often at most.
const LOOK_UP_EVERY: Duration = Duration::from_secs(60);
/// Places of the index where profiles are sampled.
const SAMPLES: u32 = 24;

/// How old the usage of an operator account's profiles is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DataAge {
    /// Half of the profiles have usage at most so old.
    pub(crate) median: Option<Duration>,
    /// Nine in ten have usage at most so old.
    pub(crate) ninth_decile: Option<Duration>,
    /// Percent of the profiles that were never read.
    pub(crate) never: u64,
    /// Profiles that were looked at.
    pub(crate) sampled: usize,
}

/// The data ages that were looked up last.
#[derive(Default)]
pub(crate) struct DataAges(Mutex<HashMap<String, (Instant, DataAge)>>);

impl DataAges {
    /// The data age of an operator account, as of at most a minute ago.
    pub(crate) async fn of(&self, store: &Store, operator: &str, now: UnixMs) -> Result<DataAge, StoreError> {
        let mut known = self.0.lock().await;
        if let Some((at, age)) = known.get(operator)
            && at.elapsed() < LOOK_UP_EVERY
        {
            return Ok(*age);
        }
        let points: Vec<f64> =
            (0..SAMPLES).map(|n| (f64::from(n) + rand::random::<f64>()) / f64::from(SAMPLES)).collect();
        let age = age_of(&store.sample_usage_times(operator, &points).await?, now);
        // Names come from the configuration and from the store's lanes, so there are few.
        known.insert(operator.to_owned(), (Instant::now(), age));
        Ok(age)
    }
}

/// `usage_times`: for each sampled profile when its usage was true; none if it was never read.
fn age_of(usage_times: &[Option<UnixMs>], now: UnixMs) -> DataAge {
    let mut ages: Vec<Duration> = usage_times.iter().flatten().map(|at| now.since(*at)).collect();
    ages.sort_unstable();
    let at = |tenths: usize| ages.get((ages.len() * tenths / 10).min(ages.len().saturating_sub(1))).copied();
    let never = u64::try_from(usage_times.len() - ages.len()).unwrap_or(0);
    DataAge {
        median: at(5),
        ninth_decile: at(9),
        never: percent(never, u64::try_from(usage_times.len()).unwrap_or(u64::MAX)),
        sampled: usage_times.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_of_a_sample() {
        let now = UnixMs(1_000_000);
        let times: Vec<Option<UnixMs>> =
            (0..10).map(|n| (n > 0).then(|| UnixMs(now.0 - n * 1_000))).collect();
        let age = age_of(&times, now);
        assert_eq!(age.median, Some(Duration::from_secs(5)));
        assert_eq!(age.ninth_decile, Some(Duration::from_secs(9)));
        assert_eq!((age.never, age.sampled), (10, 10));
        assert_eq!(age_of(&[], now), DataAge::default());
        assert_eq!(age_of(&[None], now), DataAge { never: 100, sampled: 1, ..DataAge::default() });
    }
}
