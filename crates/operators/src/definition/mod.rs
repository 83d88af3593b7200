//! Operator definitions: parsed, checked and compiled once, then run.

mod answer;
mod auth;
mod build;
mod compile;
mod error;
pub(crate) mod many;
mod operator_id;
pub(crate) mod plan;
pub(crate) mod raw;

pub use error::{DefinitionError, Problem};
pub use raw::{Evidence, Fact};

use crate::nearest::with_suggestion;
use crate::template::{Template, Templates};
use build::Compiled;
use compile::Compiler;
use error::position;
use plan::{AnswerPlan, AuthPlan, ErrorsPlan, ManyPlan, Named, OperatorIdPlan, RemainingPlan, StepPlan};
use raw::{AnswerFormat, Only, RawDefinition, RawSetting};
use simgauge_domain::limits::{Bucket, Limits, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The limits of an operator whose documentation states none.
#[must_use]
pub fn default_limits() -> Limits {
    Limits {
        buckets: vec![Bucket { scope: Scope::Credential, limit: 1, per_seconds: 1 }],
        max_concurrent: 2,
        min_refresh_seconds: 60,
        retry_after_max_seconds: None,
    }
}

/// A setting that an operator account may or must give.
#[derive(Clone, Debug)]
pub struct Setting {
    pub about: String,
    /// Counts where the account does not give the setting. `None`: the account must give it.
    pub default: Option<String>,
    /// The default is a guess: the operator's documents leave it open, and the account should say it.
    pub is_open: bool,
    /// The values that there are. Any where it is empty.
    pub one_of: Vec<String>,
    /// Takes the account's base URL where that is given and this setting is not.
    pub follows_base_url: bool,
}

/// A question that changes numbers and that the operator's documents leave open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The setting, or `billing_day`, with which an account answers.
    pub name: String,
    pub about: String,
    /// What counts until it is answered.
    pub assumed: String,
}

/// What reading many SIMs in one call is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Many {
    /// The most SIMs of one call. `None`: a call lists every SIM of the account, one page after the other.
    pub ids: Option<usize>,
    /// How old usage can be that is read so. It can be older than that of a call about one SIM.
    pub declared_lag_seconds: Option<u64>,
}

/// The name under which an account says when billing cycles begin.
pub const BILLING_DAY: &str = "billing_day";

/// How to talk to one operator's API, ready to be run.
pub struct Definition {
    name: String,
    title: String,
    source: String,
    sources: Vec<String>,
    evidence: Evidence,
    facts: Vec<Fact>,
    limits: Limits,
    declared_lag_seconds: Option<u64>,
    freshness: Option<String>,
    accepts_eid: bool,
    settings: BTreeMap<String, Setting>,
    asks_billing_day: bool,
    secrets: BTreeMap<String, String>,
    identifying: BTreeSet<String>,
    pub(crate) allow_http: bool,
    pub(crate) answer_format: AnswerFormat,
    pub(crate) templates: Templates,
    pub(crate) base_url: Option<Template>,
    pub(crate) values: Named,
    pub(crate) remaining: Vec<RemainingPlan>,
    pub(crate) auth: AuthPlan,
    pub(crate) steps: Vec<StepPlan>,
    pub(crate) operator_id: Option<OperatorIdPlan>,
    pub(crate) many: Option<ManyPlan>,
    pub(crate) answer: AnswerPlan,
    pub(crate) errors: ErrorsPlan,
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Definition {
    /// Parses, checks and compiles a definition. Errors name it `source_name`.
    ///
    /// # Errors
    /// [`DefinitionError`] with the place of every mistake.
    pub fn parse(source_name: &str, toml: &str) -> Result<Self, DefinitionError> {
        let failed = |problems| DefinitionError { source_name: source_name.to_owned(), problems };
        let raw: RawDefinition = toml::from_str(toml).map_err(|error| {
            let (line, column) = position(toml, error.span().map_or(0, |span| span.start));
            failed(vec![Problem { line, column, message: with_suggestion(error.message()) }])
        })?;
        let mut compiler = Compiler::new(toml);
        let compiled = build::compile_all(&mut compiler, &raw);
        let Compiler { templates, mut problems, .. } = compiler;
        match compiled {
            Some(Compiled {
                base_url,
                values,
                remaining,
                auth,
                steps,
                operator_id,
                many,
                answer,
                errors,
            }) if problems.is_empty() => Ok(Self {
                identifying: identifying(&raw),
                name: raw.name.into_inner(),
                title: raw.title,
                source: toml.to_owned(),
                sources: raw.sources,
                evidence: raw.evidence,
                facts: raw.facts,
                limits: raw.limits.map_or_else(default_limits, |limits| limits.into_inner().into()),
                declared_lag_seconds: raw.declared_lag_seconds,
                freshness: raw.freshness,
                accepts_eid: raw.accepts_eid,
                asks_billing_day: raw.asks_billing_day,
                settings: raw.settings.into_iter().map(|(name, raw)| (name, setting(raw))).collect(),
                secrets: raw.secrets.into_iter().map(|(name, raw)| (name, raw.about)).collect(),
                allow_http: raw.allow_http,
                answer_format: raw.answer_format,
                templates,
                base_url,
                values,
                remaining,
                auth,
                steps,
                operator_id,
                many,
                answer,
                errors,
            }),
            _ => {
                problems.sort_by_key(|problem| (problem.line, problem.column));
                // What `[many]` takes from `[answer]` is compiled twice.
                problems.dedup();
                Err(failed(problems))
            }
        }
    }

    /// The name by which operator accounts refer to it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator's name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The text of the file.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The operator's own pages, descriptions and SDKs that it was written from.
    #[must_use]
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// How well it is proven, as it states itself. A check compares that with its fixtures.
    #[must_use]
    pub const fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// What it assumes, and whether the operator's documentation confirms it.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// HTTP calls of one reading, without log-ins.
    #[must_use]
    pub fn calls_per_reading(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    /// The steps of a reading, by name: of a card that is read by its EID, or by its ICCID.
    pub fn step_names(&self, by_eid: bool) -> impl Iterator<Item = &str> {
        let left_out = if by_eid { Only::Iccid } else { Only::Eid };
        let steps = self.steps.iter().filter(move |step| step.only != Some(left_out));
        steps.map(|step| step.name.as_str())
    }

    /// How many SIMs are read in one call. `None` where it takes a call for each.
    #[must_use]
    pub fn many(&self) -> Option<Many> {
        self.many.as_ref().map(|plan| Many {
            ids: plan.ids,
            declared_lag_seconds: plan.declared_lag_seconds.or(self.declared_lag_seconds),
        })
    }

    /// How old usage can be by the operator's own word. `None` where nothing is known.
    #[must_use]
    pub const fn declared_lag_seconds(&self) -> Option<u64> {
        self.declared_lag_seconds
    }

    /// A sentence on how old usage can be.
    #[must_use]
    pub fn freshness(&self) -> Option<&str> {
        self.freshness.as_deref()
    }

    /// Whether a card can be read by its EID.
    #[must_use]
    pub const fn accepts_eid(&self) -> bool {
        self.accepts_eid
    }

    /// Whether an operator account has to give a base URL.
    #[must_use]
    pub const fn needs_base_url(&self) -> bool {
        self.base_url.is_none()
    }

    #[must_use]
    pub const fn settings(&self) -> &BTreeMap<String, Setting> {
        &self.settings
    }

    /// The questions that the operator's documents leave open and that an account does not answer.
    /// `answered` tells whether it has this setting, or a `billing_day`.
    #[must_use]
    pub fn open_questions(&self, answered: impl Fn(&str) -> bool) -> Vec<Question> {
        let settings = self.settings.iter().filter(|(_, setting)| setting.is_open);
        let questions = settings.map(|(name, setting)| Question {
            name: name.clone(),
            about: setting.about.clone(),
            assumed: setting.default.clone().unwrap_or_default(),
        });
        let billing_day = self.asks_billing_day.then(|| Question {
            name: BILLING_DAY.to_owned(),
            about: "the day of the month on which a billing cycle begins".to_owned(),
            assumed: "a cycle ends when the operator's figure falls".to_owned(),
        });
        questions.chain(billing_day).filter(|question| !answered(&question.name)).collect()
    }

    /// The settings that decide what an answer reads as. The others are for requests.
    #[must_use]
    pub fn settings_of_answers(&self) -> BTreeSet<&str> {
        let of_many = self.many.as_ref().and_then(|many| many.answer.as_ref());
        std::iter::once(&self.answer).chain(of_many).flat_map(AnswerPlan::bases).collect()
    }

    pub fn setting_names(&self) -> impl Iterator<Item = &str> {
        self.settings.keys().map(String::as_str)
    }

    /// What each secret is, by its name.
    #[must_use]
    pub const fn secrets(&self) -> &BTreeMap<String, String> {
        &self.secrets
    }

    /// Whether a secret only identifies the caller, such as a user name or an app id.
    #[must_use]
    pub fn secret_identifies(&self, name: &str) -> bool {
        self.identifying.contains(name)
    }

    /// Names of the secrets that an operator account has to give.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.secrets.keys().map(String::as_str)
    }
}

fn identifying(raw: &RawDefinition) -> BTreeSet<String> {
    raw.secrets.iter().filter(|(_, secret)| secret.identifies).map(|(name, _)| name.clone()).collect()
}

fn setting(raw: RawSetting) -> Setting {
    Setting {
        about: raw.about,
        is_open: raw.assumed.is_some(),
        default: raw.default.or(raw.assumed),
        one_of: raw.one_of,
        follows_base_url: raw.follows_base_url,
    }
}
