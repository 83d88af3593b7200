//! Cards accepted a short while ago, so that refusing them costs no disk. Only an aid: the store decides whatever is not here.

use simgauge_domain::time::UnixMs;
use simgauge_store::CardKind;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

/// Entries of one generation of one shard; two generations of 16 shards make up to two million cards in about 100 MB at
/// the very most.
const MOST: usize = 65_536;
const SHARDS: usize = 16;

#[derive(Clone, Copy)]
struct Entry {
    accepted_at: UnixMs,
    sign: [u8; 20],
}

#[derive(Default)]
struct Shard {
    young: HashMap<u64, Entry>,
    old: HashMap<u64, Entry>,
}

/// The cache. A card is known by a 64-bit hash with a key of this process. Two cards that share one would share a refusal:
/// among the two million cards it holds at most, the odds that a given other card does are about one in 10^13.
pub(super) struct CooldownCache {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

impl CooldownCache {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    fn key(&self, account: &str, kind: CardKind, number: &str) -> u64 {
        self.hasher.hash_one((account, kind, number))
    }

    fn shard(&self, key: u64) -> &Mutex<Shard> {
        // The remainder is below the length.
        &self.shards[usize::try_from(key % SHARDS as u64).unwrap_or(0)]
    }

    /// When the card was accepted last, as far as is known here; nothing where the call is the accepted one itself, which
    /// has to be answered alike and not refused.
    pub(super) fn get(&self, account: &str, kind: CardKind, number: &str, sign: &[u8; 20]) -> Option<UnixMs> {
        let key = self.key(account, kind, number);
        let shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.young.get(&key).or_else(|| shard.old.get(&key))?;
        (entry.sign != *sign).then_some(entry.accepted_at)
    }

    pub(super) fn put(
        &self,
        account: &str,
        kind: CardKind,
        number: &str,
        sign: [u8; 20],
        accepted_at: UnixMs,
    ) {
        let key = self.key(account, kind, number);
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        if shard.young.len() >= MOST {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(key, Entry { accepted_at, sign });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_was_put_and_lets_the_accepted_call_itself_through() {
        let cache = CooldownCache::new();
        cache.put("a", CardKind::Sim, "89", [1; 20], UnixMs(7));
        assert_eq!(cache.get("a", CardKind::Sim, "89", &[2; 20]), Some(UnixMs(7)));
        assert_eq!(cache.get("a", CardKind::Sim, "89", &[1; 20]), None);
        assert_eq!(cache.get("b", CardKind::Sim, "89", &[2; 20]), None);
        assert_eq!(cache.get("a", CardKind::CloudEsim, "89", &[2; 20]), None);
    }

    #[test]
    fn stays_bounded() {
        let cache = CooldownCache::new();
        for number in 0..(MOST * SHARDS * 3) {
            cache.put("a", CardKind::Sim, &number.to_string(), [1; 20], UnixMs(7));
        }
        let held: usize = cache
            .shards
            .iter()
            .map(|shard| {
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                shard.young.len() + shard.old.len()
            })
            .sum();
        assert!(held <= MOST * SHARDS * 2);
    }
}
