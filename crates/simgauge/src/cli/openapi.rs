//! `simgauge openapi`: the description of the open API.

use super::output;
use simgauge_protocol::openapi;
use std::process::ExitCode;

/// Prints the OpenAPI document.
///
/// # Errors
/// Standard output takes nothing more.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let mut text = serde_json::to_string_pretty(&openapi::document())?;
    text.push('\n');
    output::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
