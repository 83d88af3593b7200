//! `simgauge openapi`: the description of the open API.

use simgauge_protocol::openapi;
use std::process::ExitCode;

/// Prints the OpenAPI document.
///
/// # Errors
/// It cannot be written as text, which does not happen.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    println!("{}", serde_json::to_string_pretty(&openapi::document())?);
    Ok(ExitCode::SUCCESS)
}
