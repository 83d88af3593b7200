//! The `[auth]` part.

use super::request::{RawBasic, RawCapture, RawRequest};
use super::text::{Text, Texts};
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
pub(crate) struct RawLogin {
    pub(crate) request: RawRequest,
    /// jq: true for a good answer. Any 2xx is one where this is not given.
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
    /// Counts where the answer does not say how long the log-in is valid.
    pub(crate) seconds: NonZeroU64,
    /// jq: how many seconds the log-in is valid.
    pub(crate) from: Option<Text>,
    /// The name of a capture that is a JWT. Its `exp` counts.
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
    /// Where the signed parameters are, and where `add` puts its own.
    pub(crate) parameters: ParameterPlace,
    /// Parameters that every request gets before it is signed. For `json` each is a JSON template.
    #[serde(default)]
    pub(crate) add: Texts,
    /// The parameters that are signed, in this order. Where it is not given, all of them, sorted by name.
    pub(crate) listed: Option<Vec<String>>,
    /// Leaves out empty parameters.
    #[serde(default)]
    pub(crate) skip_empty: bool,
    /// Percent-encodes names and values by RFC 3986.
    #[serde(default)]
    pub(crate) encode: bool,
    #[serde(default = "ampersand")]
    pub(crate) joiner: String,
    /// Template of what is signed. `params` are the joined parameters, `body` is the raw body.
    pub(crate) string: Option<Text>,
    pub(crate) algorithm: Algorithm,
    /// Template of the HMAC key.
    pub(crate) key: Option<Text>,
    pub(crate) output: SignOutput,
    pub(crate) place: SignPlace,
    /// The parameter or header of the signature.
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
