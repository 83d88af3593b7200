//! Log-ins: one at a time, kept until shortly before they expire, renewed at most once in a reading.

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
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A log-in is renewed this long before its end, or after nine tenths of a shorter life.
const RENEW_BEFORE_END: Duration = Duration::from_secs(60);
/// No log-in is kept for longer, whatever the operator says.
const MAX_LIFE_SECONDS: u64 = 30 * 24 * 3600;

/// What a log-in returned. It has tokens in it, so it has no `Debug`.
pub(super) struct Session {
    pub(super) values: BTreeMap<String, String>,
    renew_at: UnixMs,
    generation: u64,
}

struct Failed {
    at: Instant,
    /// Refused credentials are not tried again before this, because operators lock accounts.
    until: Option<UnixMs>,
    error: ReadError,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    failed: Option<Failed>,
    generation: u64,
}

/// The log-in of one operator account.
#[derive(Default)]
pub(super) struct Logins {
    state: Mutex<State>,
}

impl Logins {
    /// A log-in that was never made, for answers that are saved already.
    pub(super) fn taken_as_made(plan: &LoginPlan, now: UnixMs) -> Self {
        let values = plan.capture.iter().map(|(name, _)| (name.clone(), name.clone())).collect();
        let renew_at = now.after(Duration::from_secs(MAX_LIFE_SECONDS));
        let session = Some(Arc::new(Session { values, renew_at, generation: 0 }));
        Self { state: Mutex::new(State { session, ..State::default() }) }
    }

    /// A valid log-in other than `stale`. A caller that waits for another caller's attempt shares its
    /// outcome.
    pub(super) async fn session(
        &self,
        connection: &Connection,
        plan: &LoginPlan,
        run: &mut Run<'_>,
        stale: Option<&Session>,
    ) -> Result<Arc<Session>, ReadError> {
        let called_at = Instant::now();
        let mut state = self.state.lock().await;
        let now = connection.now();
        if let Some(session) = &state.session
            && now < session.renew_at
            && stale.is_none_or(|stale| stale.generation != session.generation)
        {
            return Ok(Arc::clone(session));
        }
        if let Some(failed) = &state.failed
            && (failed.at >= called_at || failed.until.is_some_and(|until| now < until))
        {
            return Err(failed.error.clone());
        }
        match attempt(connection, plan, run).await {
            Ok((values, life)) => {
                state.generation += 1;
                state.failed = None;
                let early = RENEW_BEFORE_END.min(life / 10);
                let renew_at = connection.now().after(life.saturating_sub(early));
                let session = Arc::new(Session { values, renew_at, generation: state.generation });
                state.session = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(error) => {
                let pause = Duration::from_secs(plan.pause_after_refusal_seconds);
                let until = (error.kind == FailureKind::Auth).then(|| connection.now().after(pause));
                state.session = None;
                state.failed = Some(Failed { at: Instant::now(), until, error: error.clone() });
                Err(error)
            }
        }
    }
}

async fn attempt(
    connection: &Connection,
    plan: &LoginPlan,
    run: &mut Run<'_>,
) -> Result<(BTreeMap<String, String>, Duration), ReadError> {
    let nothing = BTreeMap::new();
    let outgoing = connection.outgoing(run, &plan.request, &nothing, false)?;
    let answer = connection.call(run, CallKind::Login, "login", &plan.request, &outgoing).await?;
    accept(connection, plan, run, &answer)
}

/// What a log-in's answer returns, and for how long it is valid.
pub(super) fn accept(
    connection: &Connection,
    plan: &LoginPlan,
    run: &mut Run<'_>,
    answer: &Answer,
) -> Result<(BTreeMap<String, String>, Duration), ReadError> {
    let needs_body = plan.capture.iter().any(|(_, capture)| matches!(capture, CapturePlan::Body(_)));
    let globals = run.globals();
    let checked = AnswerCheck {
        errors: &connection.definition.errors,
        globals: &globals,
        step: "login",
        success: plan.success.as_ref(),
        logged_in: false,
        needs_body,
        now: connection.now(),
    }
    .check(answer);
    checked.map_err(as_login)?;
    let values = capture(&plan.capture, answer.body_or_null(), |name| answer.header(name), &globals)?;
    let life = life(plan, &values, answer, &globals, connection.now());
    run.mask(values.values());
    Ok((values, life))
}

/// A refused log-in is always a matter of credentials, whatever kind it would be in a step.
fn as_login(error: ReadError) -> ReadError {
    match error.kind {
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
