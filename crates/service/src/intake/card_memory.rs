//! A bounded memory of cards for the hot path: hashed keys, sharded locks, two generations.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// So many cards of a shard are held in a table that grows with them: the smaller it is, the more of it the
/// processor's caches hold. Where there are more, it gets its whole size at once. Doubling on would leave
/// large holes behind for hours, and nobody could tell that from memory that leaks.
const FEW: usize = 3_584;

struct Shard<T> {
    young: HashMap<u64, T>,
    old: HashMap<u64, T>,
}

/// Something about each of many cards. A card is known by a 64-bit hash with a key of this process. Two cards
/// that share one would share what is known: among a million cards, the odds that a given other card does are
/// about one in 10^13.
pub(super) struct CardMemory<T> {
    hasher: RandomState,
    most: usize,
    shards: [Mutex<Shard<T>>; SHARDS],
}

impl<T: Copy> CardMemory<T> {
    /// A memory of at least `most` and at most twice as many cards (rounded to the shards); who was not put
    /// in again is forgotten first.
    pub(super) fn new(most: usize) -> Self {
        let shard = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() });
        Self {
            hasher: RandomState::new(),
            most: (most / SHARDS).max(1),
            shards: std::array::from_fn(|_| shard()),
        }
    }

    /// What is known of a card.
    pub(super) fn get(&self, card: impl Hash) -> Option<T> {
        let key = self.hasher.hash_one(card);
        let shard = self.shard(key);
        shard.young.get(&key).or_else(|| shard.old.get(&key)).copied()
    }

    /// Remembers something of a card.
    pub(super) fn put(&self, card: impl Hash, value: T) {
        self.change(card, |_| (value, ()));
    }

    /// Replaces what is known of a card, and answers what `change` answers.
    pub(super) fn change<R>(&self, card: impl Hash, change: impl FnOnce(Option<T>) -> (T, R)) -> R {
        let key = self.hasher.hash_one(card);
        let mut shard = self.shard(key);
        let known = shard.young.get(&key).or_else(|| shard.old.get(&key)).copied();
        let (value, answer) = change(known);
        if shard.young.len() >= self.most && !shard.young.contains_key(&key) {
            let Shard { young, old } = &mut *shard;
            // The tables are kept: new ones would have to grow again, and leave holes behind.
            std::mem::swap(young, old);
            young.clear();
        }
        let held = shard.young.len();
        if held >= FEW && shard.young.capacity() < self.most {
            shard.young.reserve(self.most - held);
        }
        shard.young.insert(key, value);
        answer
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard<T>> {
        // The remainder is below the length.
        let index = usize::try_from(key % SHARDS as u64).unwrap_or(0);
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_whole_size_once_there_are_more_than_a_few() {
        let memory = CardMemory::new(7 << 16);
        let capacity = |memory: &CardMemory<u32>| memory.shard(0).young.capacity();
        let mut number = 0;
        let mut fill_to = |held| {
            while memory.shard(0).young.len() < held {
                memory.put(number, number);
                number += 1;
            }
        };
        fill_to(FEW);
        assert_eq!(capacity(&memory), FEW);
        fill_to(FEW + 1);
        let whole = capacity(&memory);
        assert_eq!(whole, memory.most, "and no more than is needed");
        fill_to(memory.most);
        assert_eq!(capacity(&memory), whole);
    }

    #[test]
    fn stays_bounded_and_forgets_the_longest_unused() {
        let memory = CardMemory::new(1600);
        for number in 0..10_000_u32 {
            memory.put(number, number);
            memory.change("kept", |known: Option<u32>| (known.unwrap_or(0) + 1, ()));
        }
        let held: usize = (0..SHARDS as u64)
            .map(|index| {
                let shard = memory.shard(index);
                shard.young.len() + shard.old.len()
            })
            .sum();
        assert!((1600..=3200).contains(&held), "{held}");
        assert_eq!((memory.get("kept"), memory.get(9_999_u32)), (Some(10_000), Some(9_999)));
        assert_eq!(memory.get(0_u32), None);
    }
}
