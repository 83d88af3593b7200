//! The steps of a reading, one after the other. Each answer is checked, searched and captured before the next
//! step.

use super::answer::Answer;
use super::answer_check::AnswerCheck;
use super::capture::capture;
use super::connection::Connection;
use super::error::ReadError;
use super::gate::CallKind;
use super::login::{Logins, Sessions};
use super::operator_id::{self, KnownId, ProfileReading};
use super::profile::ProfileRef;
use super::run::Run;
use super::{reading, render};
use crate::definition::plan::{FindPlan, StepPlan};
use crate::definition::raw::Only;
use crate::jq::{self, Globals, text_of};
use jaq_json::Val;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::identity::is_same_sim;
use simgauge_domain::reading::Reading;
use std::collections::BTreeMap;

/// What was found in a step's answer.
pub(super) struct Found {
    /// HTTP status of the answer.
    pub(super) status: u16,
    pub(super) value: Val,
}

/// Reads a profile. An id of the operator's own that is known saves the steps that look it up; where it is
/// refused they are made after all, and every other step once more.
pub(super) async fn read(
    connection: &Connection,
    logins: &Logins,
    run: &mut Run<'_>,
    known: Option<KnownId<'_>>,
) -> Result<ProfileReading, ReadError> {
    let plan = connection.definition.operator_id.as_ref();
    if let Some((plan, known)) = plan.zip(known)
        && let Some(id) = operator_id::usable(connection, plan, known)
    {
        run.begin_with(&plan.capture, id);
        let outcome = run_steps(connection, logins, run).await;
        if !operator_id::is_refused(plan, run, &outcome) {
            return outcome.map(|reading| ProfileReading { reading, operator_id: None });
        }
        run.begin_without_id();
    }
    let reading = run_steps(connection, logins, run).await?;
    let operator_id = run.operator_id.as_deref().and_then(|id| operator_id::kept(connection, id));
    Ok(ProfileReading { reading, operator_id })
}

/// Runs every step that concerns the profile, and reads the usage from the last one's answer.
async fn run_steps(
    connection: &Connection,
    logins: &Logins,
    run: &mut Run<'_>,
) -> Result<Reading, ReadError> {
    let mut last = None;
    for (index, step) in connection.definition.steps.iter().enumerate() {
        if !concerns(step, &run.profile) || run.leaves_out_look_up && looks_id_up(connection, step) {
            continue;
        }
        let outcome = read_step(connection, logins, run, step).await;
        run.failed_step = Some(index);
        keep(run, step, outcome, &mut last)?;
        run.failed_step = None;
    }
    run.found = last.as_ref().map(|found| found.value.clone());
    finish(connection, run, last)
}

/// The same, where every step gets this answer.
pub(super) fn read_canned(
    connection: &Connection,
    run: &mut Run<'_>,
    answer: &Answer,
) -> Result<Reading, ReadError> {
    let (mut last, profile) = (None, run.profile);
    for step in connection.definition.steps.iter().filter(|step| concerns(step, &profile)) {
        let outcome = accept(connection, run, step, answer);
        keep(run, step, outcome, &mut last)?;
    }
    finish(connection, run, last)
}

/// Keeps what a step found. A failure that the step may have is skipped.
fn keep(
    run: &mut Run<'_>,
    step: &StepPlan,
    outcome: Result<Found, ReadError>,
    last: &mut Option<Found>,
) -> Result<(), ReadError> {
    match outcome {
        Ok(found) => {
            run.answers.insert(jq::string(&step.name), found.value.clone());
            *last = Some(found);
            Ok(())
        }
        Err(error) if step.may_fail_with.contains(&error.kind) => Ok(()),
        Err(error) => Err(error),
    }
}

fn finish(connection: &Connection, run: &Run<'_>, last: Option<Found>) -> Result<Reading, ReadError> {
    let Found { status, value } =
        last.ok_or_else(|| ReadError::bad_answer("No step of the definition yielded an answer."))?;
    let span = reading::Span { began: run.began, ended: connection.now() };
    let plan = &connection.definition.answer;
    reading::reading(plan, &value, &run.globals(), &run.profile, connection.settings(), span)
        .map_err(|error| error.with_status(status))
}

/// One step. A log-in that has ended is renewed once in a reading, and the step is asked again.
pub(super) async fn read_step(
    connection: &Connection,
    logins: &Logins,
    run: &mut Run<'_>,
    step: &StepPlan,
) -> Result<Found, ReadError> {
    let mut sessions = logins.sessions(connection, run, None).await?;
    loop {
        let error = match ask(connection, run, step, &sessions).await {
            Err(error) if error.kind == FailureKind::TokenExpired => error,
            outcome => return outcome,
        };
        match error.ended_login.filter(|ended| run.renewed.insert(*ended)) {
            None => return Err(error),
            Some(ended) => sessions = logins.sessions(connection, run, Some((&sessions, ended))).await?,
        }
    }
}

async fn ask(
    connection: &Connection,
    run: &mut Run<'_>,
    step: &StepPlan,
    sessions: &Sessions,
) -> Result<Found, ReadError> {
    let outgoing = connection.outgoing(run, &step.request, &sessions.values(), true)?;
    let answer = connection.call(run, CallKind::Step, &step.name, &step.request, &outgoing).await?;
    run.last_body.clone_from(&answer.body);
    accept(connection, run, step, &answer)
}

/// Checks a step's answer, finds the card in it, and captures values.
fn accept(
    connection: &Connection,
    run: &mut Run<'_>,
    step: &StepPlan,
    answer: &Answer,
) -> Result<Found, ReadError> {
    let globals = run.globals();
    AnswerCheck {
        errors: &connection.definition.errors,
        globals: &globals,
        step: &step.name,
        success: step.success.as_ref(),
        logins: connection.definition.auth.logins.len(),
        needs_body: true,
        now: connection.now(),
    }
    .check(answer)?;
    find_and_capture(connection, run, step, answer, &globals)
        .map_err(|error| error.with_status(answer.status))
}

fn find_and_capture(
    connection: &Connection,
    run: &mut Run<'_>,
    step: &StepPlan,
    answer: &Answer,
    globals: &Globals,
) -> Result<Found, ReadError> {
    let body = answer.body.clone().unwrap_or_default();
    let value = match &step.find {
        None => body,
        Some(plan) => find(connection, run, plan, &body, globals)?,
    };
    let captured = capture(&step.capture, &value, |name| answer.header(name), globals)?;
    // It may be a token. What identifies the card is no secret to whoever asks about it.
    let own = [Some(run.profile.iccid), run.profile.eid];
    let secrets: Vec<String> =
        captured.values().filter(|value| !own.contains(&Some(value.as_str()))).cloned().collect();
    run.mask(&secrets);
    if let Some(plan) = &connection.definition.operator_id {
        run.operator_id = captured.get(&plan.capture).cloned().or(run.operator_id.take());
    }
    run.captures.extend(captured);
    Ok(Found { status: answer.status, value })
}

/// The one candidate that is about the card. An exact match counts before one without or with a check digit.
fn find(
    connection: &Connection,
    run: &Run<'_>,
    plan: &FindPlan,
    body: &Val,
    globals: &Globals,
) -> Result<Val, ReadError> {
    let values = connection.template_values(run, &BTreeMap::new())?;
    let wanted = render::text(&connection.definition.templates, &plan.equals, &values)?;
    let candidates = plan
        .within
        .outputs(body, globals)
        .map_err(|_| ReadError::bad_answer("The operator's answer has no readable list of SIMs."))?;
    let keyed: Vec<(String, &Val)> = candidates
        .iter()
        .map(|candidate| {
            let key = plan.key.one(candidate, globals).ok().flatten();
            (key.map(|key| text_of(&key)).unwrap_or_default(), candidate)
        })
        .collect();
    let matching = |same: &dyn Fn(&str) -> bool| -> Vec<&Val> {
        keyed
            .iter()
            .filter(|(key, _)| !key.is_empty() && same(key))
            .map(|(_, candidate)| *candidate)
            .collect()
    };
    let mut hits = matching(&|key| key.eq_ignore_ascii_case(&wanted));
    if hits.is_empty() {
        hits = matching(&|key| is_same_sim(key, &wanted));
    }
    match hits.as_slice() {
        // The one without a number may be the one that is looked for.
        [] if keyed.iter().any(|(key, _)| key.is_empty()) => {
            Err(ReadError::bad_answer("A SIM in the operator's answer has no number."))
        }
        [] => Err(ReadError::of_kind(FailureKind::NotFound)),
        [one] => Ok((*one).clone()),
        _ => Err(ReadError::bad_answer("The operator lists this SIM more than once.")),
    }
}

fn looks_id_up(connection: &Connection, step: &StepPlan) -> bool {
    connection.definition.operator_id.as_ref().is_some_and(|plan| plan.is_looked_up_by(step))
}

fn concerns(step: &StepPlan, profile: &ProfileRef<'_>) -> bool {
    match step.only {
        None => true,
        Some(Only::Eid) => profile.eid.is_some(),
        Some(Only::Iccid) => profile.eid.is_none(),
    }
}
