use crate::sync::lock;
use simgauge_domain::time::UnixMs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Something an operator does wrong.
///
/// In a call about many SIMs a fault of one SIM concerns its element only: [`Fault::WrongCard`] and
/// [`Fault::Unchanged`] as ever. At Telnyx, SIMBOSS, OneLink, Huawei, eSIM Access and China Unicom
/// [`Fault::Nonsense`] puts `null` in its place, and [`Fault::EmptyBody`] leaves it out. The others do
/// nothing there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Delay(Duration),
    /// Answers this HTTP status with the operator's own error body.
    Status(u16),
    RateLimited {
        /// Seconds in `Retry-After`. `None` leaves the header out.
        retry_after: Option<u64>,
    },
    /// Closes the connection without an answer.
    HangUp,
    /// Answers 200 with an HTML page.
    Nonsense,
    /// Answers 200 with an empty body.
    EmptyBody,
    /// Answers that the log-in has expired, and forgets the token that was shown.
    AuthExpired,
    /// Answers about another SIM, where the operator's answer names the SIM.
    WrongCard,
    /// Answers with 50 MB.
    Huge,
    /// Sends the right answer, one byte a second.
    Trickle,
    Hang,
    /// Redirects to this URL.
    Redirect(String),
    /// Gives the field with the used bytes another name.
    MissingUsed,
    /// Answers with the usage of the last answer.
    Unchanged,
}

impl Fault {
    /// Whether the fault makes sense for a log-in too.
    fn concerns_login(&self) -> bool {
        !matches!(self, Self::AuthExpired | Self::WrongCard | Self::MissingUsed | Self::Unchanged)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultSpan {
    /// Until the faults are cleared.
    Forever,
    /// For this many calls.
    Count(u32),
    /// Until this instant of the simulator's clock.
    Until(UnixMs),
}

/// Which calls a fault concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultScope {
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

/// The faults of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallFaults {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Avoids the lock while there is no fault, which is nearly always.
    count: AtomicUsize,
    active: Mutex<Vec<Active>>,
}

impl Faults {
    /// A delay joins another fault of the same scope. Of the others the latest counts.
    pub(crate) fn set(&self, scope: FaultScope, fault: Fault, span: FaultSpan) {
        let mut active = lock(&self.active);
        let is_delay = matches!(fault, Fault::Delay(_));
        active.retain(|old| old.scope != scope || matches!(old.fault, Fault::Delay(_)) != is_delay);
        if span != FaultSpan::Count(0) {
            active.push(Active { scope, fault, span });
        }
        self.count.store(active.len(), Ordering::Release);
    }

    pub(crate) fn clear(&self) {
        lock(&self.active).clear();
        self.count.store(0, Ordering::Release);
    }

    /// The faults of a call about `sim`, or of a log-in. Uses up counted faults.
    pub(crate) fn for_call(&self, login: bool, sim: Option<&str>, now: UnixMs) -> CallFaults {
        if self.count.load(Ordering::Acquire) == 0 {
            return CallFaults::default();
        }
        let mut active = lock(&self.active);
        active.retain(|one| !matches!(one.span, FaultSpan::Until(end) if now >= end));
        let mut found = CallFaults::default();
        if let Some(index) = most_specific(&active, login, sim, |fault| matches!(fault, Fault::Delay(_)))
            && let Fault::Delay(delay) = use_up(&mut active, index)
        {
            found.delay = delay;
        }
        if let Some(index) = most_specific(&active, login, sim, |fault| !matches!(fault, Fault::Delay(_))) {
            found.fault = Some(use_up(&mut active, index));
        }
        self.count.store(active.len(), Ordering::Release);
        found
    }

    /// The fault of one SIM among many. Uses up counted faults.
    pub(crate) fn for_element(&self, sim: &str, now: UnixMs) -> Option<Fault> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut active = lock(&self.active);
        active.retain(|one| !matches!(one.span, FaultSpan::Until(end) if now >= end));
        let index = active.iter().position(|one| {
            matches!(&one.scope, FaultScope::Sim(number) if sim.eq_ignore_ascii_case(number))
                && !matches!(one.fault, Fault::Delay(_))
        });
        let fault = index.map(|index| use_up(&mut active, index));
        self.count.store(active.len(), Ordering::Release);
        fault
    }
}

/// A fault of the call's own scope, else one of the whole operator.
fn most_specific(
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
