use super::request::{RawCapture, RawRequest};
use super::text::Text;
use serde::Deserialize;
use simgauge_domain::failure::FailureKind;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStep {
    pub(crate) name: Text,
    pub(crate) request: RawRequest,
    /// Only for cards that are read by ICCID, or only for cards that are read by EID.
    pub(crate) only: Option<Only>,
    /// jq: true for a good answer. Any 2xx with JSON is one where this is not given.
    pub(crate) success: Option<Text>,
    pub(crate) find: Option<RawFind>,
    #[serde(default)]
    pub(crate) capture: BTreeMap<String, RawCapture>,
    /// Failures of this step that do not end the reading.
    #[serde(default)]
    pub(crate) may_fail_with: Vec<FailureKind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Only {
    Iccid,
    Eid,
}

/// Finds the one element of a list that is about the card.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFind {
    /// jq: the candidates, one output each.
    #[serde(rename = "in")]
    pub(crate) within: Text,
    /// jq on a candidate: the value to compare.
    pub(crate) key: Text,
    /// Template of what the key must equal. ICCIDs are compared with and without check digit.
    pub(crate) equals: Text,
}
