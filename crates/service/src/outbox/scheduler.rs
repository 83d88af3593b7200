//! Whose notifications may be tried now. Receivers that hang or fail share a limit of their own, so that they
//! hold up no others, however many they are.

use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Attempts of one account under way at once.
const EACH: usize = 4;
/// An attempt that takes longer makes its receiver a slow one.
const SLOW: Duration = Duration::from_secs(2);

/// How an account's receiver is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ReceiverHealth {
    #[default]
    Quick,
    Slow,
    /// The last attempt found it down; it is tried with one at a time.
    Down,
}

#[derive(Default)]
struct Account {
    /// Attempts under way, by card.
    under_way: HashMap<CardId, UnderWay>,
    health: ReceiverHealth,
    down_since: Option<UnixMs>,
    has_pending: bool,
}

struct UnderWay {
    began: Instant,
    /// Whether it counts among the slow.
    slow: bool,
}

/// The accounts with notifications.
pub(super) struct DeliveryScheduler {
    accounts: HashMap<String, Account>,
    /// Accounts that may have something due, in the order in which they are served.
    has_pending: VecDeque<String>,
    quick: usize,
    slow: usize,
    most_quick: usize,
    most_slow: usize,
}

impl DeliveryScheduler {
    /// At most `most` attempts at once to receivers that answer quickly, and a quarter as many to others.
    pub(super) fn new(most: usize) -> Self {
        Self {
            accounts: HashMap::new(),
            has_pending: VecDeque::new(),
            quick: 0,
            slow: 0,
            most_quick: most.max(1),
            most_slow: (most / 4).max(1),
        }
    }

    /// Something of an account may be due.
    pub(super) fn mark_pending(&mut self, account: &str) {
        let entry = self.accounts.entry(account.to_owned()).or_default();
        if !entry.has_pending {
            entry.has_pending = true;
            self.has_pending.push_back(account.to_owned());
        }
    }

    /// The next account that may have something due and for which attempts may start: how many, and how many
    /// are under way.
    pub(super) fn next(&mut self) -> Option<(String, usize, usize)> {
        for _ in 0..self.has_pending.len() {
            let name = self.has_pending.pop_front()?;
            let Some(account) = self.accounts.get_mut(&name) else { continue };
            let (each, free_of_all) = match account.health {
                ReceiverHealth::Quick => (EACH, self.most_quick.saturating_sub(self.quick)),
                ReceiverHealth::Slow => (EACH, self.most_slow.saturating_sub(self.slow)),
                ReceiverHealth::Down => (1, self.most_slow.saturating_sub(self.slow)),
            };
            let under_way = account.under_way.len();
            let free = each.saturating_sub(under_way).min(free_of_all);
            if free > 0 {
                account.has_pending = false;
                return Some((name, free, under_way));
            }
            self.has_pending.push_back(name);
        }
        None
    }

    /// Whether an attempt about this card is under way.
    pub(super) fn is_under_way(&self, account: &str, card: CardId) -> bool {
        self.accounts.get(account).is_some_and(|account| account.under_way.contains_key(&card))
    }

    /// An attempt begins.
    pub(super) fn began(&mut self, account: &str, card: CardId, began: Instant) {
        let entry = self.accounts.entry(account.to_owned()).or_default();
        let slow = entry.health != ReceiverHealth::Quick;
        if entry.under_way.insert(card, UnderWay { began, slow }).is_none() {
            *(if slow { &mut self.slow } else { &mut self.quick }) += 1;
        }
    }

    /// Attempts that turn out to be slow count among the slow from now on, even where there are more of those
    /// then than would be started.
    pub(super) fn mark_slow(&mut self, now: Instant) {
        for account in self.accounts.values_mut() {
            for one in account.under_way.values_mut() {
                if !one.slow && now.saturating_duration_since(one.began) > SLOW {
                    one.slow = true;
                    self.quick -= 1;
                    self.slow += 1;
                    account.health = ReceiverHealth::Slow;
                }
            }
        }
    }

    /// An attempt ended: whether the receiver was found down, and how long it took.
    pub(super) fn ended(&mut self, account: &str, card: CardId, down: bool, took: Duration, now: UnixMs) {
        let Some(entry) = self.accounts.get_mut(account) else { return };
        if let Some(one) = entry.under_way.remove(&card) {
            *(if one.slow { &mut self.slow } else { &mut self.quick }) -= 1;
        }
        entry.health = match (down, took > SLOW) {
            (true, _) => ReceiverHealth::Down,
            (false, true) => ReceiverHealth::Slow,
            (false, false) => ReceiverHealth::Quick,
        };
        entry.down_since = down.then(|| entry.down_since.unwrap_or(now));
        // Only what differs from a fresh entry is worth its memory.
        if entry.under_way.is_empty() && entry.health == ReceiverHealth::Quick && !entry.has_pending {
            self.accounts.remove(account);
        }
    }

    /// Accounts whose receivers have been down for so long.
    pub(super) fn down_for(&self, long: Duration, now: UnixMs) -> Vec<String> {
        self.accounts
            .iter()
            .filter(|(_, account)| account.down_since.is_some_and(|since| now.since(since) >= long))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(0);
    const FAST: Duration = Duration::from_millis(5);

    #[test]
    fn receivers_that_are_down_have_a_limit_of_their_own() {
        let mut scheduler = DeliveryScheduler::new(8);
        for name in ["a", "b", "c"] {
            scheduler.mark_pending(name);
            assert_eq!(scheduler.next(), Some((name.to_owned(), EACH.min(8), 0)));
            scheduler.began(name, CardId(100), Instant::now());
            scheduler.ended(name, CardId(100), true, FAST, NOW);
        }
        for name in ["a", "b", "c", "quick"] {
            scheduler.mark_pending(name);
            scheduler.mark_pending(name);
        }
        for name in ["a", "b"] {
            assert_eq!(scheduler.next(), Some((name.to_owned(), 1, 0)), "one at a time");
            scheduler.began(name, CardId(100), Instant::now());
        }
        assert_eq!(
            scheduler.next(),
            Some(("quick".to_owned(), EACH, 0)),
            "both attempts at receivers that are down are under way"
        );
        assert_eq!(scheduler.next(), None);
        scheduler.ended("a", CardId(100), false, FAST, NOW);
        assert_eq!(scheduler.next(), Some(("c".to_owned(), 1, 0)));
        scheduler.mark_pending("a");
        assert_eq!(scheduler.next(), Some(("a".to_owned(), EACH, 0)), "it answers again");
    }

    #[test]
    fn an_account_has_so_many_attempts_at_once_and_takes_turns() {
        let mut scheduler = DeliveryScheduler::new(5);
        scheduler.mark_pending("a");
        let (_, free, _) = scheduler.next().expect("an account");
        (0..free)
            .for_each(|card| scheduler.began("a", CardId(i64::try_from(card).expect("few")), Instant::now()));
        scheduler.mark_pending("a");
        assert_eq!(scheduler.next(), None, "four is enough");
        scheduler.mark_pending("b");
        assert_eq!(scheduler.next(), Some(("b".to_owned(), 1, 0)), "the fifth of five");
        assert!(scheduler.is_under_way("a", CardId(0)) && !scheduler.is_under_way("b", CardId(0)));
        scheduler.ended("a", CardId(0), false, Duration::from_secs(9), NOW);
        assert_eq!(scheduler.next(), Some(("a".to_owned(), 1, 3)), "slow by now: one more of those may run");
    }

    #[test]
    fn a_receiver_that_turns_out_to_hang_counts_among_the_slow() {
        let mut scheduler = DeliveryScheduler::new(1);
        let began = Instant::now();
        scheduler.mark_pending("a");
        scheduler.next();
        scheduler.began("a", CardId(100), began);
        scheduler.mark_pending("b");
        scheduler.mark_slow(began + SLOW);
        assert_eq!(scheduler.next(), None);
        scheduler.mark_slow(began + SLOW + FAST);
        assert_eq!(scheduler.next(), Some(("b".to_owned(), 1, 0)));
        scheduler.ended("a", CardId(100), true, SLOW * 5, NOW);
        assert_eq!((scheduler.quick, scheduler.slow), (0, 0));
    }

    #[test]
    fn how_long_a_receiver_has_been_down() {
        let mut scheduler = DeliveryScheduler::new(8);
        for at in [100, 200, 300] {
            scheduler.mark_pending("a");
            scheduler.next();
            scheduler.began("a", CardId(100), Instant::now());
            scheduler.ended("a", CardId(100), true, FAST, UnixMs(at));
        }
        assert_eq!(scheduler.down_for(Duration::from_millis(200), UnixMs(300)), ["a"]);
        assert!(scheduler.down_for(Duration::from_millis(201), UnixMs(300)).is_empty());
        scheduler.began("a", CardId(100), Instant::now());
        scheduler.ended("a", CardId(100), false, FAST, UnixMs(400));
        assert!(scheduler.accounts.is_empty(), "nothing to remember");
    }
}
