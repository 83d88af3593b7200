//! Running a definition against a real operator.

mod account;
mod failure;
mod gate;
mod http;
mod login;
mod read;
mod request;
mod sign;
mod steps;
mod trace;

pub use account::{OperatorAccount, SetupError, Timeouts};
pub use failure::ReadError;
pub use gate::{CallGate, CallKind, NoGate};
pub use trace::StepTrace;

use self::http::{Answer, Outgoing};
use self::login::Logins;
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
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use url::Url;

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
        let settings = settings(&definition, &account)?;
        let secrets = secrets(&definition, &account)?;
        let values = AccountValues {
            settings,
            secrets: template::map(&secrets),
            sequence: Arc::new(AtomicU64::new(0)),
        };
        let base_url = match (&account.base_url, &definition.base_url) {
            (Some(given), _) => given.clone(),
            (None, Some(template)) => {
                render_base(&definition, &account, &values, template, "the definition's base URL")?
            }
            (None, None) => return Err(SetupError::NoBaseUrl { account: account.name }),
        };
        let url = checked(&definition, &account, &base_url, "`base_url`")?;
        let requests = definition.steps.iter().map(|step| &step.request);
        for request in requests.chain(definition.auth.login.as_ref().map(|login| &login.request)) {
            if let Some(base) = &request.base {
                let rendered = render_base(&definition, &account, &values, base, "a request's base URL")?;
                checked(&definition, &account, &rendered, "a request's base URL")?;
            }
        }
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
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

fn settings(
    definition: &Definition,
    account: &OperatorAccount,
) -> Result<BTreeMap<String, String>, SetupError> {
    let unknown = unknown(account.settings.keys(), |name| definition.settings().contains_key(name));
    if !unknown.is_empty() {
        return Err(SetupError::Unknown {
            account: account.name.clone(),
            what: "setting(s)",
            names: unknown,
        });
    }
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, setting) in definition.settings() {
        let given = account.settings.get(name);
        let followed = account.base_url.as_ref().filter(|_| setting.follows_base_url);
        match given.or(followed).or(setting.default.as_ref()) {
            Some(value) => {
                found.insert(name.clone(), value.clone());
            }
            None => missing.push(name.clone()),
        }
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(SetupError::MissingSettings { account: account.name.clone(), names: missing })
    }
}

fn secrets(
    definition: &Definition,
    account: &OperatorAccount,
) -> Result<BTreeMap<String, String>, SetupError> {
    let unknown = unknown(account.secrets.keys(), |name| definition.secrets().contains_key(name));
    if !unknown.is_empty() {
        return Err(SetupError::Unknown { account: account.name.clone(), what: "secret(s)", names: unknown });
    }
    let given = |name: &str| account.secrets.get(name).map(|secret| secret.expose_secret().to_owned());
    let missing: Vec<String> = definition
        .secret_names()
        .filter(|name| given(name).is_none_or(|secret| secret.is_empty()))
        .map(str::to_owned)
        .collect();
    if missing.is_empty() {
        Ok(definition.secret_names().filter_map(|name| Some((name.to_owned(), given(name)?))).collect())
    } else {
        Err(SetupError::MissingSecrets { account: account.name.clone(), names: missing })
    }
}

fn unknown<'a>(names: impl Iterator<Item = &'a String>, known: impl Fn(&str) -> bool) -> Vec<String> {
    names.filter(|name| !known(name)).cloned().collect()
}

fn render_base(
    definition: &Definition,
    account: &OperatorAccount,
    values: &AccountValues,
    base: &template::Template,
    what: &str,
) -> Result<String, SetupError> {
    let nothing = BTreeMap::new();
    let values = template::values(values, "", None, UnixMs(0), &nothing, &nothing);
    definition
        .templates
        .render(base, &values)
        .map_err(|_| SetupError::BadUrl { account: account.name.clone(), what: what.to_owned() })
}

fn checked(
    definition: &Definition,
    account: &OperatorAccount,
    url: &str,
    what: &str,
) -> Result<Url, SetupError> {
    let bad = || SetupError::BadUrl { account: account.name.clone(), what: what.to_owned() };
    let parsed = Url::parse(url).map_err(|_| bad())?;
    let clean = parsed.username().is_empty()
        && parsed.password().is_none()
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    match parsed.scheme() {
        "https" | "http" if !clean || parsed.host_str().is_none() => Err(bad()),
        "https" => Ok(parsed),
        "http" if definition.allow_http || account.allow_http => Ok(parsed),
        "http" => Err(SetupError::PlainHttp { account: account.name.clone(), what: what.to_owned() }),
        _ => Err(bad()),
    }
}
