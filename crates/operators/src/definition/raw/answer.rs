//! The `[answer]` part.

use super::text::Text;
use crate::units::{Base, Unit};
use serde::Deserialize;
use simgauge_domain::reading::{PeriodKind, ProfileStatus};
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAnswer {
    /// jq: the ICCID or EID that the answer is about. Every output must be the card's.
    pub(crate) identity: Option<Text>,
    /// Answers do not name the card. Only the request ties them to it.
    #[serde(default)]
    pub(crate) names_no_card: bool,
    pub(crate) used: RawAmount,
    pub(crate) total: Option<RawAmount>,
    /// jq: true where the card has no total.
    pub(crate) unlimited: Option<Text>,
    pub(crate) period: RawPeriod,
    pub(crate) as_of: Option<RawDate>,
    pub(crate) status: Option<RawStatus>,
    pub(crate) bundles: Option<RawBundles>,
}

/// What the unit's name stands for.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "base must be 1000 or 1024, or \"setting.NAME\"")]
pub(crate) enum RawBase {
    Fixed(Base),
    /// `setting.NAME`: the account says it.
    Setting(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAmount {
    /// jq: every output is added.
    pub(crate) add: Text,
    /// jq: every output is subtracted.
    pub(crate) subtract: Option<Text>,
    pub(crate) unit: Option<Spanned<Unit>>,
    /// jq: the unit's name. `unit` counts where it yields nothing.
    pub(crate) unit_from: Option<Text>,
    /// Values carry their unit (`12.5MB`).
    #[serde(default)]
    pub(crate) unit_suffix: bool,
    pub(crate) base: Option<Spanned<RawBase>>,
    #[serde(default)]
    pub(crate) blank_is_zero: bool,
    /// No output at all counts as zero. A `null` is always a missing amount, so that a renamed field never
    /// reads as zero.
    #[serde(default)]
    pub(crate) none_is_zero: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPeriod {
    pub(crate) kind: PeriodKind,
    /// jq: the kind's name, where the answer has it. `kind` counts where it yields nothing.
    pub(crate) kind_from: Option<Text>,
    /// jq: what distinguishes periods. It is made from `start` where not given.
    pub(crate) key: Option<Text>,
    pub(crate) start: Option<RawDate>,
    pub(crate) end: Option<RawDate>,
    /// The zone of a calendar month.
    pub(crate) zone: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDate {
    /// jq: the date. Nothing or `null` where there is none.
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
    /// jq: one object per bundle, with `code`, `name`, `used` or `remaining`, `total`, `unlimited`, `start`,
    /// `end`.
    pub(crate) each: Text,
    pub(crate) unit: Spanned<Unit>,
    pub(crate) base: Option<Spanned<RawBase>>,
    pub(crate) date_format: Option<Text>,
    pub(crate) zone: Option<Text>,
}
