use super::text::{Text, Texts};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRequest {
    #[serde(default)]
    pub(crate) method: Method,
    /// Replaces the definition's base URL.
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
pub(crate) struct RawBasic {
    pub(crate) user: Text,
    pub(crate) password: Text,
}
