//! One log-in: its call, what its answer returns, and for how long that is valid.

use super::answer::Answer;
use super::answer_check::AnswerCheck;
use super::capture::capture;
use super::connection::Connection;
use super::error::{ReadError, sentence};
use super::gate::CallKind;
use super::run::Run;
use crate::definition::plan::{CapturePlan, LoginPlan};
use crate::jq::{Globals, text_of};
use base64::Engine as _;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::time::Duration;

/// No log-in is kept for longer, whatever the operator says.
pub(super) const MAX_LIFE_SECONDS: u64 = 30 * 24 * 3600;

/// The longest value of a log-in. Tokens have some kilobytes at most.
const MAX_VALUE_BYTES: usize = 32 * 1024;

/// What a log-in returned, and for how long it is valid.
pub(super) type LoggedIn = (BTreeMap<String, String>, Duration);

/// Makes the log-in at `index`. `earlier` is what those before it returned.
///
/// # Errors
/// `token_expired` where the operator says that a log-in before it has ended.
pub(super) async fn attempt(
    connection: &Connection,
    index: usize,
    run: &mut Run<'_>,
    earlier: &BTreeMap<String, String>,
) -> Result<LoggedIn, ReadError> {
    let plan = &connection.definition.auth.logins[index];
    let outgoing = connection.outgoing_login(run, index, earlier)?;
    let answer = connection.call(run, CallKind::Login, &plan.name, &plan.request, &outgoing).await?;
    accept(connection, index, run, &answer)
}

/// What a log-in's answer returns, and for how long it is valid.
pub(super) fn accept(
    connection: &Connection,
    index: usize,
    run: &mut Run<'_>,
    answer: &Answer,
) -> Result<LoggedIn, ReadError> {
    let plan = &connection.definition.auth.logins[index];
    let needs_body = plan.capture.iter().any(|(_, capture)| matches!(capture, CapturePlan::Body(_)));
    let globals = run.globals();
    let checked = AnswerCheck {
        errors: &connection.definition.errors,
        globals: &globals,
        step: &plan.name,
        success: plan.success.as_ref(),
        logins: index,
        needs_body,
        now: connection.now(),
    }
    .check(answer);
    checked.map_err(|error| as_login(error, index, run))?;
    let values = capture(&plan.capture, answer.body_or_null(), |name| answer.header(name), &globals)?;
    // Kept, it would fail every reading until its time is up, also when the operator behaves again.
    if let Some((name, _)) = values.iter().find(|(_, value)| !can_be_sent(value)) {
        return Err(ReadError::bad_answer(format!("The `{name}` of the log-in's answer cannot be sent.")));
    }
    let life = life(plan, &values, answer, &globals, connection.now());
    run.mask(values.values());
    Ok((values, life))
}

/// Whether a value of a log-in can stand in a header. Servers refuse much longer ones.
fn can_be_sent(value: &str) -> bool {
    value.len() <= MAX_VALUE_BYTES && !value.chars().any(char::is_control)
}

/// A refused log-in is a matter of credentials, whatever kind it would be in a step. Only where a log-in
/// before it may have ended in the meantime, that one is renewed first.
fn as_login(error: ReadError, index: usize, run: &Run<'_>) -> ReadError {
    let ended = error.ended_login.filter(|ended| *ended < index);
    let may_have_ended = ended.is_some_and(|ended| run.may_renew_for_login(ended));
    match error.kind {
        FailureKind::TokenExpired if may_have_ended => error,
        FailureKind::TokenExpired | FailureKind::BadRequest | FailureKind::Unsupported => {
            ReadError { kind: FailureKind::Auth, detail: sentence(FailureKind::Auth).into(), ..error }
        }
        FailureKind::NotFound => ReadError {
            kind: FailureKind::BadAnswer,
            detail: "The operator's server does not know the log-in's address.".into(),
            ..error
        },
        _ => error,
    }
}

fn life(
    plan: &LoginPlan,
    values: &BTreeMap<String, String>,
    answer: &Answer,
    globals: &Globals,
    now: UnixMs,
) -> Duration {
    let body = answer.body_or_null();
    let answered = plan.ttl_from.as_ref().and_then(|from| from.one(body, globals).ok().flatten());
    let answered =
        answered.and_then(|seconds| text_of(&seconds).parse::<u64>().ok()).filter(|seconds| *seconds > 0);
    let jwt = plan.ttl_jwt.as_ref().and_then(|name| values.get(name)).and_then(|jwt| jwt_end(jwt));
    let seconds = answered
        .or_else(|| jwt.map(|end| end.since(now).as_secs()).filter(|seconds| *seconds > 0))
        .unwrap_or(plan.ttl_seconds);
    Duration::from_secs(seconds.min(MAX_LIFE_SECONDS))
}

/// The `exp` of a JWT. Its signature is not checked, since the time is only used to renew early enough.
fn jwt_end(jwt: &str) -> Option<UnixMs> {
    let payload = jwt.split('.').nth(1)?.trim_end_matches('=');
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    claims.get("exp")?.as_i64().map(UnixMs::from_seconds)
}
