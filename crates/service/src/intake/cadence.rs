//! Cards that are refreshed at a steady cadence, as by a program. The rule is `domain::cadence`; this is what
//! one process observed. It is only an aid: the memory is bounded, other nodes have their own, and a restart
//! begins anew.

use super::card_memory::CardMemory;
use serde::Deserialize;
use simgauge_domain::cadence::{CadenceDetector, Observation};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::time::UnixMs;
use std::time::Duration;

/// Twice as many cards take about 25 MB at the very most (hash tables are full at seven eighths of a power of
/// two). A cadence is forgotten when so many other cards were refreshed between two of its calls.
const MOST: usize = 7 << 15;

/// What to do with refreshes at a steady cadence: `refresh.steady_beat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SteadyBeat {
    /// Tell the caller and the log.
    Flag,
    /// Refuse them.
    Refuse,
    /// Do not watch.
    Off,
}

/// What to do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// It comes from a program; the caller is warned.
    Warn {
        /// The span from call to call.
        span: Duration,
    },
    /// It comes from a program and is refused.
    Refuse {
        /// The span from call to call.
        span: Duration,
        /// When the card can be refreshed again if the program keeps quiet until then.
        over_at: UnixMs,
    },
}

/// A call for a card.
#[derive(Clone, Copy, Debug)]
pub struct CadenceCall<'a> {
    pub appkey: &'a str,
    pub kind: CardKind,
    pub number: &'a str,
    pub at: UnixMs,
}

/// The cadences that were observed.
pub struct CadenceWatch {
    mode: SteadyBeat,
    detectors: CardMemory<CadenceDetector>,
}

impl CadenceWatch {
    #[must_use]
    pub fn new(mode: SteadyBeat) -> Self {
        Self { mode, detectors: CardMemory::new(MOST) }
    }

    /// Observes a call, whether it will be accepted or its card is cooling.
    pub fn observe(&self, call: CadenceCall<'_>) -> Verdict {
        if self.mode == SteadyBeat::Off {
            return Verdict::Good;
        }
        let observed = self.detectors.change((call.appkey, call.kind, call.number), |known| {
            let Some(mut detector) = known else {
                return (CadenceDetector::new(call.at), Ok(Observation::Ordinary));
            };
            if self.mode == SteadyBeat::Refuse && detector.ongoing(call.at).is_some() {
                detector.observe_refused(call.at);
                return (detector, Err(detector));
            }
            let observation = detector.observe(call.at);
            (detector, Ok(observation))
        });
        match observed {
            Ok(Observation::Ordinary) => Verdict::Good,
            Ok(Observation::Steady { interval: span, is_new: new }) => {
                flagged(&call, span, new);
                Verdict::Warn { span }
            }
            Err(detector) => match detector.ongoing(call.at) {
                Some((span, over_at)) => Verdict::Refuse { span, over_at },
                None => Verdict::Good,
            },
        }
    }
}

/// Makes a flagged call known to whoever runs the platform; in the log once for each cadence.
fn flagged(call: &CadenceCall<'_>, span: Duration, new: bool) {
    if new {
        tracing::warn!(
            appkey = call.appkey,
            number = call.number,
            every_seconds = span.as_secs(),
            "a card is refreshed at a steady beat, as by a program"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(mode: SteadyBeat, calls: i64) -> Vec<Verdict> {
        let cadence = CadenceWatch::new(mode);
        let call = |at| CadenceCall { appkey: "k", kind: CardKind::Sim, number: "89", at };
        (0..calls).map(|n| cadence.observe(call(UnixMs::from_seconds(n * 300)))).collect()
    }

    #[test]
    fn each_mode() {
        let span = Duration::from_secs(300);
        let flag = verdicts(SteadyBeat::Flag, 30);
        assert!(flag[..24].iter().all(|verdict| *verdict == Verdict::Good));
        assert!(flag[24..].iter().all(|verdict| *verdict == Verdict::Warn { span }));
        let refuse = verdicts(SteadyBeat::Refuse, 30);
        assert_eq!(refuse[24], Verdict::Warn { span }, "warned once before it is refused");
        assert!(refuse[25..].iter().all(|verdict| matches!(verdict, Verdict::Refuse { .. })));
        assert!(verdicts(SteadyBeat::Off, 30).iter().all(|verdict| *verdict == Verdict::Good));
    }

    #[test]
    fn a_refused_program_that_keeps_quiet_is_let_in_when_it_was_told() {
        let cadence = CadenceWatch::new(SteadyBeat::Refuse);
        let observe =
            |at| cadence.observe(CadenceCall { appkey: "k", kind: CardKind::Sim, number: "89", at });
        let mut last = Verdict::Good;
        for n in 0..30 {
            last = observe(UnixMs::from_seconds(n * 300));
        }
        let Verdict::Refuse { over_at, .. } = last else { panic!("{last:?}") };
        let Verdict::Refuse { over_at: same, .. } = observe(UnixMs(over_at.0 - 150_000)) else {
            panic!("it goes on")
        };
        assert_eq!(same, over_at);
        assert_eq!(observe(over_at), Verdict::Good);
    }
}
