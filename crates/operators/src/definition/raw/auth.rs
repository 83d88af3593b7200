//! The `[auth]` part as it is written.

use super::{RawCapture, RawRequest, Text, Texts};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

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
pub(crate) struct RawTtl {
    /// Used as it is, or where the answer does not say.
    pub(crate) seconds: NonZeroU64,
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
    pub(crate) ttl_seconds: NonZeroU64,
    #[serde(default = "a_minute")]
    pub(crate) pause_after_refusal_seconds: u64,
}

fn an_hour() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(3599)
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
