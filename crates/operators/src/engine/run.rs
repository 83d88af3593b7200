use super::gate::CallGate;
use super::profile::ProfileRef;
use super::trace::Tracer;
use crate::jq::{self, Globals};
use jaq_json::{Map, Val};
use simgauge_domain::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use url::Url;

/// A call about many SIMs, in place of one profile.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    /// The SIMs that it is about.
    pub(super) iccids: Vec<String>,
    pub(super) page: u64,
    /// What the page before said. Empty for the first one.
    pub(super) cursor: String,
    /// The whole address, where the page before said it.
    pub(super) link: Option<Url>,
    /// Whether there was a page before it.
    pub(super) is_later: bool,
}

/// One reading in progress.
pub(super) struct Run<'a> {
    pub(super) profile: ProfileRef<'a>,
    /// Where a call is about many SIMs.
    pub(super) batch: Option<Batch>,
    pub(super) gate: &'a dyn CallGate,
    pub(super) began: UnixMs,
    /// The time that its HTTP calls have taken so far.
    pub(super) spent: Duration,
    /// How many they were, log-ins among them.
    pub(super) calls: usize,
    /// The body of a step's last answer, also of a bad one.
    pub(super) last_body: Option<Val>,
    pub(super) captures: BTreeMap<String, String>,
    /// What was found in each step's answer, by the step's name.
    pub(super) answers: Map,
    /// Which log-ins have been renewed because they had ended. A reading renews each at most once.
    pub(super) renewed: BTreeSet<usize>,
    /// Which log-ins this reading made itself.
    pub(super) made: BTreeSet<usize>,
    pub(super) tracer: Option<Tracer>,
}

impl<'a> Run<'a> {
    pub(super) fn new(profile: ProfileRef<'a>, gate: &'a dyn CallGate, began: UnixMs) -> Self {
        Self {
            profile,
            batch: None,
            gate,
            began,
            spent: Duration::ZERO,
            calls: 0,
            last_body: None,
            captures: BTreeMap::new(),
            answers: Map::default(),
            renewed: BTreeSet::new(),
            made: BTreeSet::new(),
            tracer: None,
        }
    }

    pub(super) fn globals(&self) -> Globals {
        Globals {
            iccid: jq::string(self.profile.iccid),
            eid: self.profile.eid.map_or(Val::Null, jq::string),
            now: Val::from(usize::try_from(self.began.seconds()).unwrap_or(0)),
            answers: Val::obj(self.answers.clone()),
        }
    }

    /// Whether a later log-in may have been refused because this one has ended. One that was just made has
    /// not.
    pub(super) fn may_renew_for_login(&self, index: usize) -> bool {
        !self.renewed.contains(&index) && !self.made.contains(&index)
    }

    /// Keeps secrets out of the trace, also out of what is traced already.
    pub(super) fn mask<'s>(&mut self, secrets: impl IntoIterator<Item = &'s String>) {
        if let Some(tracer) = &mut self.tracer {
            tracer.hide(secrets);
        }
    }
}
