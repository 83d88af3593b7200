//! Faults on demand.

use super::sims::lock;
use simgauge_domain::time::UnixMs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Something an operator does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers late.
    Delay(Duration),
    /// Answers this HTTP status with the operator's own kind of error body.
    Status(u16),
    /// Answers that calls come too often.
    RateLimited {
        /// Seconds in `Retry-After`; without, the header is left out.
        retry_after: Option<u64>,
    },
    /// Closes the connection without an answer.
    HangUp,
    /// Answers 200 with an HTML page.
    Nonsense,
    /// Answers 200 with nothing in it.
    EmptyBody,
    /// Says the log-in has run out, and forgets the token that was shown.
    AuthExpired,
    /// Answers about another SIM, where the operator's answer names one.
    WrongCard,
    /// Answers with 50 MB.
    Huge,
    /// Sends the right answer, one byte a second.
    Trickle,
    /// Never answers.
    Hang,
    /// Sends the caller elsewhere.
    Redirect(String),
    /// Leaves the used bytes out: the field has another name.
    MissingUsed,
    /// Answers, but usage does not grow.
    Unchanged,
}

impl Fault {
    /// Whether the fault makes sense for a log-in too.
    fn concerns_login(&self) -> bool {
        !matches!(self, Self::AuthExpired | Self::WrongCard | Self::MissingUsed | Self::Unchanged)
    }
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultSpan {
    /// Until faults are cleared.
    Forever,
    /// For this many calls.
    Count(u32),
    /// Until this instant of the simulator's clock.
    Until(UnixMs),
}

/// Which calls a fault hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultScope {
    /// Every call, log-ins too where that makes sense.
    Operator,
    /// Log-ins only.
    Login,
    /// Calls about this SIM.
    Sim(String),
}

#[derive(Clone, Debug)]
struct Active {
    scope: FaultScope,
    fault: Fault,
    span: FaultSpan,
}

/// What is wrong with one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Hit {
    pub(super) delay: Duration,
    pub(super) fault: Option<Fault>,
}

/// The faults of one operator.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Spares the lock while there is none, which is nearly always.
    count: AtomicUsize,
    active: Mutex<Vec<Active>>,
}

impl Faults {
    /// Sets a fault. A delay joins another fault of the same scope; of the others the latest holds.
    pub(super) fn set(&self, scope: FaultScope, fault: Fault, span: FaultSpan) {
        let mut active = lock(&self.active);
        let is_delay = matches!(fault, Fault::Delay(_));
        active.retain(|old| old.scope != scope || matches!(old.fault, Fault::Delay(_)) != is_delay);
        if span != FaultSpan::Count(0) {
            active.push(Active { scope, fault, span });
        }
        self.count.store(active.len(), Ordering::Release);
    }

    pub(super) fn clear(&self) {
        lock(&self.active).clear();
        self.count.store(0, Ordering::Release);
    }

    /// What is wrong with a call about `sim`, or with a log-in. Uses up counted faults.
    pub(super) fn hit(&self, login: bool, sim: Option<&str>, now: UnixMs) -> Hit {
        if self.count.load(Ordering::Acquire) == 0 {
            return Hit::default();
        }
        let mut active = lock(&self.active);
        active.retain(|one| !matches!(one.span, FaultSpan::Until(end) if now >= end));
        let mut hit = Hit::default();
        if let Some(index) = most_special(&active, login, sim, |fault| matches!(fault, Fault::Delay(_)))
            && let Fault::Delay(delay) = use_up(&mut active, index)
        {
            hit.delay = delay;
        }
        if let Some(index) = most_special(&active, login, sim, |fault| !matches!(fault, Fault::Delay(_))) {
            hit.fault = Some(use_up(&mut active, index));
        }
        self.count.store(active.len(), Ordering::Release);
        hit
    }
}

/// The fault that concerns the call and is not of the whole operator, else one of the whole operator.
fn most_special(
    active: &[Active],
    login: bool,
    sim: Option<&str>,
    wanted: impl Fn(&Fault) -> bool,
) -> Option<usize> {
    let concerned = |one: &Active| match &one.scope {
        FaultScope::Operator => !login || one.fault.concerns_login(),
        FaultScope::Login => login,
        FaultScope::Sim(number) => sim.is_some_and(|asked| asked.eq_ignore_ascii_case(number)),
    };
    let mut found = None;
    for (index, one) in active.iter().enumerate().filter(|(_, one)| wanted(&one.fault) && concerned(one)) {
        if one.scope != FaultScope::Operator {
            return Some(index);
        }
        found = Some(index);
    }
    found
}

fn use_up(active: &mut Vec<Active>, index: usize) -> Fault {
    if let FaultSpan::Count(left) = &mut active[index].span {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return active.remove(index).fault;
        }
    }
    active[index].fault.clone()
}
