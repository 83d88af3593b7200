//! The SIMs of one operator. Every SIM exists, but only those that were touched take memory.

use crate::config::SimulatorConfig;
use crate::limits::Window;
use crate::listing::{Listing, Page};
use crate::sync::lock;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::sync::Mutex;

/// No operator knows an ICCID that starts like this.
pub const UNKNOWN_PREFIX: &str = "89000000000000404";

const SHARDS: usize = 64;

/// A stable 64-bit hash of a SIM's number (FNV-1a with a final mix), so that the same SIM has the same base
/// usage in every run. The chance that two of a million SIMs share one is about 1 in 40 million.
pub(crate) fn hash(number: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in number.bytes() {
        hash = (hash ^ u64::from(byte.to_ascii_uppercase())).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The 19 digits of an ICCID, for operators that keep the twentieth, a check digit, apart.
pub(crate) fn without_check_digit(iccid: &str) -> &str {
    match iccid.len() {
        20 if iccid.is_ascii() => &iccid[..19],
        _ => iccid,
    }
}

/// A touched SIM.
#[derive(Clone, Debug)]
pub(crate) struct Sim {
    /// Bytes at `since`.
    base: u64,
    since: UnixMs,
    /// Readings answered since `since`.
    steps: u32,
    /// Usage calls that arrived.
    pub(crate) calls: u32,
    /// The usage of the last answer. Usage never falls below it unless it is set.
    last: u64,
    unknown: bool,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What only some operators keep per SIM.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// Calls about this SIM, where they are limited.
    pub(crate) window: Option<Window>,
    /// The answer that an operator repeats: bytes, and when they were read.
    pub(crate) cached: Option<(u64, UnixMs)>,
    /// The last refresh of an `oapi` card.
    pub(crate) refresh: Option<SyncState>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncState {
    pub(crate) accepted: UnixMs,
    pub(crate) number: u64,
    pub(crate) before: u64,
    pub(crate) after: u64,
    /// The sign of the accepted call, so that the same call is answered alike again.
    pub(crate) sign: u64,
}

impl Sim {
    fn fresh(number: &str, start: UnixMs) -> Self {
        let base = 1_000_000 + hash(number) % 300_000_000;
        Self { base, since: start, steps: 0, calls: 0, last: 0, unknown: false, extra: None }
    }

    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// The usage as of `now`, in bytes.
    pub(crate) fn used(&self, config: &SimulatorConfig, now: UnixMs) -> u64 {
        let grown = now.since(self.since).as_millis() * u128::from(config.growth_bytes_per_second) / 1_000;
        let stepped = u64::from(self.steps).saturating_mul(config.step_bytes);
        let used = self.base.saturating_add(u64::try_from(grown).unwrap_or(u64::MAX)).saturating_add(stepped);
        used.max(self.last)
    }

    /// Answers with the usage as of `now`. The next answer is a step higher.
    pub(crate) fn answer(&mut self, config: &SimulatorConfig, now: UnixMs) -> u64 {
        let used = self.used(config, now);
        self.steps = self.steps.saturating_add(1);
        self.last = used;
        used
    }

    /// The usage of the last answer, for a SIM whose usage does not grow.
    pub(crate) fn last_answer(&mut self, config: &SimulatorConfig, now: UnixMs) -> u64 {
        if self.last == 0 {
            self.last = self.used(config, now);
        }
        self.last
    }

    fn set(&mut self, bytes: u64, now: UnixMs) {
        self.base = bytes;
        self.since = now;
        self.steps = 0;
        self.last = bytes;
        self.forget_cached();
    }

    fn inject(&mut self, bytes: u64) {
        self.base = self.base.saturating_add(bytes);
        self.forget_cached();
    }

    fn forget_cached(&mut self) {
        if let Some(extra) = &mut self.extra {
            extra.cached = None;
        }
    }
}

#[derive(Debug)]
pub(crate) struct Sims {
    start: UnixMs,
    shards: Box<[Mutex<HashMap<u64, Sim>>]>,
    /// For operators that list their SIMs.
    listing: Option<Listing>,
}

impl Sims {
    pub(crate) fn new(start: UnixMs, are_listed: bool) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { start, shards, listing: are_listed.then(Listing::default) }
    }

    /// Runs `act` on the SIM, and keeps it from now on.
    pub(crate) fn with<T>(&self, number: &str, act: impl FnOnce(&mut Sim) -> T) -> T {
        if let Some(listing) = &self.listing {
            listing.add(number);
        }
        let key = hash(number);
        let mut shard = lock(self.shard(key));
        act(shard.entry(key).or_insert_with(|| Sim::fresh(number, self.start)))
    }

    /// Runs `look` on the SIM without keeping it.
    pub(crate) fn peek<T>(&self, number: &str, look: impl FnOnce(&Sim) -> T) -> T {
        let key = hash(number);
        match lock(self.shard(key)).get(&key) {
            Some(sim) => look(sim),
            None => look(&Sim::fresh(number, self.start)),
        }
    }

    pub(crate) fn knows(&self, number: &str) -> bool {
        let plausible = (5..=40).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric());
        plausible && !number.starts_with(UNKNOWN_PREFIX) && !self.peek(number, |sim| sim.unknown)
    }

    pub(crate) fn set(&self, number: &str, bytes: u64, now: UnixMs) {
        self.with(number, |sim| sim.set(bytes, now));
    }

    pub(crate) fn inject(&self, number: &str, bytes: u64) {
        self.with(number, |sim| sim.inject(bytes));
    }

    pub(crate) fn set_unknown(&self, number: &str, unknown: bool) {
        self.with(number, |sim| sim.unknown = unknown);
    }

    /// At most `size` known SIMs that come after `after`, without the first `skip` of them.
    pub(crate) fn page(&self, after: Option<&str>, skip: usize, size: usize) -> Page {
        let listing = self.listing.as_ref();
        listing
            .map(|listing| listing.page(after, skip, size, |number| self.knows(number)))
            .unwrap_or_default()
    }

    /// The page of that number. The first is page 1.
    pub(crate) fn numbered_page(&self, number: usize, size: usize) -> Page {
        self.page(None, number.saturating_sub(1).saturating_mul(size), size)
    }

    /// How many SIMs a listing has in all.
    pub(crate) fn listed(&self) -> usize {
        self.listing.as_ref().map_or(0, |listing| listing.count(|number| self.knows(number)))
    }

    pub(crate) fn touched(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard(&self, key: u64) -> &Mutex<HashMap<u64, Sim>> {
        let index = usize::try_from(key % SHARDS as u64).unwrap_or(0);
        &self.shards[index]
    }
}
