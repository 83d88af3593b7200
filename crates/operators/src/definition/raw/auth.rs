//! The `[auth]` part.

use super::request::{RawBasic, RawCapture, RawRequest};
use super::text::{Text, Texts};
use crate::hash::{Algorithm, Output};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use toml::Spanned;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAuth {
    pub(crate) basic: Option<RawBasic>,
    #[serde(default)]
    pub(crate) headers: Texts,
    #[serde(default)]
    pub(crate) query: Texts,
    /// One after the other, where there are several.
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) login: Vec<RawLogin>,
    /// Comes before any `login`.
    pub(crate) oauth2: Option<RawOauth2>,
    pub(crate) sign: Option<RawSign>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLogin {
    /// `login` where not given. Rules refer to it.
    pub(crate) name: Option<Text>,
    pub(crate) request: RawRequest,
    /// jq: true for a good answer. Any 2xx is one where this is not given.
    pub(crate) success: Option<Text>,
    pub(crate) capture: BTreeMap<String, RawCapture>,
    pub(crate) ttl: RawTtl,
    #[serde(default)]
    pub(crate) send: RawSend,
    #[serde(default = "a_minute")]
    pub(crate) pause_after_refusal_seconds: u64,
    pub(crate) lock_out: Option<RawLockOut>,
}

/// The operator locks a user after too many refused log-ins, one after the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLockOut {
    /// After so many no further one is tried: fewer than the operator allows.
    pub(crate) stop_after: Spanned<NonZeroU32>,
    /// Where the operator says when it locks.
    pub(crate) source: Text,
    /// How long none is tried, unless a person acts.
    #[serde(default = "a_day")]
    pub(crate) pause_seconds: NonZeroU64,
}

fn a_day() -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(24 * 3600 - 1)
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RawLogin>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<RawLogin>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a log-in or an array of them")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Ok(vec![RawLogin::deserialize(MapAccessDeserializer::new(map))?])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(sequence))
        }
    }

    deserializer.deserialize_any(OneOrMany)
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
    /// `login` where not given and it is the only log-in, `oauth2` where others follow.
    pub(crate) name: Option<Text>,
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
    pub(crate) lock_out: Option<RawLockOut>,
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
    pub(crate) algorithm: Spanned<Algorithm>,
    /// Template of the HMAC key.
    pub(crate) key: Option<Text>,
    pub(crate) output: Output,
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
