//! Checks of `[console]`, whose settings are in the console.

use anyhow::bail;
use simgauge_console::ConsoleConfig;

pub(super) fn check(console: &ConsoleConfig) -> anyhow::Result<()> {
    console.own_listener().map_err(anyhow::Error::msg)?;
    if console.session_idle_minutes == 0 || console.session_hours == 0 {
        bail!("console.session_idle_minutes and console.session_hours must be at least 1");
    }
    Ok(())
}
