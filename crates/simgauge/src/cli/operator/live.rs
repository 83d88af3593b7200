//! `simgauge operator check --live`: an operator account against the real operator.

use super::outcome;
use crate::cli::Output;
use crate::config::Config;
use crate::operators::operators_of;
use anyhow::bail;
use serde_json::{Value, json};
use simgauge_operators::check::{LiveReport, check_live};
use simgauge_operators::{ManyReadings, NoGate, ProfileRef, StepTrace};
use simgauge_service::clock::Clock;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Asks about one SIM, or about several at once, and prints every call.
///
/// # Errors
/// There is no such operator account.
pub(super) async fn run(
    account: &str,
    iccids: &[String],
    eid: Option<&str>,
    config: &Config,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mut config = config.clone();
    config.operator_accounts.retain(|known| known.name == account);
    let Some(lane) = operators_of(&config, &Clock::default())?.pop() else {
        bail!("there is no operator account {account:?} in the configuration");
    };
    let good = match iccids {
        [iccid] => {
            let report = check_live(&lane.operator, iccid, eid).await;
            output.print(&one_json(&report), || one_words(&report))?;
            report.outcome.is_ok()
        }
        several if eid.is_some() => bail!("--eid goes with one --iccid, not with {}", several.len()),
        several => {
            let profiles: Vec<ProfileRef<'_>> =
                several.iter().map(|iccid| ProfileRef { iccid, eid: None }).collect();
            let (steps, readings) = lane.operator.read_many_traced(&profiles, &NoGate).await;
            output.print(&many_json(&steps, &readings), || many_words(&steps, &readings))?;
            readings.outcomes.iter().all(|one| one.outcome.is_ok())
        }
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn one_json(report: &LiveReport) -> Value {
    let mut json = outcome::in_json(&report.outcome);
    json["steps"] = report.steps.iter().map(step_json).collect();
    json
}

fn many_json(steps: &[StepTrace], readings: &ManyReadings) -> Value {
    let mut json = outcome::many_json(readings);
    json["steps"] = steps.iter().map(step_json).collect();
    json
}

fn step_json(step: &StepTrace) -> Value {
    json!({
        "step": step.step,
        "method": step.method,
        "url": step.url,
        "requestHeaders": step.request_headers,
        "requestBody": step.request_body,
        "milliseconds": u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX),
        "status": step.status,
        "answer": step.answer,
        "failure": step.failure,
    })
}

fn one_words(report: &LiveReport) -> String {
    let mut text: String = report.steps.iter().map(ToString::to_string).collect();
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{}", outcome::in_words(&report.outcome));
    text
}

fn many_words(steps: &[StepTrace], readings: &ManyReadings) -> String {
    let text: String = steps.iter().map(ToString::to_string).collect();
    text + &outcome::many_in_words(readings)
}
