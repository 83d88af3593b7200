//! The `[limits]` part.

use super::errors::RawReset;
use super::text::Text;
use serde::Deserialize;
use simgauge_domain::limits::{Bucket, Limits};
use std::num::NonZeroU32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLimits {
    #[serde(default)]
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) max_concurrent: u32,
    #[serde(default)]
    min_refresh_seconds: u32,
    retry_after_max_seconds: Option<u32>,
    /// Headers by which each answer says how many calls are left.
    #[serde(default)]
    pub(crate) remaining: Vec<RawRemaining>,
}

impl From<RawLimits> for Limits {
    fn from(raw: RawLimits) -> Self {
        let RawLimits { buckets, max_concurrent, min_refresh_seconds, retry_after_max_seconds, .. } = raw;
        Self { buckets, max_concurrent, min_refresh_seconds, retry_after_max_seconds }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRemaining {
    /// How many calls are left.
    pub(crate) header: Text,
    /// When there are new ones.
    pub(crate) reset: Option<RawReset>,
    /// When there are new ones at the latest.
    pub(crate) window_seconds: Option<NonZeroU32>,
}
