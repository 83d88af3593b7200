use super::answer::RawAnswer;
use super::auth::RawAuth;
use super::errors::RawErrors;
use super::limits::RawLimits;
use super::many::RawMany;
use super::operator_id::RawOperatorId;
use super::step::RawStep;
use super::text::{Text, Texts};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDefinition {
    pub(crate) name: Text,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    #[serde(default)]
    pub(crate) evidence: Evidence,
    pub(crate) base_url: Option<Text>,
    #[serde(default)]
    pub(crate) answer_format: AnswerFormat,
    #[serde(default)]
    pub(crate) allow_http: bool,
    /// The operator does not say on which day its billing cycle begins.
    #[serde(default)]
    pub(crate) asks_billing_day: bool,
    #[serde(default)]
    pub(crate) accepts_eid: bool,
    pub(crate) declared_lag_seconds: Option<u64>,
    pub(crate) freshness: Option<String>,
    #[serde(default)]
    pub(crate) facts: Vec<Fact>,
    pub(crate) limits: Option<Spanned<RawLimits>>,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, RawSetting>,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, RawSecret>,
    /// Values that are made once for each request.
    #[serde(default)]
    pub(crate) values: Texts,
    #[serde(default)]
    pub(crate) auth: RawAuth,
    pub(crate) steps: Vec<RawStep>,
    /// An id of the operator's own that is kept with a profile.
    pub(crate) operator_id: Option<RawOperatorId>,
    pub(crate) many: Option<RawMany>,
    pub(crate) answer: RawAnswer,
    #[serde(default)]
    pub(crate) errors: RawErrors,
}

/// What answers are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerFormat {
    #[default]
    Json,
    /// XML where an answer begins with `<`, JSON otherwise.
    Xml,
}

/// How well a definition is proven, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Less than that.
    #[default]
    Unproven,
    /// Independent clients agree: a request and an answer in the fixtures are theirs.
    Clients,
    /// The operator's own pages, description or SDK show a request, a good answer and an error.
    Official,
}

impl Evidence {
    /// The name by which definition files state it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Clients => "clients",
            Self::Official => "official",
        }
    }
}

/// Something that the definition assumes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    pub what: String,
    /// Whether the operator's own page or API description says so.
    pub confirmed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSetting {
    pub(crate) about: String,
    pub(crate) default: Option<String>,
    /// In place of a default: the operator's documents leave this open, and an account should say it. This
    /// counts, with a warning, as long as it does not.
    pub(crate) assumed: Option<String>,
    /// The values that there are. Any where not given.
    #[serde(default)]
    pub(crate) one_of: Vec<String>,
    /// Takes the account's base URL where that is given and this setting is not, so that the log-in of a
    /// simulator is made at the simulator.
    #[serde(default)]
    pub(crate) follows_base_url: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSecret {
    pub(crate) about: String,
    /// Only identifies the caller, such as a user name or an app id.
    #[serde(default)]
    pub(crate) identifies: bool,
}
