//! Whose notifications may be tried now. Receivers that hang or fail have places of their own, so that however many of them
//! there are, they take none of the living ones'.

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
enum Manner {
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
    manner: Manner,
    down_since: Option<UnixMs>,
    hungry: bool,
}

struct UnderWay {
    began: Instant,
    /// Whether it has a place among the slow.
    slow: bool,
}

/// The accounts that are told.
pub(super) struct Crowd {
    accounts: HashMap<String, Account>,
    /// Accounts that may have something due, in turn.
    hungry: VecDeque<String>,
    quick: usize,
    slow: usize,
    most_quick: usize,
    most_slow: usize,
}

impl Crowd {
    /// At most so many attempts to living receivers at once, and a quarter as many to others.
    pub(super) fn new(most: usize) -> Self {
        Self {
            accounts: HashMap::new(),
            hungry: VecDeque::new(),
            quick: 0,
            slow: 0,
            most_quick: most.max(1),
            most_slow: (most / 4).max(1),
        }
    }

    /// Something of an account may be due.
    pub(super) fn look_at(&mut self, account: &str) {
        let entry = self.accounts.entry(account.to_owned()).or_default();
        if !entry.hungry {
            entry.hungry = true;
            self.hungry.push_back(account.to_owned());
        }
    }

    /// The next account in turn that has room, how much, and how many of its attempts are under way.
    pub(super) fn next(&mut self) -> Option<(String, usize, usize)> {
        for _ in 0..self.hungry.len() {
            let name = self.hungry.pop_front()?;
            let Some(account) = self.accounts.get_mut(&name) else { continue };
            let (each, free) = match account.manner {
                Manner::Quick => (EACH, self.most_quick.saturating_sub(self.quick)),
                Manner::Slow => (EACH, self.most_slow.saturating_sub(self.slow)),
                Manner::Down => (1, self.most_slow.saturating_sub(self.slow)),
            };
            let under_way = account.under_way.len();
            let room = each.saturating_sub(under_way).min(free);
            if room > 0 {
                account.hungry = false;
                return Some((name, room, under_way));
            }
            self.hungry.push_back(name);
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
        let slow = entry.manner != Manner::Quick;
        if entry.under_way.insert(card, UnderWay { began, slow }).is_none() {
            *(if slow { &mut self.slow } else { &mut self.quick }) += 1;
        }
    }

    /// Attempts that turn out to be slow leave the places of the quick; there may be more of the slow then than would be
    /// started.
    pub(super) fn set_aside(&mut self, now: Instant) {
        for account in self.accounts.values_mut() {
            for one in account.under_way.values_mut() {
                if !one.slow && now.saturating_duration_since(one.began) > SLOW {
                    one.slow = true;
                    self.quick -= 1;
                    self.slow += 1;
                    account.manner = Manner::Slow;
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
        entry.manner = match (down, took > SLOW) {
            (true, _) => Manner::Down,
            (false, true) => Manner::Slow,
            (false, false) => Manner::Quick,
        };
        entry.down_since = down.then(|| entry.down_since.unwrap_or(now));
        // Only what differs from a fresh entry is worth its memory.
        if entry.under_way.is_empty() && entry.manner == Manner::Quick && !entry.hungry {
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

    const X: CardId = CardId(9);
    const NOW: UnixMs = UnixMs(0);
    const FAST: Duration = Duration::from_millis(5);

    #[test]
    fn the_dead_have_places_of_their_own() {
        let mut crowd = Crowd::new(8);
        for name in ["a", "b", "c"] {
            crowd.look_at(name);
            assert_eq!(crowd.next(), Some((name.to_owned(), EACH.min(8), 0)));
            crowd.began(name, X, Instant::now());
            crowd.ended(name, X, true, FAST, NOW);
        }
        for name in ["a", "b", "c", "living"] {
            crowd.look_at(name);
            crowd.look_at(name);
        }
        for name in ["a", "b"] {
            assert_eq!(crowd.next(), Some((name.to_owned(), 1, 0)), "one at a time");
            crowd.began(name, X, Instant::now());
        }
        assert_eq!(crowd.next(), Some(("living".to_owned(), EACH, 0)), "both places of the dead are taken");
        assert_eq!(crowd.next(), None);
        crowd.ended("a", X, false, FAST, NOW);
        assert_eq!(crowd.next(), Some(("c".to_owned(), 1, 0)));
        crowd.look_at("a");
        assert_eq!(crowd.next(), Some(("a".to_owned(), EACH, 0)), "it lives again");
    }

    #[test]
    fn an_account_has_so_many_attempts_at_once_and_takes_turns() {
        let mut crowd = Crowd::new(5);
        crowd.look_at("a");
        let (_, room, _) = crowd.next().expect("room");
        (0_i64..).take(room).for_each(|card| crowd.began("a", CardId(card), Instant::now()));
        crowd.look_at("a");
        assert_eq!(crowd.next(), None, "four is enough");
        crowd.look_at("b");
        assert_eq!(crowd.next(), Some(("b".to_owned(), 1, 0)), "the fifth place");
        assert!(crowd.is_under_way("a", CardId(0)) && !crowd.is_under_way("b", CardId(0)));
        crowd.ended("a", CardId(0), false, Duration::from_secs(9), NOW);
        assert_eq!(crowd.next(), Some(("a".to_owned(), 1, 3)), "slow by now: one place among those");
    }

    #[test]
    fn who_turns_out_to_hang_makes_room() {
        let mut crowd = Crowd::new(1);
        let began = Instant::now();
        crowd.look_at("a");
        crowd.next();
        crowd.began("a", X, began);
        crowd.look_at("b");
        crowd.set_aside(began + SLOW);
        assert_eq!(crowd.next(), None);
        crowd.set_aside(began + SLOW + FAST);
        assert_eq!(crowd.next(), Some(("b".to_owned(), 1, 0)));
        crowd.ended("a", X, true, SLOW * 5, NOW);
        assert_eq!((crowd.quick, crowd.slow), (0, 0));
    }

    #[test]
    fn how_long_a_receiver_has_been_down() {
        let mut crowd = Crowd::new(8);
        for at in [100, 200, 300] {
            crowd.look_at("a");
            crowd.next();
            crowd.began("a", X, Instant::now());
            crowd.ended("a", X, true, FAST, UnixMs(at));
        }
        assert_eq!(crowd.down_for(Duration::from_millis(200), UnixMs(300)), ["a"]);
        assert!(crowd.down_for(Duration::from_millis(201), UnixMs(300)).is_empty());
        crowd.began("a", X, Instant::now());
        crowd.ended("a", X, false, FAST, UnixMs(400));
        assert!(crowd.accounts.is_empty(), "nothing to remember");
    }
}
