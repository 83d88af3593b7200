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
    /// The step whose answer was bad: its place in the definition.
    pub(super) failed_step: Option<usize>,
    /// What the last good step found.
    pub(super) found: Option<Val>,
    pub(super) captures: BTreeMap<String, String>,
    /// The operator's own id of the SIM, once it is known.
    pub(super) operator_id: Option<String>,
    /// It is known from an earlier reading, so the steps that look it up are left out.
    pub(super) leaves_out_look_up: bool,
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
            failed_step: None,
            found: None,
            captures: BTreeMap::new(),
            operator_id: None,
            leaves_out_look_up: false,
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
            operator_id: self.operator_id.as_deref().map_or(Val::Null, jq::string),
        }
    }

    /// Takes the operator's id of an earlier reading as captured under `name`.
    pub(super) fn begin_with(&mut self, name: &str, operator_id: &str) {
        self.mask([&operator_id.to_owned()]);
        self.captures.insert(name.to_owned(), operator_id.to_owned());
        self.operator_id = Some(operator_id.to_owned());
        self.leaves_out_look_up = true;
    }

    /// Begins anew, without that id. What log-ins and time were spent stays.
    pub(super) fn begin_without_id(&mut self) {
        self.captures.clear();
        self.answers = Map::default();
        self.last_body = None;
        self.failed_step = None;
        self.found = None;
        self.operator_id = None;
        self.leaves_out_look_up = false;
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
