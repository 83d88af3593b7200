//! Checks that several sections share.

use anyhow::bail;
use simgauge_domain::period::TimeZone;

/// The values of a setting that is a time between two events, in its own unit.
const SPAN: std::ops::RangeInclusive<f64> = 0.001..=86_400.0;

/// Whether a time between two events is in range.
pub(super) fn is_span(value: f64) -> bool {
    SPAN.contains(&value)
}

/// Checks times between two events.
///
/// # Errors
/// Names the first one that is out of range.
pub(super) fn spans(values: &[(&str, f64)]) -> anyhow::Result<()> {
    match values.iter().find(|(_, value)| !is_span(*value)) {
        Some((setting, _)) => bail!("{setting} must be between 0.001 and 86400"),
        None => Ok(()),
    }
}

/// The time zone that a setting names.
///
/// # Errors
/// There is no such time zone.
pub(super) fn zone(setting: &str, name: &str) -> anyhow::Result<TimeZone> {
    TimeZone::get(name).map_err(|_| anyhow::anyhow!("{setting}: there is no time zone {name:?}"))
}
