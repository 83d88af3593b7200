//! The steps of a reading: one after the other, each judged, found and captured before the next.

use super::failure::{Judge, ReadError, sentence};
use super::http::Answer;
use super::login::{Session, capture_from};
use super::{CallKind, Operator, ProfileRef, Run, read};
use crate::definition::plan::{FindPlan, StepPlan};
use crate::definition::raw::Only;
use crate::iccid;
use crate::jq::{self, Globals, text_of};
use jaq_json::Val;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::Reading;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Operator {
    /// Runs every step that concerns the profile and reads the last one's answer.
    pub(crate) async fn run(&self, run: &mut Run<'_>) -> Result<Reading, ReadError> {
        let definition = Arc::clone(&self.definition);
        let mut last = None;
        for step in &definition.steps {
            if !concerns(step, &run.profile) {
                continue;
            }
            match self.step(run, step).await {
                Ok((status, found)) => {
                    run.answers.insert(jq::string(&step.name), found.clone());
                    last = Some((status, found));
                }
                Err(error) if step.may_fail_with.contains(&error.kind) => {}
                Err(error) => return Err(error),
            }
        }
        let (status, body) = last.ok_or_else(ReadError::no_step)?;
        self.believe(run, status, &body)
    }

    /// The reading in the last step's answer.
    pub(super) fn believe(&self, run: &Run<'_>, status: u16, body: &Val) -> Result<Reading, ReadError> {
        let span = read::Span { began: run.began, ended: self.now() };
        read::reading(&self.definition.answer, body, &run.globals(), &run.profile, span)
            .map_err(|error| error.with_status(status))
    }

    /// One step; a log-in that has run out is renewed once in a reading, and the step asked again.
    async fn step(&self, run: &mut Run<'_>, step: &StepPlan) -> Result<(u16, Val), ReadError> {
        let session = self.session(run, None).await?;
        match self.ask(run, step, session.as_deref()).await {
            Err(error) if error.kind == FailureKind::TokenExpired && session.is_some() && !run.renewed => {
                run.renewed = true;
                let session = self.session(run, session.as_deref()).await?;
                self.ask(run, step, session.as_deref()).await
            }
            outcome => outcome,
        }
    }

    async fn session(
        &self,
        run: &mut Run<'_>,
        stale: Option<&Session>,
    ) -> Result<Option<Arc<Session>>, ReadError> {
        match &self.definition.auth.login {
            None => Ok(None),
            Some(plan) => {
                let session = self.logins.session(self, plan, run, stale).await?;
                run.mask(session.values.values());
                Ok(Some(session))
            }
        }
    }

    async fn ask(
        &self,
        run: &mut Run<'_>,
        step: &StepPlan,
        session: Option<&Session>,
    ) -> Result<(u16, Val), ReadError> {
        let nothing = BTreeMap::new();
        let login = session.map_or(&nothing, |session| &session.values);
        let outgoing = self.outgoing(run, &step.request, login, true)?;
        let answer = self.call(run, CallKind::Step, &step.name, &step.request, &outgoing).await?;
        self.take(run, step, &answer, session.is_some())
    }

    /// Judges a step's answer, and finds and captures what is in it.
    pub(super) fn take(
        &self,
        run: &mut Run<'_>,
        step: &StepPlan,
        answer: &Answer,
        logged_in: bool,
    ) -> Result<(u16, Val), ReadError> {
        let globals = run.globals();
        Judge {
            errors: &self.definition.errors,
            globals: &globals,
            step: &step.name,
            success: step.success.as_ref(),
            logged_in,
            needs_body: true,
            now: self.now(),
        }
        .judge(answer)?;
        self.found(run, step, answer, &globals).map_err(|error| error.with_status(answer.status))
    }

    fn found(
        &self,
        run: &mut Run<'_>,
        step: &StepPlan,
        answer: &Answer,
        globals: &Globals,
    ) -> Result<(u16, Val), ReadError> {
        let body = answer.body.clone().unwrap_or_default();
        let found = match &step.find {
            None => body,
            Some(find) => self.find(run, find, &body, globals)?,
        };
        let header = |name: &str| answer.header(name).map(str::to_owned);
        run.captures.extend(capture_from(&step.capture, &found, header, globals)?);
        Ok((answer.status, found))
    }

    /// The one candidate that is about the card: an exact match before one without or with check digit.
    fn find(&self, run: &Run<'_>, plan: &FindPlan, body: &Val, globals: &Globals) -> Result<Val, ReadError> {
        let unreadable = |_| ReadError::bad_answer("The operator's answer has no readable list of SIMs.");
        let values = self.template_values(run, &BTreeMap::new());
        let wanted =
            self.definition.templates.render(&plan.equals, &values).map_err(super::request::unmade)?;
        let candidates = plan.within.outputs(body, globals).map_err(unreadable)?;
        let keyed: Vec<(String, &Val)> = candidates
            .iter()
            .map(|candidate| {
                let key = plan.key.one(candidate, globals).ok().flatten();
                (key.map(|key| text_of(&key)).unwrap_or_default(), candidate)
            })
            .collect();
        if keyed.iter().any(|(key, _)| key.is_empty()) {
            return Err(ReadError::bad_answer("A SIM in the operator's answer has no number."));
        }
        let matching = |same: &dyn Fn(&str) -> bool| -> Vec<&Val> {
            keyed.iter().filter(|(key, _)| same(key)).map(|(_, candidate)| *candidate).collect()
        };
        let mut hits = matching(&|key| key.eq_ignore_ascii_case(&wanted));
        if hits.is_empty() {
            hits = matching(&|key| iccid::same(key, &wanted));
        }
        match hits.as_slice() {
            [] => Err(ReadError::new(FailureKind::NotFound, sentence(FailureKind::NotFound))),
            [one] => Ok((*one).clone()),
            _ => Err(ReadError::bad_answer("The operator lists this SIM more than once.")),
        }
    }
}

/// Whether a step is for this kind of profile.
pub(super) fn concerns(step: &StepPlan, profile: &ProfileRef<'_>) -> bool {
    match step.only {
        None => true,
        Some(Only::Eid) => profile.eid.is_some(),
        Some(Only::Iccid) => profile.eid.is_none(),
    }
}
