//! Slows down whoever guesses passwords. Failures are counted by name and address together, by address, and
//! by name. All log-ins whose address is not known count as coming from one address.

use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures are forgotten so long after the first of them.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Counts kept at once. When there are more, the oldest are dropped.
const MAX_COUNTS: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// One name from one address: a few tries.
    Pair(String, Option<IpAddr>),
    /// One address: more, since many people can share it.
    Address(Option<IpAddr>),
    /// One name from anywhere: still more, since others could lock them out on purpose.
    Name(String),
}

impl Key {
    const fn max_failures(&self) -> u32 {
        match self {
            Self::Pair(..) => 5,
            Self::Address(_) => 30,
            Self::Name(_) => 100,
        }
    }
}

#[derive(Clone, Copy)]
struct Count {
    since: UnixMs,
    failures: u32,
}

/// The counts of this process.
#[derive(Default)]
pub(super) struct Throttle {
    counts: Mutex<HashMap<Key, Count>>,
}

impl Throttle {
    /// Counts a try as failed before it is known how it ends, so that simultaneous tries count too.
    /// [`Self::succeeded`] takes it back. `address`: none if it is not known.
    ///
    /// # Errors
    /// There were too many failures: how long until the next try is allowed.
    pub(super) fn begin(&self, name: &str, address: Option<IpAddr>, now: UnixMs) -> Result<(), Duration> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(name, address);
        let wait = keys
            .iter()
            .filter_map(|key| {
                let count = counts.get(key).filter(|count| count.failures >= key.max_failures())?;
                Some(count.since.after(WINDOW).since(now)).filter(|wait| !wait.is_zero())
            })
            .max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        if counts.len() + keys.len() > MAX_COUNTS {
            make_room(&mut counts, now);
        }
        for key in keys {
            let count = counts.entry(key).or_insert(Count { since: now, failures: 0 });
            if count.since.after(WINDOW) <= now {
                *count = Count { since: now, failures: 0 };
            }
            count.failures += 1;
        }
        Ok(())
    }

    /// The try was no failure.
    pub(super) fn succeeded(&self, name: &str, address: Option<IpAddr>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(name, address) {
            if matches!(key, Key::Pair(..)) {
                counts.remove(&key);
            } else if let Some(count) = counts.get_mut(&key) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }
}

fn keys(name: &str, address: Option<IpAddr>) -> [Key; 3] {
    // Names have at most 64 characters. Longer ones belong to nobody and may share a count.
    let name: String = name.chars().take(64).collect();
    let address = address.map(network);
    [Key::Pair(name.clone(), address), Key::Address(address), Key::Name(name)]
}

/// Whoever has one IPv6 address has all 2^64 of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

fn make_room(counts: &mut HashMap<Key, Count>, now: UnixMs) {
    counts.retain(|_, count| count.since.after(WINDOW) > now);
    if counts.len() < MAX_COUNTS - 3 {
        return;
    }
    let mut ages: Vec<UnixMs> = counts.values().map(|count| count.since).collect();
    ages.sort_unstable();
    let Some(cut) = ages.get(MAX_COUNTS / 10).copied() else { return };
    counts.retain(|_, count| count.since > cut);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const ELSEWHERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    #[test]
    fn the_sixth_try_waits_until_the_first_is_forgotten() {
        let throttle = Throttle::default();
        for n in 0..5 {
            assert_eq!(throttle.begin("ann", HOME, UnixMs(n)), Ok(()));
        }
        assert_eq!(throttle.begin("ann", HOME, UnixMs(1_000)), Err(WINDOW - Duration::from_secs(1)));
        assert_eq!(
            throttle.begin("ann", ELSEWHERE, UnixMs(1_000)),
            Ok(()),
            "she herself gets in from elsewhere"
        );
        assert_eq!(throttle.begin("bob", HOME, UnixMs(1_000)), Ok(()));
        assert_eq!(throttle.begin("ann", HOME, UnixMs(900_000)), Ok(()));
    }

    #[test]
    fn success_clears_the_pair_and_takes_back_the_rest() {
        let throttle = Throttle::default();
        for _ in 0..1_000 {
            assert_eq!(throttle.begin("ann", HOME, UnixMs(0)), Ok(()));
            throttle.succeeded("ann", HOME);
        }
    }

    #[test]
    fn an_address_is_slowed_down_over_all_names_and_a_name_over_all_addresses() {
        let throttle = Throttle::default();
        for n in 0..30 {
            assert_eq!(throttle.begin(&n.to_string(), HOME, UnixMs(0)), Ok(()));
        }
        assert!(throttle.begin("new", HOME, UnixMs(0)).is_err());
        let throttle = Throttle::default();
        for n in 0..100_u32 {
            assert_eq!(throttle.begin("ann", Some(IpAddr::V4(n.into())), UnixMs(0)), Ok(()));
        }
        assert!(throttle.begin("ann", HOME, UnixMs(0)).is_err());
        let v6 = |last: &str| format!("2001:db8::{last}").parse::<IpAddr>().expect("address");
        assert_eq!(network(v6("1")), network(v6("ffff:1")));
        assert_eq!(Some(network("::ffff:192.0.2.1".parse().expect("address"))), HOME);
    }

    #[test]
    fn unknown_addresses_share_one_count() {
        let throttle = Throttle::default();
        for n in 0..30 {
            assert_eq!(throttle.begin(&n.to_string(), None, UnixMs(0)), Ok(()));
        }
        assert!(throttle.begin("new", None, UnixMs(0)).is_err());
        assert_eq!(throttle.begin("new", HOME, UnixMs(0)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..20_000_u32 {
            let _ = throttle.begin(&n.to_string(), Some(IpAddr::V4(n.into())), UnixMs(i64::from(n)));
        }
        assert!(throttle.counts.lock().expect("lock").len() <= MAX_COUNTS);
    }
}
