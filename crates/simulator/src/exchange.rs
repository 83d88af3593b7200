//! One call, with everything that an operator needs to answer it.

use crate::config::SimulatorConfig;
use crate::faults::Fault;
use crate::operation::{Operation, Problem};
use crate::state::OperatorState;
use crate::wire::Call;
use serde_json::Value;
use simgauge_domain::limits::Bucket;
use simgauge_domain::time::UnixMs;
use std::time::Duration;

/// Faults that change the usage rather than the whole answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UsageFaults {
    pub(crate) wrong_card: bool,
    pub(crate) unchanged: bool,
    /// Whether the answer is about many SIMs, so that one of them may have a fault of its own.
    pub(crate) by_sim: bool,
}

/// The usage that an answer names.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    /// The SIM that the answer names.
    pub(crate) iccid: String,
    /// Bytes.
    pub(crate) used: u64,
}

#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) state: &'a OperatorState,
    pub(crate) config: &'a SimulatorConfig,
    pub(crate) call: &'a Call<'a>,
    pub(crate) now: UnixMs,
    pub(crate) faults: UsageFaults,
}

impl Exchange<'_> {
    pub(crate) fn knows(&self, iccid: &str) -> bool {
        self.state.sims.knows(iccid)
    }

    pub(crate) fn require_known(&self, iccid: &str) -> Result<(), Problem> {
        if self.knows(iccid) { Ok(()) } else { Err(Problem::UnknownSim) }
    }

    pub(crate) fn require_token(&self, token: Option<&str>) -> Result<(), Problem> {
        match token {
            Some(token) if self.state.tokens.is_good(token, self.now) => Ok(()),
            _ => Err(Problem::TokenGone),
        }
    }

    /// Counts the call in a limit that concerns only the calls named `what`.
    pub(crate) fn require_pace(&self, what: &'static str, bucket: &Bucket) -> Result<(), Problem> {
        match self.state.count_named(what, bucket, self.now) {
            Err(note) => {
                self.state.ledger.violation(self.now, &note);
                if self.config.enforce_limits { Err(Problem::RateLimited) } else { Ok(()) }
            }
            Ok(()) => Ok(()),
        }
    }

    /// The usage that the next reading would return.
    pub(crate) fn peek(&self, iccid: &str) -> u64 {
        self.state.sims.peek(iccid, |sim| sim.used(self.config, self.now))
    }

    /// The SIM of a usage call that shows a good bearer token, for operators that have no other calls.
    pub(crate) fn require_usage_with_token<'o>(&self, operation: &'o Operation) -> Result<&'o str, Problem> {
        let iccid = operation.usage_sim().ok_or(Problem::NoSuchCall)?;
        self.require_token(self.call.bearer())?;
        self.require_known(iccid)?;
        Ok(iccid)
    }

    /// Returns the usage of a SIM. It counts as a reading, and the next reading is higher.
    pub(crate) fn read(&self, iccid: &str) -> Usage {
        self.read_with(iccid, self.own_fault(iccid).as_ref())
    }

    /// The elements of an answer about many SIMs. `element` makes those of one.
    pub(crate) fn read_each<'s>(
        &self,
        iccids: impl IntoIterator<Item = &'s str>,
        element: impl Fn(&Usage) -> Vec<Value>,
    ) -> Vec<Value> {
        let of_one = |iccid: &str| match self.own_fault(iccid) {
            Some(Fault::Nonsense) => vec![Value::Null],
            Some(Fault::EmptyBody) => Vec::new(),
            fault => element(&self.read_with(iccid, fault.as_ref())),
        };
        iccids.into_iter().flat_map(of_one).collect()
    }

    /// The fault of one SIM among many.
    fn own_fault(&self, iccid: &str) -> Option<Fault> {
        if self.faults.by_sim { self.state.faults.for_element(iccid, self.now) } else { None }
    }

    fn read_with(&self, iccid: &str, own: Option<&Fault>) -> Usage {
        self.state.ledger.reading();
        if self.faults.wrong_card || own == Some(&Fault::WrongCard) {
            let iccid = other_sim(iccid);
            return Usage { used: self.peek(&iccid), iccid };
        }
        let used = self.state.sims.with(iccid, |sim| {
            if self.faults.unchanged || own == Some(&Fault::Unchanged) {
                sim.last_answer(self.config, self.now)
            } else {
                sim.answer(self.config, self.now)
            }
        });
        Usage { iccid: iccid.to_owned(), used }
    }

    /// Whether a call asks for no more SIMs than the operator allows. More are a violation.
    pub(crate) fn allows(&self, asked: usize, most: usize) -> bool {
        if asked > most {
            let note = format!("{asked} SIMs in a call, {most} allowed");
            self.state.ledger.violation(self.now, &note);
        }
        asked <= most
    }

    /// Like [`Self::read`], for operators that repeat an answer for a while.
    pub(crate) fn read_cached(&self, iccid: &str) -> Usage {
        if self.faults.wrong_card {
            return self.read(iccid);
        }
        let sims = &self.state.sims;
        let life = Duration::from_secs(self.config.answer_cache_seconds);
        let cached = sims.peek(iccid, |sim| {
            sim.extra.as_ref().and_then(|extra| extra.cached).filter(|(_, at)| self.now.since(*at) < life)
        });
        if let Some((used, _)) = cached {
            self.state.ledger.reading();
            return Usage { iccid: iccid.to_owned(), used };
        }
        let usage = self.read(iccid);
        sims.with(iccid, |sim| sim.extra().cached = Some((usage.used, self.now)));
        usage
    }

    /// The number that a list names for the SIM asked for.
    pub(crate) fn shown(&self, iccid: &str) -> String {
        if self.faults.wrong_card { other_sim(iccid) } else { iccid.to_owned() }
    }

    /// Makes a token good for the configured life.
    pub(crate) fn grant(&self, token: &str) {
        self.state.tokens.accept(token, self.now, Duration::from_secs(self.config.token_ttl_seconds));
    }

    /// A new token of the usual look.
    pub(crate) fn new_token(&self, prefix: &str) -> String {
        let token = format!("{prefix}{:016x}", self.state.tokens.next_serial(self.now));
        self.grant(&token);
        token
    }
}

/// Another SIM's number of the same length, with another last character.
fn other_sim(iccid: &str) -> String {
    let mut other = iccid.to_owned();
    let last = if other.pop() == Some('7') { '3' } else { '7' };
    other.push(last);
    other
}

/// A number that contains `iccid`, as a search by part of a number finds it.
pub(crate) fn neighbour(iccid: &str) -> String {
    format!("{iccid}5")
}
