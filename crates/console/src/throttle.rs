//! Slows down whoever guesses passwords. Failures are counted by name and address together, by address, and
//! by name. All log-ins whose address is not known count as coming from one address.

use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures are forgotten so long after the first of them.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Counts kept in each table.
const MAX_COUNTS: usize = 10_000;
/// Of a full table, so large a part is dropped at once.
const DROPPED_PART: usize = 10;

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

/// A log-in that is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try<'a> {
    pub(super) name: &'a str,
    /// Whether an admin has that name.
    pub(super) is_admin: bool,
    /// None if it is not known.
    pub(super) address: Option<IpAddr>,
}

/// The counts of this process. Each table has its own bound, so that what anybody can fill with names that
/// nobody has, from however many addresses, pushes out no count of an admin.
#[derive(Default)]
pub(super) struct Throttle(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    admins: Table,
    others: Table,
    addresses: Table,
}

impl Counts {
    fn of(&mut self, key: &Key, is_admin: bool) -> &mut Table {
        match key {
            Key::Address(_) => &mut self.addresses,
            Key::Pair(..) | Key::Name(_) if is_admin => &mut self.admins,
            Key::Pair(..) | Key::Name(_) => &mut self.others,
        }
    }
}

#[derive(Default)]
struct Table(HashMap<Key, Count>);

impl Table {
    /// How long until another try is allowed.
    fn wait(&mut self, key: &Key, now: UnixMs) -> Option<Duration> {
        let count = self.0.get_mut(key)?;
        // The clock was put back.
        count.since = count.since.min(now);
        let is_used_up = count.failures >= key.max_failures();
        Some(count.since.after(WINDOW).since(now)).filter(|wait| is_used_up && !wait.is_zero())
    }

    fn add(&mut self, key: Key, now: UnixMs) {
        if self.0.len() >= MAX_COUNTS && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        let count = self.0.entry(key).or_insert(Count { since: now, failures: 0 });
        if count.since.after(WINDOW) <= now {
            *count = Count { since: now, failures: 0 };
        }
        count.failures += 1;
    }

    /// Drops what is over, and else the lowest counts, the oldest of them first: who fills the table with
    /// names and addresses that fail once does not push out those that failed more often.
    fn make_room(&mut self, now: UnixMs) {
        self.0.retain(|_, count| count.since.after(WINDOW) > now);
        let many = (self.0.len() + MAX_COUNTS / DROPPED_PART).saturating_sub(MAX_COUNTS);
        if many == 0 {
            return;
        }
        let mut ages: Vec<(u32, UnixMs)> =
            self.0.values().map(|count| (count.failures, count.since)).collect();
        let (.., cut, _) = ages.select_nth_unstable(many - 1);
        let cut = *cut;
        let mut left = many;
        self.0.retain(|_, count| {
            let drops = left > 0 && (count.failures, count.since) <= cut;
            left -= usize::from(drops);
            !drops
        });
    }
}

impl Throttle {
    /// Counts a try as failed before it is known how it ends, so that simultaneous tries count too.
    /// [`Self::succeeded`] takes it back.
    ///
    /// # Errors
    /// There were too many failures: how long until the next try is allowed.
    pub(super) fn begin(&self, log_in: Try<'_>, now: UnixMs) -> Result<(), Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(log_in);
        let waits = keys.iter().filter_map(|key| counts.of(key, log_in.is_admin).wait(key, now));
        if let Some(wait) = waits.max() {
            return Err(wait);
        }
        for key in keys {
            counts.of(&key, log_in.is_admin).add(key, now);
        }
        Ok(())
    }

    /// The try was no failure.
    pub(super) fn succeeded(&self, log_in: Try<'_>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(log_in) {
            let table = &mut counts.of(&key, log_in.is_admin).0;
            if matches!(key, Key::Pair(..)) {
                table.remove(&key);
            } else if let Some(count) = table.get_mut(&key) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }
}

fn keys(log_in: Try<'_>) -> [Key; 3] {
    // Names have at most 64 characters. Longer ones belong to nobody and may share a count.
    let name: String = log_in.name.chars().take(64).collect();
    let address = log_in.address.map(network);
    [Key::Pair(name.clone(), address), Key::Address(address), Key::Name(name)]
}

/// Whoever has one IPv6 address has all 2^64 of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const ELSEWHERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    fn ann(address: Option<IpAddr>) -> Try<'static> {
        Try { name: "ann", is_admin: true, address }
    }

    /// Only ann is an admin.
    fn begin(throttle: &Throttle, name: &str, address: Option<IpAddr>, now: UnixMs) -> Result<(), Duration> {
        throttle.begin(Try { name, is_admin: name == "ann", address }, now)
    }

    #[test]
    fn the_sixth_try_waits_until_the_first_is_forgotten() {
        let throttle = Throttle::default();
        for n in 0..5 {
            assert_eq!(begin(&throttle, "ann", HOME, UnixMs(n)), Ok(()));
        }
        assert_eq!(begin(&throttle, "ann", HOME, UnixMs(1_000)), Err(WINDOW - Duration::from_secs(1)));
        assert_eq!(
            begin(&throttle, "ann", ELSEWHERE, UnixMs(1_000)),
            Ok(()),
            "she herself gets in from elsewhere"
        );
        assert_eq!(begin(&throttle, "bob", HOME, UnixMs(1_000)), Ok(()));
        assert_eq!(begin(&throttle, "ann", HOME, UnixMs(900_000)), Ok(()));
    }

    #[test]
    fn success_clears_the_pair_and_takes_back_the_rest() {
        let throttle = Throttle::default();
        for _ in 0..1_000 {
            assert_eq!(begin(&throttle, "ann", HOME, UnixMs(0)), Ok(()));
            throttle.succeeded(ann(HOME));
        }
    }

    #[test]
    fn an_address_is_slowed_down_over_all_names_and_a_name_over_all_addresses() {
        let throttle = Throttle::default();
        for n in 0..30 {
            assert_eq!(begin(&throttle, &n.to_string(), HOME, UnixMs(0)), Ok(()));
        }
        assert!(begin(&throttle, "new", HOME, UnixMs(0)).is_err());
        let throttle = Throttle::default();
        for n in 0..100_u32 {
            assert_eq!(begin(&throttle, "ann", Some(IpAddr::V4(n.into())), UnixMs(0)), Ok(()));
        }
        assert!(begin(&throttle, "ann", HOME, UnixMs(0)).is_err());
        let v6 = |last: &str| format!("2001:db8::{last}").parse::<IpAddr>().expect("address");
        assert_eq!(network(v6("1")), network(v6("ffff:1")));
        assert_eq!(Some(network("::ffff:192.0.2.1".parse().expect("address"))), HOME);
    }

    #[test]
    fn unknown_addresses_share_one_count() {
        let throttle = Throttle::default();
        for n in 0..30 {
            assert_eq!(begin(&throttle, &n.to_string(), None, UnixMs(0)), Ok(()));
        }
        assert!(begin(&throttle, "new", None, UnixMs(0)).is_err());
        assert_eq!(begin(&throttle, "new", HOME, UnixMs(0)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..25_000_u32 {
            let _ = begin(&throttle, &n.to_string(), Some(IpAddr::V4(n.into())), UnixMs(i64::from(n)));
        }
        let counts = throttle.0.lock().expect("lock");
        assert!(counts.others.0.len() <= MAX_COUNTS && counts.addresses.0.len() <= MAX_COUNTS);
    }

    #[test]
    fn a_flood_of_unknown_names_from_many_addresses_pushes_out_no_count() {
        let throttle = Throttle::default();
        for n in 0..5 {
            assert_eq!(begin(&throttle, "ann", HOME, UnixMs(n)), Ok(()));
        }
        for n in 0..95_u32 {
            let from = Some(IpAddr::V4((0x0a00_0000 + n).into()));
            assert_eq!(begin(&throttle, "ann", from, UnixMs(100)), Ok(()));
        }
        for n in 0..25 {
            assert_eq!(begin(&throttle, &format!("guess-{n}"), HOME, UnixMs(100)), Ok(()));
        }
        for n in 0..60_000_u32 {
            let from = Some(IpAddr::V4((0x0b00_0000 + n).into()));
            let _ = begin(&throttle, &format!("nobody-{n}"), from, UnixMs(1_000 + i64::from(n)));
        }
        assert!(begin(&throttle, "ann", HOME, UnixMs(70_000)).is_err(), "the pair");
        assert!(begin(&throttle, "ann", ELSEWHERE, UnixMs(70_000)).is_err(), "the name");
        assert!(begin(&throttle, "new", HOME, UnixMs(70_000)).is_err(), "the address");
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nobody_out_for_longer() {
        let throttle = Throttle::default();
        const DAY: i64 = 86_400_000;
        for n in 0..5 {
            assert_eq!(begin(&throttle, "ann", HOME, UnixMs(DAY + n)), Ok(()));
        }
        assert_eq!(begin(&throttle, "ann", HOME, UnixMs(1_000)), Err(WINDOW));
        assert_eq!(begin(&throttle, "ann", HOME, UnixMs(901_000)), Ok(()));
    }
}
