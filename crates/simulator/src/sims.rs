//! The SIMs of one operator: every one exists, only those that were touched take memory.

use super::config::SimulatorConfig;
use super::limits::Window;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// ICCIDs that start like this are not known to any operator.
pub const UNKNOWN_PREFIX: &str = "89000000000000404";

const SHARDS: usize = 64;

/// Locks, also after a panic elsewhere: the simulator's counters are never left half-written.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stable 64-bit hash of a SIM's number (FNV-1a with a final mix): the same SIM has the same base usage in every
/// run. Two of a million SIMs share one with a chance of about 1 in 40 million.
pub(super) fn hash(number: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in number.bytes() {
        hash = (hash ^ u64::from(byte.to_ascii_uppercase())).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// What is kept of a touched SIM.
#[derive(Clone, Debug)]
pub(super) struct Sim {
    /// Bytes at `since`.
    base: u64,
    since: UnixMs,
    /// Readings answered since `since`.
    steps: u32,
    /// Usage calls that arrived.
    pub(super) asked: u32,
    /// The last figure given out; usage never falls below it unless it is set.
    last: u64,
    unknown: bool,
    /// Only for SIMs of operators that need more.
    pub(super) extra: Option<Box<Extra>>,
}

/// What only some operators keep per SIM.
#[derive(Clone, Debug, Default)]
pub(super) struct Extra {
    /// Calls about this SIM, where they are limited.
    pub(super) window: Option<Window>,
    /// The answer an operator repeats: figure and when it was read.
    pub(super) cached: Option<(u64, UnixMs)>,
    /// Refreshes of `oapi`.
    pub(super) refresh: Option<SyncState>,
}

/// The last refresh of an `oapi` card.
#[derive(Clone, Copy, Debug)]
pub(super) struct SyncState {
    pub(super) accepted: UnixMs,
    pub(super) number: u64,
    pub(super) before: u64,
    pub(super) after: u64,
    /// The sign of the accepted call, so that the same call again is answered alike.
    pub(super) sign: u64,
}

impl Sim {
    fn fresh(number: &str, start: UnixMs) -> Self {
        let base = 1_000_000 + hash(number) % 300_000_000;
        Self { base, since: start, steps: 0, asked: 0, last: 0, unknown: false, extra: None }
    }

    pub(super) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// The figure as of `now`.
    pub(super) fn used(&self, config: &SimulatorConfig, now: UnixMs) -> u64 {
        let grown = now.since(self.since).as_millis() * u128::from(config.growth_bytes_per_second) / 1_000;
        let stepped = u64::from(self.steps).saturating_mul(config.step_bytes);
        let used = self.base.saturating_add(u64::try_from(grown).unwrap_or(u64::MAX)).saturating_add(stepped);
        used.max(self.last)
    }

    /// The figure as of `now`, given out: the next one is a step higher.
    pub(super) fn answer(&mut self, config: &SimulatorConfig, now: UnixMs) -> u64 {
        let used = self.used(config, now);
        self.steps = self.steps.saturating_add(1);
        self.last = used;
        used
    }

    /// The figure given out last, for a SIM whose usage stands still.
    pub(super) fn standing(&mut self, config: &SimulatorConfig, now: UnixMs) -> u64 {
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

/// All SIMs of one operator.
#[derive(Debug)]
pub(super) struct Sims {
    start: UnixMs,
    shards: Box<[Mutex<HashMap<u64, Sim>>]>,
}

impl Sims {
    pub(super) fn new(start: UnixMs) -> Self {
        Self { start, shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Runs `act` on the SIM, which is kept from now on.
    pub(super) fn with<T>(&self, number: &str, act: impl FnOnce(&mut Sim) -> T) -> T {
        let key = hash(number);
        let mut shard = lock(self.shard(key));
        act(shard.entry(key).or_insert_with(|| Sim::fresh(number, self.start)))
    }

    /// Looks at the SIM without keeping it.
    pub(super) fn peek<T>(&self, number: &str, look: impl FnOnce(&Sim) -> T) -> T {
        let key = hash(number);
        match lock(self.shard(key)).get(&key) {
            Some(sim) => look(sim),
            None => look(&Sim::fresh(number, self.start)),
        }
    }

    /// Whether the operator has this SIM.
    pub(super) fn knows(&self, number: &str) -> bool {
        let plausible = (5..=40).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric());
        plausible && !number.starts_with(UNKNOWN_PREFIX) && !self.peek(number, |sim| sim.unknown)
    }

    pub(super) fn set(&self, number: &str, bytes: u64, now: UnixMs) {
        self.with(number, |sim| sim.set(bytes, now));
    }

    pub(super) fn inject(&self, number: &str, bytes: u64) {
        self.with(number, |sim| sim.inject(bytes));
    }

    pub(super) fn set_unknown(&self, number: &str, unknown: bool) {
        self.with(number, |sim| sim.unknown = unknown);
    }

    /// How many SIMs were touched.
    pub(super) fn touched(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard(&self, key: u64) -> &Mutex<HashMap<u64, Sim>> {
        let index = usize::try_from(key % SHARDS as u64).unwrap_or(0);
        &self.shards[index]
    }
}
