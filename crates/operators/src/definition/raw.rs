//! A definition file as it is written: the TOML shape, nothing compiled yet.
//!
//! Texts that are templates or jq programs keep their place in the file, so that an error names line and column.

use crate::units::{Base, Unit};
use serde::Deserialize;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::limits::Limits;
use simgauge_domain::reading::{PeriodKind, ProfileStatus};
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
    pub(crate) limits: Option<Limits>,
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
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAuth {
    pub(crate) basic: Option<RawBasic>,
    #[serde(default)]
    pub(crate) headers: Texts,
    #[serde(default)]
    pub(crate) query: Texts,
    pub(crate) login: Option<RawLogin>,
    pub(crate) oauth2: Option<RawOauth2>,
    pub(crate) sign: Option<RawSign>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBasic {
    pub(crate) user: Text,
    pub(crate) password: Text,
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
pub(crate) struct RawLogin {
    pub(crate) request: RawRequest,
    /// When the log-in's answer is one; any 2xx where this is not given.
    pub(crate) success: Option<Text>,
    pub(crate) capture: BTreeMap<String, RawCapture>,
    pub(crate) ttl: RawTtl,
    pub(crate) send: RawSend,
    #[serde(default = "a_minute")]
    pub(crate) pause_after_refusal_seconds: u64,
}

const fn a_minute() -> u64 {
    60
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCapture {
    pub(crate) body: Option<Text>,
    pub(crate) header: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTtl {
    /// Used as it is, or where the answer does not say.
    pub(crate) seconds: u64,
    /// jq: seconds the log-in is good for.
    pub(crate) from: Option<Text>,
    /// Name of a capture that is a JWT, whose `exp` counts.
    pub(crate) jwt: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSend {
    #[serde(default)]
    pub(crate) headers: Texts,
    #[serde(default)]
    pub(crate) query: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOauth2 {
    pub(crate) base: Option<Text>,
    pub(crate) path: Text,
    pub(crate) client_id: Text,
    pub(crate) client_secret: Text,
    pub(crate) client_auth: ClientAuth,
    pub(crate) encoding: Encoding,
    pub(crate) scope: Option<Text>,
    pub(crate) token: Option<Text>,
    pub(crate) expires_in: Option<Text>,
    #[serde(default = "an_hour")]
    pub(crate) ttl_seconds: u64,
    #[serde(default = "a_minute")]
    pub(crate) pause_after_refusal_seconds: u64,
}

const fn an_hour() -> u64 {
    3600
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuth {
    Basic,
    Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Encoding {
    Form,
    Json,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSign {
    /// Where the signed parameters travel, and where `add` puts its own.
    pub(crate) parameters: ParameterPlace,
    /// Parameters every request gets before it is signed. For `json` each is a JSON template.
    #[serde(default)]
    pub(crate) add: Texts,
    /// The parameters that are signed, in this order; all of them sorted by name where it is not given.
    pub(crate) listed: Option<Vec<String>>,
    /// Leaves out parameters that are empty.
    #[serde(default)]
    pub(crate) skip_empty: bool,
    /// Percent-encodes names and values after RFC 3986.
    #[serde(default)]
    pub(crate) encode: bool,
    #[serde(default = "ampersand")]
    pub(crate) joiner: String,
    /// Template of what is signed; `params` are the joined parameters, `body` is the raw body.
    pub(crate) string: Option<Text>,
    pub(crate) algorithm: Algorithm,
    /// Template of the key of an HMAC.
    pub(crate) key: Option<Text>,
    pub(crate) output: SignOutput,
    /// Where the signature goes.
    pub(crate) place: SignPlace,
    /// The parameter or header that carries it.
    pub(crate) name: String,
}

fn ampersand() -> String {
    "&".into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ParameterPlace {
    Query,
    Form,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignPlace {
    /// Beside the signed parameters.
    Parameter,
    Header,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    HmacSha1,
    HmacSha256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SignOutput {
    HexLower,
    HexUpper,
    Base64,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAnswer {
    /// jq: the ICCID (or EID) the answer is about; every output must be the card's.
    pub(crate) identity: Option<Text>,
    /// Says that answers do not name the card, so that only the request ties them to it.
    #[serde(default)]
    pub(crate) names_no_card: bool,
    pub(crate) used: RawAmount,
    pub(crate) total: Option<RawAmount>,
    /// jq: true where there is no total.
    pub(crate) unlimited: Option<Text>,
    pub(crate) period: RawPeriod,
    pub(crate) as_of: Option<RawDate>,
    pub(crate) status: Option<RawStatus>,
    pub(crate) bundles: Option<RawBundles>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAmount {
    /// jq: every output is added.
    pub(crate) add: Text,
    /// jq: every output is taken away.
    pub(crate) subtract: Option<Text>,
    pub(crate) unit: Option<Spanned<Unit>>,
    /// jq: the unit's name; `unit` where it yields nothing.
    pub(crate) unit_from: Option<Text>,
    /// Values carry their unit (`12.5MB`).
    #[serde(default)]
    pub(crate) unit_suffix: bool,
    pub(crate) base: Option<Base>,
    #[serde(default)]
    pub(crate) blank_is_zero: bool,
    /// No output at all counts as zero; a `null` is always a missing figure, so that a renamed field never reads as zero.
    #[serde(default)]
    pub(crate) none_is_zero: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPeriod {
    pub(crate) kind: PeriodKind,
    /// jq: the kind's name, where the answer says it; `kind` where it yields nothing.
    pub(crate) kind_from: Option<Text>,
    /// jq: what tells periods apart; made from `start` where not given.
    pub(crate) key: Option<Text>,
    pub(crate) start: Option<RawDate>,
    pub(crate) end: Option<RawDate>,
    /// Zone of a calendar month.
    pub(crate) zone: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDate {
    /// jq: the date; nothing or `null` where there is none.
    pub(crate) from: Text,
    pub(crate) format: Text,
    pub(crate) zone: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStatus {
    pub(crate) from: Text,
    pub(crate) map: BTreeMap<String, ProfileStatus>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBundles {
    /// jq: one object per bundle, with `code`, `name`, `used` or `remaining`, `total`, `unlimited`, `start`, `end`.
    pub(crate) each: Text,
    pub(crate) unit: Spanned<Unit>,
    pub(crate) base: Option<Base>,
    pub(crate) date_format: Option<Text>,
    pub(crate) zone: Option<Text>,
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
