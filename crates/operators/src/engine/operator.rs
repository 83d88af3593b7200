use super::account::{OperatorAccount, SetupError};
use super::answer::Answer;
use super::connection::{Clock, Connection};
use super::error::ReadError;
use super::explain::{self, Finding};
use super::gate::{CallGate, NoGate};
use super::login::Logins;
use super::login_attempt;
use super::many::{self, ManyOutcome, ManyReadings};
use super::operator_id::{self, KnownId, ProfileReading};
use super::profile::ProfileRef;
use super::run::Run;
use super::steps;
use super::trace::{StepTrace, Tracer};
use crate::definition::{Definition, Setting};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use simgauge_domain::reading::Reading;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// In place of a profile, where a call is about many.
const NOBODY: ProfileRef<'static> = ProfileRef { iccid: "", eid: None };

/// A definition with an account, ready to be read.
pub struct Operator {
    connection: Connection,
    logins: Logins,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("account", &self.account_name())
            .field("definition", &self.definition().name())
            .finish_non_exhaustive()
    }
}

impl Operator {
    /// Checks the account against the definition and sets up its HTTP client.
    ///
    /// # Errors
    /// [`SetupError`] that names whatever is missing, unknown or not allowed.
    pub fn new(
        definition: Arc<Definition>,
        account: OperatorAccount,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let logins = Logins::new(definition.auth.logins.len());
        Ok(Self { connection: Connection::new(definition, account, clock)?, logins })
    }

    /// An operator that makes no calls: those of its steps are answered with these, one after the other, each
    /// an HTTP status and the bytes. Secrets, and settings that are not given, are made up, log-ins taken as
    /// made.
    ///
    /// # Errors
    /// The definition cannot be used with these settings.
    pub fn with_saved_answers(
        definition: Arc<Definition>,
        mut settings: BTreeMap<String, String>,
        answers: impl IntoIterator<Item = (u16, Vec<u8>)>,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        // Nine characters, as a key of `ctc_des` has.
        let secret = |name: &str| (name.to_owned(), SecretString::from("made-up-1"));
        let made_up = |(name, setting): (&String, &Setting)| {
            let value = setting.one_of.first().cloned().unwrap_or_else(|| "1".to_owned());
            setting.default.is_none().then(|| (name.clone(), value))
        };
        for (name, value) in definition.settings().iter().filter_map(made_up) {
            settings.entry(name).or_insert(value);
        }
        let account = OperatorAccount {
            name: "saved answers".to_owned(),
            base_url: definition.needs_base_url().then(|| "https://saved.invalid".to_owned()),
            allow_http: true,
            settings,
            secrets: definition.secret_names().map(secret).collect(),
            ..OperatorAccount::default()
        };
        let mut connection = Connection::new(definition, account, clock)?;
        let format = connection.definition.answer_format;
        let saved = answers.into_iter();
        connection
            .answer_with(saved.map(|(status, bytes)| Answer::new(status, HeaderMap::new(), &bytes, format)));
        let logins = Logins::taken_as_made(&connection.definition.auth.logins, connection.now());
        Ok(Self { connection, logins })
    }

    #[must_use]
    pub const fn definition(&self) -> &Arc<Definition> {
        &self.connection.definition
    }

    #[must_use]
    pub fn account_name(&self) -> &str {
        &self.connection.account.name
    }

    /// The host that is called, with the port where that is unusual. Host-wide limits count by it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.connection.host
    }

    /// Somebody has looked after the credentials: log-ins that were refused too often may be tried again.
    pub fn forget_refused_logins(&self) {
        self.logins.forget_refusals();
    }

    /// Asks the operator for one profile's usage.
    ///
    /// # Errors
    /// [`ReadError`] of a closed set of kinds.
    pub async fn read(&self, profile: &ProfileRef<'_>, gate: &dyn CallGate) -> Result<Reading, ReadError> {
        self.read_with_id(profile, None, gate).await.map(|read| read.reading)
    }

    /// Like [`Operator::read`], with what an earlier reading of the profile said of the operator's own id.
    /// Where that id can be used, it is not looked up; where the operator refuses it, it is looked up again,
    /// once.
    ///
    /// # Errors
    /// As [`Operator::read`].
    pub async fn read_with_id(
        &self,
        profile: &ProfileRef<'_>,
        known: Option<KnownId<'_>>,
        gate: &dyn CallGate,
    ) -> Result<ProfileReading, ReadError> {
        steps::read(&self.connection, &self.logins, &mut self.start(profile, gate), known).await
    }

    /// An operator's id as a reading gives it.
    pub(crate) fn kept_id(&self, operator_id: &str) -> Option<String> {
        operator_id::kept(&self.connection, operator_id)
    }

    /// Like [`Operator::read`], and also returns every HTTP call with its secrets masked.
    pub async fn read_traced(
        &self,
        profile: &ProfileRef<'_>,
        gate: &dyn CallGate,
    ) -> (Vec<StepTrace>, Result<Reading, ReadError>) {
        let mut run = Run { tracer: Some(self.tracer()), ..self.start(profile, gate) };
        let outcome = steps::read(&self.connection, &self.logins, &mut run, None).await;
        let outcome = outcome.map(|read| read.reading);
        (run.tracer.map(|tracer| tracer.traces).unwrap_or_default(), outcome)
    }

    /// Like [`Operator::read`], of saved answers. Where they cannot be read: with what the definition's
    /// expressions yield on them.
    pub async fn read_explained(
        &self,
        profile: &ProfileRef<'_>,
    ) -> (Result<Reading, ReadError>, Vec<Finding>) {
        let mut run = self.start(profile, &NoGate);
        let outcome = steps::read(&self.connection, &self.logins, &mut run, None).await;
        let findings = self.findings(&run, outcome.is_ok());
        (outcome.map(|read| read.reading), findings)
    }

    /// The same for many profiles.
    pub async fn read_many_explained(&self, profiles: &[ProfileRef<'_>]) -> (ManyReadings, Vec<Finding>) {
        let Some(plan) = &self.definition().many else {
            return (self.read_many(profiles, &NoGate).await, Vec::new());
        };
        let mut run = self.start(&NOBODY, &NoGate);
        let readings = many::read(&self.connection, &self.logins, &mut run, plan, profiles).await;
        let is_good = readings.outcomes.iter().all(|one| one.outcome.is_ok());
        let findings = self.findings(&run, is_good);
        (readings, findings)
    }

    fn findings(&self, run: &Run<'_>, is_good: bool) -> Vec<Finding> {
        if is_good || !self.connection.is_saved() {
            return Vec::new();
        }
        explain::findings(self.definition(), run)
    }

    /// Asks the operator for the usage of many profiles, in as few calls as its definition's `[many]` allows.
    /// Without one they are read one after the other. Each has an outcome of its own.
    pub async fn read_many(&self, profiles: &[ProfileRef<'_>], gate: &dyn CallGate) -> ManyReadings {
        self.read_batch(profiles, gate, None).await.1
    }

    /// Like [`Operator::read_many`], and also returns every HTTP call with its secrets masked.
    pub async fn read_many_traced(
        &self,
        profiles: &[ProfileRef<'_>],
        gate: &dyn CallGate,
    ) -> (Vec<StepTrace>, ManyReadings) {
        let (tracer, readings) = self.read_batch(profiles, gate, Some(self.tracer())).await;
        (tracer.map(|tracer| tracer.traces).unwrap_or_default(), readings)
    }

    async fn read_batch(
        &self,
        profiles: &[ProfileRef<'_>],
        gate: &dyn CallGate,
        mut tracer: Option<Tracer>,
    ) -> (Option<Tracer>, ManyReadings) {
        if let Some(plan) = &self.definition().many {
            let mut run = Run { tracer, ..self.start(&NOBODY, gate) };
            let readings = many::read(&self.connection, &self.logins, &mut run, plan, profiles).await;
            return (run.tracer, readings);
        }
        let (mut outcomes, mut calls) = (Vec::new(), 0);
        for profile in profiles {
            let mut run = Run { tracer: tracer.take(), ..self.start(profile, gate) };
            let outcome = steps::read(&self.connection, &self.logins, &mut run, None).await;
            let outcome = outcome.map(|read| read.reading);
            let (iccid, ended) = (profile.iccid.to_owned(), self.connection.now());
            outcomes.push(ManyOutcome { iccid, began: run.began, ended, outcome });
            calls += run.calls;
            tracer = run.tracer;
        }
        (tracer, ManyReadings { outcomes, ignored: 0, calls })
    }

    /// Knows the account's secrets.
    fn tracer(&self) -> Tracer {
        let mut tracer = Tracer::default();
        let secrets = self.connection.account.secrets.values();
        let secrets: Vec<String> = secrets.map(|secret| secret.expose_secret().to_owned()).collect();
        tracer.hide(&secrets);
        tracer
    }

    /// Like [`Operator::read`], where every call is answered with this status and these bytes. No HTTP call
    /// is made. For tests that try many answers. The steps are tried even where the bytes are no answer to a
    /// log-in.
    ///
    /// # Errors
    /// As [`Operator::read`].
    #[doc(hidden)]
    pub fn read_canned(
        &self,
        profile: &ProfileRef<'_>,
        status: u16,
        bytes: &[u8],
    ) -> Result<Reading, ReadError> {
        let answer = Answer::new(status, HeaderMap::new(), bytes, self.definition().answer_format);
        let mut run = self.start(profile, &NoGate);
        for index in 0..self.definition().auth.logins.len() {
            let _ = login_attempt::accept(&self.connection, index, &mut run, &answer);
        }
        steps::read_canned(&self.connection, &mut run, &answer)
    }

    fn start<'a>(&self, profile: &ProfileRef<'a>, gate: &'a dyn CallGate) -> Run<'a> {
        let eid = profile.eid.filter(|_| self.definition().accepts_eid());
        Run::new(ProfileRef { iccid: profile.iccid, eid }, gate, self.connection.now())
    }
}
