//! Log-ins: made in order, each one at a time, kept until shortly before it expires, renewed at most once in
//! a reading.

use super::connection::Connection;
use super::error::ReadError;
use super::lock_out::LockOut;
use super::login_attempt::{MAX_LIFE_SECONDS, attempt};
use super::run::Run;
use crate::definition::plan::LoginPlan;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A log-in is renewed this long before its end, or after nine tenths of a shorter life.
const RENEW_BEFORE_END: Duration = Duration::from_secs(60);

/// What a log-in returned. It has tokens in it, so it has no `Debug`.
pub(super) struct Session {
    values: BTreeMap<String, String>,
    renew_at: UnixMs,
    generation: u64,
}

/// The log-ins of a reading, in order.
#[derive(Clone, Default)]
pub(super) struct Sessions(Vec<Arc<Session>>);

impl Sessions {
    /// What all of them returned.
    pub(super) fn values(&self) -> BTreeMap<String, String> {
        self.0.iter().flat_map(|session| session.values.clone()).collect()
    }
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

/// One log-in of an operator account.
#[derive(Default)]
struct Login {
    state: Mutex<State>,
    lock_out: LockOut,
}

/// The log-ins of one operator account, in the definition's order.
pub(super) struct Logins(Vec<Login>);

impl Logins {
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).map(|_| Login::default()).collect())
    }

    /// Log-ins that were never made, for answers that are saved already.
    pub(super) fn taken_as_made(plans: &[LoginPlan], now: UnixMs) -> Self {
        let renew_at = now.after(Duration::from_secs(MAX_LIFE_SECONDS));
        let made = |plan: &LoginPlan| {
            let values = plan.capture.iter().map(|(name, _)| (name.clone(), name.clone())).collect();
            let session = Some(Arc::new(Session { values, renew_at, generation: 0 }));
            Login { state: Mutex::new(State { session, ..State::default() }), ..Login::default() }
        };
        Self(plans.iter().map(made).collect())
    }

    /// Valid log-ins. Of `stale`, the one with this index has ended.
    pub(super) async fn sessions(
        &self,
        connection: &Connection,
        run: &mut Run<'_>,
        stale: Option<(&Sessions, usize)>,
    ) -> Result<Sessions, ReadError> {
        let mut ended: Vec<Option<Arc<Session>>> = vec![None; self.0.len()];
        if let Some((sessions, index)) = stale {
            ended[index] = sessions.0.get(index).cloned();
        }
        let mut sessions = Sessions::default();
        while let Some(login) = self.0.get(sessions.0.len()) {
            let index = sessions.0.len();
            match login.session(connection, index, run, &sessions, ended[index].as_deref()).await {
                Ok(session) => {
                    run.mask(session.values.values());
                    sessions.0.push(session);
                }
                // A log-in before this one has ended. Each is renewed once.
                Err(error) => match error.ended_login.filter(|_| error.kind == FailureKind::TokenExpired) {
                    Some(earlier) if earlier < index && run.renewed.insert(earlier) => {
                        ended[earlier] = Some(Arc::clone(&sessions.0[earlier]));
                        sessions.0.truncate(earlier);
                    }
                    _ => return Err(error),
                },
            }
        }
        Ok(sessions)
    }

    /// Somebody has looked after the credentials: refused log-ins may be tried again.
    pub(super) fn forget_refusals(&self) {
        for login in &self.0 {
            login.lock_out.forget();
        }
    }
}

impl Login {
    /// A valid log-in other than `stale`. A caller that waits for another caller's attempt shares its
    /// outcome.
    async fn session(
        &self,
        connection: &Connection,
        index: usize,
        run: &mut Run<'_>,
        earlier: &Sessions,
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
        self.lock_out.check(now)?;
        if let Some(failed) = &state.failed
            && (failed.at >= called_at || failed.until.is_some_and(|until| now < until))
        {
            return Err(failed.error.clone());
        }
        match attempt(connection, index, run, &earlier.values()).await {
            Ok((values, life)) => {
                self.lock_out.accepted();
                run.made.insert(index);
                state.generation += 1;
                state.failed = None;
                let early = RENEW_BEFORE_END.min(life / 10);
                let renew_at = connection.now().after(life.saturating_sub(early));
                let session = Arc::new(Session { values, renew_at, generation: state.generation });
                state.session = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(error) => {
                let error = self.guarded(connection, index, error);
                state.session = None;
                state.failed = Some(failed(connection, index, &error));
                Err(error)
            }
        }
    }

    /// Counts a refusal, where the operator locks users.
    fn guarded(&self, connection: &Connection, index: usize, error: ReadError) -> ReadError {
        // One that is tried again with a new log-in before it counts too: the operator may count it.
        let is_refusal = matches!(error.kind, FailureKind::Auth | FailureKind::TokenExpired);
        let plan = connection.definition.auth.logins[index].lock_out.as_ref().filter(|_| is_refusal);
        plan.and_then(|plan| self.lock_out.refused(plan, &connection.account.name, connection.now()))
            .unwrap_or(error)
    }
}

fn failed(connection: &Connection, index: usize, error: &ReadError) -> Failed {
    let plan = &connection.definition.auth.logins[index];
    let pause = Duration::from_secs(plan.pause_after_refusal_seconds);
    // How long the guard stops log-ins is its own matter: a person may end it.
    let is_refusal = error.kind == FailureKind::Auth && error.retry_after.is_none();
    let until = is_refusal.then(|| connection.now().after(pause));
    Failed { at: Instant::now(), until, error: error.clone() }
}
