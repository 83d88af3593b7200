//! Checks of `[notify]`, whose settings are in the service.

use super::check;
use anyhow::bail;
use simgauge_service::outbox::NotifyConfig;

pub(super) fn check(notify: &NotifyConfig) -> anyhow::Result<()> {
    check::spans(&[
        ("notify.timeout_seconds", notify.timeout_seconds),
        ("notify.poll_seconds", notify.poll_seconds),
        ("notify.give_up_hours", notify.give_up_hours),
    ])?;
    let pauses = &notify.pauses_seconds;
    if pauses.is_empty() || !pauses.iter().copied().all(check::is_span) {
        bail!("notify.pauses_seconds must hold at least one pause, each between 0.001 and 86400");
    }
    Ok(())
}
