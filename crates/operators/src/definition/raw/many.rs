//! The `[many]` part: many SIMs in one call.

use super::answer::{RawAmount, RawBundles, RawDate, RawPeriod, RawStatus};
use super::request::RawRequest;
use super::text::{Text, Texts};
use serde::Deserialize;
use std::num::NonZeroUsize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMany {
    /// The most ICCIDs of one call. Where it is not given, a call lists all SIMs there are.
    pub(crate) ids: Option<NonZeroUsize>,
    /// How an answer of several pages goes on.
    pub(crate) pages: Option<RawPages>,
    pub(crate) request: RawRequest,
    /// jq: true for a good answer.
    pub(crate) success: Option<Text>,
    /// jq: the elements, one output each.
    pub(crate) each: Text,
    /// jq on an element: the ICCID that it is about.
    pub(crate) key: Text,
    /// jq on an element: what tells the elements of one SIM apart. Together they are its answer, as a list.
    pub(crate) several_by: Option<Text>,
    /// jq on an element (with `several_by` on the list): the answer that a call about this SIM alone would
    /// have had. The rules of `[errors]` are tried on it too.
    #[serde(rename = "as")]
    pub(crate) shaped: Option<Text>,
    /// What it means that an asked SIM has no element.
    #[serde(default)]
    pub(crate) absent: Absent,
    /// One unknown SIM refuses the whole call. jq on that answer: the ICCIDs that are refused, where it names
    /// them.
    pub(crate) refused: Option<Text>,
    /// The usage can be this much older than that of a call about one SIM.
    pub(crate) declared_lag_seconds: Option<u64>,
    /// Replaces parts of `[answer]`.
    #[serde(default)]
    pub(crate) answer: RawManyAnswer,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Absent {
    /// Nobody knows why.
    #[default]
    BadAnswer,
    /// The operator's documents say that it does not know this SIM.
    NotFound,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPages {
    /// By number: the first page's.
    pub(crate) first: Option<u64>,
    /// jq: what the next call sends as `cursor`. Nothing or `null` on the last page.
    pub(crate) cursor: Option<Text>,
    /// jq: the next page's address. Nothing or `null` on the last page.
    pub(crate) link: Option<Text>,
    /// jq: true on the last page. A page without elements is the last one of those that have numbers.
    pub(crate) last: Option<Text>,
    /// Parameters of every call but the first.
    #[serde(default)]
    pub(crate) query: Texts,
    /// A listing with more pages is cut.
    #[serde(default = "a_thousand")]
    pub(crate) most: NonZeroUsize,
}

fn a_thousand() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(999)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawManyAnswer {
    pub(crate) used: Option<RawAmount>,
    pub(crate) total: Option<RawAmount>,
    pub(crate) unlimited: Option<Text>,
    pub(crate) period: Option<RawPeriod>,
    pub(crate) as_of: Option<RawDate>,
    pub(crate) status: Option<RawStatus>,
    pub(crate) bundles: Option<RawBundles>,
}
