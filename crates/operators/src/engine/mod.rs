//! Running a definition against a real operator.

mod account;
mod canned;
mod failure;
mod gate;
mod http;
mod login;
mod read;
mod request;
mod setup;
mod sign;
mod steps;
mod trace;

pub use account::{OperatorAccount, SetupError, Timeouts};
pub use failure::ReadError;
pub use gate::{CallGate, CallKind, NoGate};
pub use trace::StepTrace;

use self::http::{Answer, Outgoing};
use self::login::Logins;
use self::setup::Checked;
use self::trace::Tracer;
use crate::definition::Definition;
use crate::definition::plan::RequestPlan;
use crate::jq::{self, Globals};
use crate::template::{self, AccountValues};
use jaq_json::{Map, Val};
use minijinja::Value;
use secrecy::ExposeSecret as _;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::Reading;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time of day, passed in.
pub type Clock = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// The profile a reading is about.
#[derive(Clone, Copy, Debug)]
pub struct ProfileRef<'a> {
    /// Its ICCID.
    pub iccid: &'a str,
    /// The EID of the card it is on, where it is an eSIM's. Definitions that do not take EIDs do not look at it.
    pub eid: Option<&'a str>,
}

/// A definition with an account: ready to be asked.
pub struct Operator {
    definition: Arc<Definition>,
    account: OperatorAccount,
    values: AccountValues,
    base_url: String,
    host: String,
    client: reqwest::Client,
    logins: Logins,
    clock: Clock,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("account", &self.account.name)
            .field("definition", &self.definition.name())
            .finish_non_exhaustive()
    }
}

/// One reading under way.
pub(crate) struct Run<'a> {
    profile: ProfileRef<'a>,
    gate: &'a dyn CallGate,
    began: UnixMs,
    spent: Duration,
    captures: BTreeMap<String, String>,
    answers: Map,
    renewed: bool,
    tracer: Option<Tracer>,
}

impl Run<'_> {
    fn globals(&self) -> Globals {
        Globals {
            iccid: jq::string(self.profile.iccid),
            eid: self.profile.eid.map_or(Val::Null, jq::string),
            now: Val::from(usize::try_from(self.began.seconds()).unwrap_or(0)),
            answers: Val::obj(self.answers.clone()),
        }
    }

    fn mask<'s>(&mut self, secrets: impl IntoIterator<Item = &'s String>) {
        if let Some(tracer) = &mut self.tracer {
            tracer.hide(secrets);
        }
    }
}

impl Operator {
    /// Checks the account against the definition and sets up its connections.
    ///
    /// # Errors
    /// [`SetupError`] that names whatever is missing, unknown or not allowed.
    pub fn new(
        definition: Arc<Definition>,
        account: OperatorAccount,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let Checked { values, base_url, host } = setup::check(&definition, &account)?;
        let client = http::client(&account.timeouts)
            .map_err(|_| SetupError::Client { account: account.name.clone() })?;
        Ok(Self { definition, account, values, base_url, host, client, logins: Logins::default(), clock })
    }

    /// The definition it runs.
    #[must_use]
    pub const fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// The account's name.
    #[must_use]
    pub fn account_name(&self) -> &str {
        &self.account.name
    }

    /// The host asked (with the port, where that is unusual): what host-wide limits count by.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Asks the operator for one profile's usage.
    ///
    /// # Errors
    /// [`ReadError`] of a closed set of kinds.
    pub async fn read(&self, profile: &ProfileRef<'_>, gate: &dyn CallGate) -> Result<Reading, ReadError> {
        self.run(&mut self.start(profile, gate, None)).await
    }

    /// As [`Operator::read`], with every call written down, secrets masked.
    pub async fn read_traced(
        &self,
        profile: &ProfileRef<'_>,
        gate: &dyn CallGate,
    ) -> (Vec<StepTrace>, Result<Reading, ReadError>) {
        let mut tracer = Tracer::default();
        let secrets: Vec<String> =
            self.account.secrets.values().map(|secret| secret.expose_secret().to_owned()).collect();
        tracer.hide(&secrets);
        let mut run = self.start(profile, gate, Some(tracer));
        let outcome = self.run(&mut run).await;
        (run.tracer.map(|tracer| tracer.traces).unwrap_or_default(), outcome)
    }

    fn start<'a>(&self, profile: &ProfileRef<'a>, gate: &'a dyn CallGate, tracer: Option<Tracer>) -> Run<'a> {
        Run {
            profile: ProfileRef {
                iccid: profile.iccid,
                eid: profile.eid.filter(|_| self.definition.accepts_eid()),
            },
            gate,
            began: self.now(),
            spent: Duration::ZERO,
            captures: BTreeMap::new(),
            answers: Map::default(),
            renewed: false,
            tracer,
        }
    }

    fn now(&self) -> UnixMs {
        (self.clock)()
    }

    fn template_values(&self, run: &Run<'_>, login: &BTreeMap<String, String>) -> Value {
        template::values(&self.values, run.profile.iccid, run.profile.eid, self.now(), login, &run.captures)
    }

    fn outgoing(
        &self,
        run: &Run<'_>,
        plan: &RequestPlan,
        login: &BTreeMap<String, String>,
        is_step: bool,
    ) -> Result<Outgoing, ReadError> {
        let values = self.template_values(run, login);
        request::render(&self.definition, plan, &self.base_url, &values, is_step)
    }

    /// One HTTP call, once the gate gives leave.
    async fn call(
        &self,
        run: &mut Run<'_>,
        kind: CallKind,
        step: &str,
        plan: &RequestPlan,
        outgoing: &Outgoing,
    ) -> Result<Answer, ReadError> {
        let Timeouts { step: step_limit, total, answer_cap } = self.account.timeouts;
        let left = total.saturating_sub(run.spent);
        if left.is_zero() {
            return Err(ReadError::new(FailureKind::Temporary, "The operator did not answer in time."));
        }
        let leave = run.gate.admit(kind, run.profile.iccid).await;
        let began = Instant::now();
        let outcome = http::send(&self.client, outgoing, step_limit.min(left), answer_cap).await;
        drop(leave);
        let took = began.elapsed();
        run.spent += took;
        if let Some(tracer) = &mut run.tracer {
            tracer.note(step, plan, outgoing, took, &outcome);
        }
        outcome
    }
}
