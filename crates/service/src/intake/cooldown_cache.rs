//! Cards accepted a short while ago, so that refusing them costs no disk. Only an aid: the store decides
//! whatever is not here.

use super::card_memory::CardMemory;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::sign::Fingerprint;

/// So many fit that 764 refreshes may be accepted a second for five minutes; twice as many cards take 13 MB.
/// Seven eighths of a power of two fill hash tables.
const MOST: usize = 7 << 15;

#[derive(Clone, Copy)]
struct Entry {
    accepted_at: UnixMs,
    sign: SignStart,
}

/// The beginning of a call's fingerprint. Another call that begins alike is taken for the same and so decided
/// by the store, which knows them apart.
type SignStart = [u8; 8];

fn start_of(sign: &Fingerprint) -> SignStart {
    std::array::from_fn(|index| sign[index])
}

/// What this process knows of a call's card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: the store has to decide.
    Nothing,
    /// The call is the very one that was accepted last, as far as is known here. It has to be answered alike
    /// and not refused. The store decides.
    Same,
    /// Another call was accepted last, at this time.
    Other(UnixMs),
}

/// The cache.
pub(super) struct CooldownCache(CardMemory<Entry>);

impl CooldownCache {
    pub(super) fn new() -> Self {
        Self(CardMemory::new(MOST))
    }

    pub(super) fn get(&self, account: &str, kind: CardKind, number: &str, sign: &Fingerprint) -> Known {
        match self.0.get((account, kind, number)) {
            None => Known::Nothing,
            Some(entry) if entry.sign == start_of(sign) => Known::Same,
            Some(entry) => Known::Other(entry.accepted_at),
        }
    }

    pub(super) fn put(
        &self,
        account: &str,
        kind: CardKind,
        number: &str,
        sign: Fingerprint,
        accepted_at: UnixMs,
    ) {
        self.0.put((account, kind, number), Entry { accepted_at, sign: start_of(&sign) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_was_put_and_lets_the_accepted_call_itself_through() {
        let cache = CooldownCache::new();
        cache.put("a", CardKind::Sim, "89", [1; 20], UnixMs(7));
        assert_eq!(cache.get("a", CardKind::Sim, "89", &[2; 20]), Known::Other(UnixMs(7)));
        assert_eq!(cache.get("a", CardKind::Sim, "89", &[1; 20]), Known::Same);
        assert_eq!(cache.get("b", CardKind::Sim, "89", &[2; 20]), Known::Nothing);
        assert_eq!(cache.get("a", CardKind::CloudEsim, "89", &[2; 20]), Known::Nothing);
    }
}
