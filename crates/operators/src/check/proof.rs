//! How much of a definition's fixtures comes from outside, and what that proves.

use super::case::{Case, FixtureFile, MADE_UP};
use crate::definition::Evidence;

/// What the fixtures of a definition have from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// All exchanges of the fixtures. Those that several cases share count once.
    pub exchanges: usize,
    /// Exchanges whose answer is from outside.
    pub from_outside: usize,
    /// What is from anywhere outside.
    outside: Parts,
    /// What is from one of the definition's `sources`, which are the operator's own.
    official: Parts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts {
    request: bool,
    success: bool,
    error: bool,
}

impl Parts {
    /// A case proves its requests, and by its last answer a reading or a failure.
    fn add(&mut self, case: &Case, counts: impl Fn(&str) -> bool) {
        let counts = |source: &Option<String>| source.as_deref().is_some_and(&counts);
        let mut requests = case.exchange.iter().filter_map(|exchange| exchange.request.as_ref());
        self.request |= requests.any(|request| counts(&request.source));
        if case.exchange.last().is_some_and(|exchange| counts(&exchange.source)) {
            self.success |= case.expects_a_reading();
            // A SIM that is absent from an answer about many is no error of the operator.
            self.error |= case.expects_a_failure() && !case.expects_a_reading();
        }
    }
}

impl Proof {
    pub(super) fn add(&mut self, fixture: &FixtureFile, own_sources: &[String]) {
        self.exchanges += fixture.sources.len();
        self.from_outside += fixture.sources.iter().filter(|source| is_outside(source)).count();
        for case in &fixture.cases {
            self.outside.add(case, is_outside);
            self.official.add(case, |source| {
                is_outside(source) && own_sources.iter().any(|own| source.starts_with(own.as_str()))
            });
        }
    }

    /// What the fixtures lack for this level, in words. Empty where they have it.
    #[must_use]
    pub fn missing_for(&self, level: Evidence) -> Vec<&'static str> {
        let needed = match level {
            Evidence::Unproven => Vec::new(),
            Evidence::Clients => vec![
                (self.outside.request, "no request of its fixtures is from outside"),
                (self.outside.success || self.outside.error, "no answer of its fixtures is from outside"),
            ],
            Evidence::Official => vec![
                (self.official.request, "no request of its fixtures is from the operator's own `sources`"),
                (self.official.success, "no reading of its fixtures is from the operator's own `sources`"),
                (self.official.error, "no failure of its fixtures is from the operator's own `sources`"),
            ],
        };
        needed.into_iter().filter(|(is_there, _)| !is_there).map(|(_, missing)| missing).collect()
    }
}

fn is_outside(source: &str) -> bool {
    source != MADE_UP
}
