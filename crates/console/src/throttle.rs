//! Slowing down whoever guesses passwords: failures are counted by person and address together, by address, and by person.

use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures are forgotten so long after the first of them.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Counts kept at once; then the ones that end first give way.
const MOST: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// One person from one address: a few tries.
    Pair(String, IpAddr),
    /// One address: more, since many people can share it.
    Address(IpAddr),
    /// One person from anywhere: still more, since others could lock them out on purpose.
    Person(String),
}

impl Key {
    const fn most_failures(&self) -> u32 {
        match self {
            Self::Pair(..) => 5,
            Self::Address(_) => 30,
            Self::Person(_) => 100,
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
    /// Counts a try as failed, before it is known how it ends, so that tries at once count, too; [`Self::succeeded`] takes it
    /// back.
    ///
    /// # Errors
    /// There were too many: so long until the next is let through.
    pub(super) fn begin(&self, person: &str, address: IpAddr, now: UnixMs) -> Result<(), Duration> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(person, address);
        let wait = keys
            .iter()
            .filter_map(|key| {
                let count = counts.get(key).filter(|count| count.failures >= key.most_failures())?;
                Some(count.since.after(WINDOW).since(now)).filter(|wait| !wait.is_zero())
            })
            .max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        if counts.len() + keys.len() > MOST {
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
    pub(super) fn succeeded(&self, person: &str, address: IpAddr) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(person, address) {
            if matches!(key, Key::Pair(..)) {
                counts.remove(&key);
            } else if let Some(count) = counts.get_mut(&key) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }
}

fn keys(person: &str, address: IpAddr) -> [Key; 3] {
    // Names are at most 64 bytes; longer ones are nobody's and share a count.
    let person: String = person.chars().take(64).collect();
    let address = network(address);
    [Key::Pair(person.clone(), address), Key::Address(address), Key::Person(person)]
}

/// Whoever has one IPv6 address has the 2^64 of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

fn make_room(counts: &mut HashMap<Key, Count>, now: UnixMs) {
    counts.retain(|_, count| count.since.after(WINDOW) > now);
    if counts.len() < MOST - 3 {
        return;
    }
    let mut ages: Vec<UnixMs> = counts.values().map(|count| count.since).collect();
    ages.sort_unstable();
    let Some(cut) = ages.get(MOST / 10).copied() else { return };
    counts.retain(|_, count| count.since > cut);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

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
    fn success_wipes_the_pair_and_takes_back_the_rest() {
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
            assert_eq!(throttle.begin("ann", IpAddr::V4(n.into()), UnixMs(0)), Ok(()));
        }
        assert!(throttle.begin("ann", HOME, UnixMs(0)).is_err());
        let v6 = |last: &str| format!("2001:db8::{last}").parse::<IpAddr>().expect("address");
        assert_eq!(network(v6("1")), network(v6("ffff:1")));
        assert_eq!(network("::ffff:192.0.2.1".parse().expect("address")), HOME);
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..20_000_u32 {
            let _ = throttle.begin(&n.to_string(), IpAddr::V4(n.into()), UnixMs(i64::from(n)));
        }
        assert!(throttle.counts.lock().expect("lock").len() <= MOST);
    }
}
