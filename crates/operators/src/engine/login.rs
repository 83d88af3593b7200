//! Log-ins: one at a time, kept until shortly before they run out, renewed at most once for a reading.

use super::failure::{Judge, ReadError, sentence};
use super::http::Answer;
use super::{CallKind, Operator, Run};
use crate::definition::plan::{CapturePlan, LoginPlan};
use crate::jq::{Globals, text_of};
use base64::Engine as _;
use jaq_json::Val;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Renewed this long before the end, or after nine tenths of a short life.
const EARLY: Duration = Duration::from_secs(60);
/// No log-in is trusted for longer, whatever the operator says.
const LONGEST: u64 = 30 * 24 * 3600;

/// What a log-in yielded. Holds tokens, so it cannot be printed.
pub(crate) struct Session {
    pub(crate) values: BTreeMap<String, String>,
    renew_at: UnixMs,
    generation: u64,
}

struct Failed {
    at: Instant,
    /// Refused credentials are not tried again before this: operators lock accounts.
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
pub(crate) struct Logins {
    state: Mutex<State>,
}

impl Logins {
    /// A log-in that is good, other than `stale` where one is named. Whoever waits for somebody else's attempt shares
    /// its outcome.
    pub(crate) async fn session(
        &self,
        operator: &Operator,
        plan: &LoginPlan,
        run: &mut Run<'_>,
        stale: Option<&Session>,
    ) -> Result<Arc<Session>, ReadError> {
        let came = Instant::now();
        let mut state = self.state.lock().await;
        let now = operator.now();
        if let Some(session) = &state.session
            && now < session.renew_at
            && stale.is_none_or(|stale| stale.generation != session.generation)
        {
            return Ok(Arc::clone(session));
        }
        if let Some(failed) = &state.failed
            && (failed.at >= came || failed.until.is_some_and(|until| now < until))
        {
            return Err(failed.error.clone());
        }
        match attempt(operator, plan, run).await {
            Ok((values, life)) => {
                state.generation += 1;
                state.failed = None;
                let early = EARLY.min(life / 10);
                let renew_at = operator.now().after(life.saturating_sub(early));
                let session = Arc::new(Session { values, renew_at, generation: state.generation });
                state.session = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(error) => {
                let pause = Duration::from_secs(plan.pause_after_refusal_seconds);
                let until = (error.kind == FailureKind::Auth).then(|| operator.now().after(pause));
                state.session = None;
                state.failed = Some(Failed { at: Instant::now(), until, error: error.clone() });
                Err(error)
            }
        }
    }
}

async fn attempt(
    operator: &Operator,
    plan: &LoginPlan,
    run: &mut Run<'_>,
) -> Result<(BTreeMap<String, String>, Duration), ReadError> {
    let nothing = BTreeMap::new();
    let outgoing = operator.outgoing(run, &plan.request, &nothing, false)?;
    let answer = operator.call(run, CallKind::Login, "login", &plan.request, &outgoing).await?;
    take(operator, plan, run, &answer)
}

/// What a log-in's answer yields, and for how long.
pub(super) fn take(
    operator: &Operator,
    plan: &LoginPlan,
    run: &mut Run<'_>,
    answer: &Answer,
) -> Result<(BTreeMap<String, String>, Duration), ReadError> {
    let needs_body = plan.capture.iter().any(|(_, capture)| matches!(capture, CapturePlan::Body(_)));
    let globals = run.globals();
    let judged = Judge {
        errors: &operator.definition.errors,
        globals: &globals,
        step: "login",
        success: plan.success.as_ref(),
        logged_in: false,
        needs_body,
        now: operator.now(),
    }
    .judge(answer);
    judged.map_err(as_login)?;
    let values = capture(&plan.capture, answer, &globals)?;
    let life = life(plan, &values, answer, &globals, operator.now());
    run.mask(values.values());
    Ok((values, life))
}

/// A log-in that is refused is a matter of credentials, whatever a step's rule would call it.
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

/// The named values of an answer; every one has to be there.
pub(crate) fn capture(
    plan: &[(String, CapturePlan)],
    answer: &Answer,
    globals: &Globals,
) -> Result<BTreeMap<String, String>, ReadError> {
    let body = answer.body.as_ref().unwrap_or(&Val::Null);
    capture_from(plan, body, |name| answer.header(name).map(str::to_owned), globals)
}

pub(crate) fn capture_from(
    plan: &[(String, CapturePlan)],
    body: &Val,
    header: impl Fn(&str) -> Option<String>,
    globals: &Globals,
) -> Result<BTreeMap<String, String>, ReadError> {
    plan.iter()
        .map(|(name, capture)| {
            let found = match capture {
                CapturePlan::Header(header_name) => header(header_name),
                CapturePlan::Body(program) => {
                    program.one(body, globals).ok().flatten().map(|value| text_of(&value))
                }
            };
            match found.filter(|value| !value.is_empty()) {
                Some(value) => Ok((name.clone(), value)),
                None => Err(ReadError::bad_answer(format!("The operator's answer has no `{name}`."))),
            }
        })
        .collect()
}

fn life(
    plan: &LoginPlan,
    values: &BTreeMap<String, String>,
    answer: &Answer,
    globals: &Globals,
    now: UnixMs,
) -> Duration {
    let body = answer.body.as_ref().unwrap_or(&Val::Null);
    let told = plan.ttl_from.as_ref().and_then(|from| from.one(body, globals).ok().flatten());
    let told = told.and_then(|seconds| text_of(&seconds).parse::<u64>().ok()).filter(|seconds| *seconds > 0);
    let jwt = plan.ttl_jwt.as_ref().and_then(|name| values.get(name)).and_then(|jwt| jwt_end(jwt));
    let seconds = told
        .or_else(|| jwt.map(|end| end.since(now).as_secs()).filter(|seconds| *seconds > 0))
        .unwrap_or(plan.ttl_seconds);
    Duration::from_secs(seconds.min(LONGEST))
}

/// The `exp` of a JWT, read without checking its signature: it is only used to renew in time.
fn jwt_end(jwt: &str) -> Option<UnixMs> {
    let payload = jwt.split('.').nth(1)?.trim_end_matches('=');
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    claims.get("exp")?.as_i64().map(UnixMs::from_seconds)
}
