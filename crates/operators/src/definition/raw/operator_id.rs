//! The `[operator_id]` part: an id of the operator's own, kept with a profile.

use super::text::Text;
use serde::Deserialize;
use std::num::NonZeroU32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOperatorId {
    /// The capture that is the id. Steps that capture it are left out where the id is known.
    pub(crate) capture: Text,
    /// With the first reading of each such span of time (since 1970, UTC) it is looked up again.
    #[serde(default = "a_day")]
    pub(crate) renew_hours: NonZeroU32,
    /// jq on the last answer: true where the operator does not know the id any more. An answer that means
    /// `not_found` says so by itself.
    pub(crate) refused: Option<Text>,
}

fn a_day() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(23)
}
