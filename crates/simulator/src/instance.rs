//! One copy of one operator, with everything it remembers, and one exchange with it.

use super::config::SimulatorConfig;
use super::faults::Faults;
use super::limits::{Gate, Window};
use super::operators::Operator;
use super::sims::{Sims, hash, lock};
use super::stats::{Ledger, Stats};
use super::tokens::Tokens;
use super::wire::Call;
use simgauge_domain::limits::Bucket;
use simgauge_domain::time::UnixMs;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many one-time values (transaction ids, signs) are remembered.
const ONCE_KEPT: usize = 10_000;

/// One operator account's worth of an operator.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) operator: &'static dyn Operator,
    pub(super) gate: Arc<Gate>,
    pub(super) sims: Sims,
    pub(super) tokens: Tokens,
    pub(super) faults: Faults,
    pub(super) ledger: Ledger,
    once: Mutex<Once>,
    /// SIM numbers behind an operator's own numeric ids.
    ids: Mutex<HashMap<u64, Box<str>>>,
}

#[derive(Debug, Default)]
struct Once {
    order: VecDeque<u64>,
    seen: HashSet<u64>,
}

impl Instance {
    pub(super) fn new(name: String, operator: &'static dyn Operator, start: UnixMs) -> Self {
        Self {
            name,
            operator,
            gate: Arc::new(Gate::new(operator.limits())),
            sims: Sims::new(start),
            tokens: Tokens::default(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            once: Mutex::default(),
            ids: Mutex::default(),
        }
    }

    pub(super) fn stats(self: &Arc<Self>) -> Stats {
        self.ledger.stats(self)
    }

    pub(super) fn asked_about(&self, iccid: &str) -> u32 {
        self.sims.peek(self.operator.canonical(iccid), |sim| sim.asked)
    }

    /// Counts a usage call about a SIM. `Err` carries the time to wait when it is one too many for this SIM.
    pub(super) fn ask_about(
        &self,
        iccid: &str,
        bucket: Option<&Bucket>,
        now: UnixMs,
    ) -> Result<(), Duration> {
        self.sims.with(iccid, |sim| {
            sim.asked = sim.asked.saturating_add(1);
            match bucket {
                Some(bucket) => {
                    // Limits may have been replaced since the last call.
                    let kept = sim.extra().window.take().filter(|window| window.is_of(bucket));
                    sim.extra().window.insert(kept.unwrap_or_else(|| Window::new(bucket))).arrive(now)
                }
                None => Ok(()),
            }
        })
    }

    /// Whether a one-time value is new here.
    pub(super) fn is_new(&self, value: &str) -> bool {
        let key = hash(value);
        let mut once = lock(&self.once);
        if !once.seen.insert(key) {
            return false;
        }
        once.order.push_back(key);
        if once.order.len() > ONCE_KEPT
            && let Some(oldest) = once.order.pop_front()
        {
            once.seen.remove(&oldest);
        }
        true
    }

    /// The operator's own numeric id of a SIM; small enough for every JSON reader.
    pub(super) fn id_of(&self, number: &str) -> u64 {
        let id = hash(number) >> 11;
        lock(&self.ids).entry(id).or_insert_with(|| number.into());
        id
    }

    /// The SIM behind such an id.
    pub(super) fn number_of(&self, id: u64) -> Option<String> {
        lock(&self.ids).get(&id).map(|number| number.to_string())
    }
}

/// Faults that change a figure rather than the whole answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Twist {
    pub(super) wrong_card: bool,
    pub(super) unchanged: bool,
}

/// A figure an operator gives out.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// The SIM the answer names.
    pub(super) iccid: String,
    pub(super) used: u64,
}

/// One call, with all an operator needs to answer it.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) instance: &'a Instance,
    pub(super) config: &'a SimulatorConfig,
    pub(super) call: &'a Call<'a>,
    pub(super) now: UnixMs,
    pub(super) twist: Twist,
}

impl Exchange<'_> {
    pub(super) fn knows(&self, iccid: &str) -> bool {
        self.instance.sims.knows(iccid)
    }

    /// Gives out the usage of a SIM: counts as a reading, and the next figure is higher.
    pub(super) fn read(&self, iccid: &str) -> Figure {
        self.instance.ledger.reading();
        if self.twist.wrong_card {
            let other = other_sim(iccid);
            let used = self.instance.sims.peek(&other, |sim| sim.used(self.config, self.now));
            return Figure { iccid: other, used };
        }
        let used = self.instance.sims.with(iccid, |sim| {
            if self.twist.unchanged {
                sim.standing(self.config, self.now)
            } else {
                sim.answer(self.config, self.now)
            }
        });
        Figure { iccid: iccid.to_owned(), used }
    }

    /// Like [`Self::read`], for operators that repeat an answer for a while.
    pub(super) fn read_cached(&self, iccid: &str) -> Figure {
        let life = Duration::from_secs(self.config.answer_cache_seconds);
        let cached = self.instance.sims.peek(iccid, |sim| {
            sim.extra.as_ref().and_then(|extra| extra.cached).filter(|(_, at)| self.now.since(*at) < life)
        });
        if let (Some((used, _)), false) = (cached, self.twist.wrong_card) {
            self.instance.ledger.reading();
            return Figure { iccid: iccid.to_owned(), used };
        }
        let figure = self.read(iccid);
        if !self.twist.wrong_card {
            self.instance.sims.with(iccid, |sim| sim.extra().cached = Some((figure.used, self.now)));
        }
        figure
    }

    /// The number a list names for the SIM asked for.
    pub(super) fn shown(&self, iccid: &str) -> String {
        if self.twist.wrong_card { other_sim(iccid) } else { iccid.to_owned() }
    }

    pub(super) fn has_token(&self, token: Option<&str>) -> bool {
        token.is_some_and(|token| self.instance.tokens.is_good(token, self.now))
    }

    /// Makes a token good for the configured life.
    pub(super) fn grant(&self, token: &str) {
        self.instance.tokens.accept(token, self.now, Duration::from_secs(self.config.token_ttl_seconds));
    }

    /// A new token of the usual look.
    pub(super) fn new_token(&self, prefix: &str) -> String {
        let token = format!("{prefix}{:016x}", self.instance.tokens.next_serial(self.now));
        self.grant(&token);
        token
    }
}

/// Another SIM's number of the same length: the last character is another one.
pub(super) fn other_sim(iccid: &str) -> String {
    let mut other = iccid.to_owned();
    let last = if other.pop() == Some('7') { '3' } else { '7' };
    other.push(last);
    other
}

/// A number that contains `iccid`, as a search by part of a number finds it.
pub(super) fn neighbour(iccid: &str) -> String {
    format!("{iccid}5")
}
