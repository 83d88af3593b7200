//! A definition file as it is written: the TOML shape, nothing compiled yet.
//!
//! Texts that are templates or jq programs keep their place in the file, so that an error names line and column.

mod answer;
mod auth;

pub(crate) use answer::{RawAmount, RawAnswer, RawBundles, RawDate};
pub(crate) use auth::{
    Algorithm, ClientAuth, Encoding, ParameterPlace, RawAuth, RawBasic, RawLogin, RawOauth2, RawSign,
    SignOutput, SignPlace,
};

use serde::Deserialize;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::limits::Limits;
use std::collections::BTreeMap;
use toml::Spanned;

/// A text with its place in the file.
pub(crate) type Text = Spanned<String>;
/// Named texts: headers, query parameters, form fields.
pub(crate) type Texts = BTreeMap<String, Text>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDefinition {
    pub(crate) name: Text,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) sources: Vec<String>,
    pub(crate) base_url: Option<Text>,
    #[serde(default)]
    pub(crate) allow_http: bool,
    #[serde(default)]
    pub(crate) accepts_eid: bool,
    pub(crate) declared_lag_seconds: Option<u64>,
    pub(crate) freshness: Option<String>,
    #[serde(default)]
    pub(crate) facts: Vec<Fact>,
    pub(crate) limits: Option<Spanned<Limits>>,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, RawSetting>,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, RawSecret>,
    #[serde(default)]
    pub(crate) auth: RawAuth,
    pub(crate) steps: Vec<RawStep>,
    pub(crate) answer: RawAnswer,
    #[serde(default)]
    pub(crate) errors: RawErrors,
}

/// Something the definition builds on, and whether the operator's own documentation says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What is taken for true.
    pub what: String,
    /// Whether the operator's own page or API description says so.
    pub confirmed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSetting {
    pub(crate) about: String,
    pub(crate) default: Option<String>,
    /// Takes the account's base URL where that is set and this is not: a stand-in's log-in is at the stand-in.
    #[serde(default)]
    pub(crate) follows_base_url: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSecret {
    pub(crate) about: String,
    /// Says who asks (a user name, an app id) rather than proving it.
    #[serde(default)]
    pub(crate) identifies: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRequest {
    #[serde(default)]
    pub(crate) method: Method,
    /// Another base URL than the definition's.
    pub(crate) base: Option<Text>,
    pub(crate) path: Text,
    #[serde(default)]
    pub(crate) headers: Texts,
    #[serde(default)]
    pub(crate) query: Texts,
    pub(crate) form: Option<Texts>,
    pub(crate) json: Option<Text>,
    pub(crate) basic: Option<RawBasic>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Method {
    #[default]
    #[serde(rename = "GET")]
    Get,
    #[serde(rename = "POST")]
    Post,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCapture {
    pub(crate) body: Option<Text>,
    pub(crate) header: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStep {
    pub(crate) name: Text,
    pub(crate) request: RawRequest,
    /// Only for cards asked for by ICCID, or only for those asked for by EID.
    pub(crate) only: Option<Only>,
    /// When an answer is one; any 2xx with JSON where this is not given.
    pub(crate) success: Option<Text>,
    pub(crate) find: Option<RawFind>,
    #[serde(default)]
    pub(crate) capture: BTreeMap<String, RawCapture>,
    /// Failures of this step that do not stop the reading.
    #[serde(default)]
    pub(crate) may_fail_with: Vec<FailureKind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Only {
    Iccid,
    Eid,
}

/// The one element of a list that is about the card.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFind {
    /// jq: the candidates, one output each.
    #[serde(rename = "in")]
    pub(crate) within: Text,
    /// jq on a candidate: what has to be equal.
    pub(crate) key: Text,
    /// Template: equal to what. ICCIDs are compared with and without check digit.
    pub(crate) equals: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawErrors {
    /// jq: the operator's error code, quoted in messages.
    pub(crate) code: Option<Text>,
    /// A header that says when the limit ends, beside `Retry-After`.
    pub(crate) reset_header: Option<RawReset>,
    #[serde(default)]
    pub(crate) rules: Vec<RawRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawReset {
    pub(crate) name: Text,
    /// `rfc3339`, `unix_s`, `unix_ms` or `seconds` (from now).
    pub(crate) format: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    /// HTTP statuses it is for; any where not given.
    #[serde(default)]
    pub(crate) status: Vec<u16>,
    /// jq on the body (`null` where that is not JSON): true where the rule holds.
    pub(crate) when: Option<Text>,
    /// Only for the step of that name, or for `login`.
    pub(crate) step: Option<Text>,
    pub(crate) kind: FailureKind,
    /// A sentence for people, instead of the kind's own.
    pub(crate) detail: Option<String>,
    /// jq: seconds to wait.
    pub(crate) retry_after: Option<Text>,
}
