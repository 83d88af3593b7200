//! `simgauge operator try`: what saved answers read as.

use super::assumed::Assumed;
use super::named::{self, NamedDefinition};
use super::outcome;
use crate::cli::Output;
use crate::config::Config;
use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use simgauge_operators::{Definition, Finding, Operator, ProfileRef};
use simgauge_service::clock::Clock;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What to read.
#[derive(Debug, clap::Args)]
pub struct TryArgs {
    /// A definition's file, or the name of one.
    definition: String,
    /// A file with an operator's answer. One for each step, in their order; with several SIMs, one for each
    /// page.
    #[arg(long, required = true, value_name = "FILE")]
    answer: Vec<PathBuf>,
    /// The SIM that it is about. Given more than once: the answer is one about many.
    #[arg(long, required = true)]
    iccid: Vec<String>,
    /// The EID of the card, where the operator looks it up by that.
    #[arg(long)]
    eid: Option<String>,
    /// The HTTP status of the last answer.
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// A setting as an account would give it. Without it the definition's default or assumption counts.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    setting: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads the answers as if the operator had given them.
///
/// # Errors
/// There is no such definition or file, the definition has mistakes, or answers are missing.
pub(super) async fn run(args: &TryArgs, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let NamedDefinition { definition, .. } = named::find(&args.definition, config.definitions_dir())?;
    let eid = args.eid.as_deref().filter(|_| definition.accepts_eid());
    let last = args.answer.len().saturating_sub(1);
    let mut answers = Vec::new();
    for (index, path) in args.answer.iter().enumerate() {
        let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        answers.push((if index == last { args.status } else { 200 }, bytes));
    }
    let settings: BTreeMap<String, String> = args.setting.iter().cloned().collect();
    let assumed = Assumed::of(&definition, &settings);
    let unused = unused(&definition, &settings);
    let clock = Clock::default().as_fn();
    let operator = Operator::with_saved_answers(Arc::clone(&definition), settings, answers, clock)?;
    if let [iccid] = args.iccid.as_slice() {
        refuse_other_count(&definition, eid.is_some(), args.answer.len())?;
        let (outcome, findings) = operator.read_explained(&ProfileRef { iccid, eid }).await;
        output.print(&beside(assumed.beside(outcome::in_json(&outcome)), &findings, &unused), || {
            after(assumed.after(outcome::in_full(&outcome)), &findings, &unused)
        })?;
        return Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    ensure!(
        definition.many().is_some(),
        "{} has no [many]: give one --iccid, and the answers of its steps",
        definition.name()
    );
    let profiles: Vec<ProfileRef<'_>> =
        args.iccid.iter().map(|iccid| ProfileRef { iccid, eid: None }).collect();
    let (readings, findings) = operator.read_many_explained(&profiles).await;
    output.print(&beside(assumed.beside(outcome::many_json(&readings)), &findings, &unused), || {
        after(assumed.after(outcome::many_in_words(&readings)), &findings, &unused)
    })?;
    let is_good = readings.outcomes.iter().all(|one| one.outcome.is_ok());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Settings that were given and make no difference to what an answer reads as.
fn unused(definition: &Definition, given: &BTreeMap<String, String>) -> Vec<String> {
    let used = definition.settings_of_answers();
    given.keys().filter(|name| !used.contains(name.as_str())).cloned().collect()
}

fn finding(found: &Finding) -> Value {
    json!({
        "place": found.place,
        "expression": found.expression,
        "yields": found.yields,
    })
}

/// Adds what the expressions yield, and what was given for nothing, where there are any.
fn beside(mut json: Value, findings: &[Finding], unused: &[String]) -> Value {
    if !findings.is_empty() {
        json["expressions"] = findings.iter().map(finding).collect();
    }
    if !unused.is_empty() {
        json["unused"] = unused.into();
    }
    json
}

/// Adds lines of the same.
fn after(mut text: String, findings: &[Finding], unused: &[String]) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    // Writing into a String cannot fail.
    for Finding { place, expression, yields } in findings {
        let expression = expression.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "{place} = {expression} yields {yields}");
    }
    for name in unused {
        let _ = writeln!(text, "{name} makes no difference here: no amount of an answer depends on it");
    }
    text
}

/// Each step has an answer of its own.
fn refuse_other_count(definition: &Definition, by_eid: bool, given: usize) -> anyhow::Result<()> {
    let steps: Vec<&str> = definition.step_names(by_eid).collect();
    if steps.len() != given {
        let (count, names) = (steps.len(), steps.join(", "));
        bail!(
            "a reading has the answers of {count} step(s) ({names}): give --answer for each, in this order"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_expression_yields_and_what_was_given_for_nothing_is_told() {
        let found = Finding {
            place: "answer.used.add".to_owned(),
            expression: ".used".to_owned(),
            yields: "\"12,5\"".to_owned(),
        };
        let unused = ["wait_seconds".to_owned()];
        assert_eq!(
            after("no reading".to_owned(), std::slice::from_ref(&found), &unused),
            "no reading\nanswer.used.add = .used yields \"12,5\"\n\
             wait_seconds makes no difference here: no amount of an answer depends on it\n"
        );
        let json = beside(json!({}), &[found], &unused);
        assert_eq!(json["expressions"][0]["yields"], "\"12,5\"");
        assert_eq!(json["unused"], json!(["wait_seconds"]));
        assert_eq!(beside(json!({}), &[], &[]), json!({}));
    }

    #[test]
    fn a_setting_that_no_amount_depends_on_is_unused() {
        let given = |name: &str| BTreeMap::from([(name.to_owned(), "1000".to_owned())]);
        let definition = |name| named::find(name, None).expect("built in").definition;
        assert_eq!(unused(&definition("oapi"), &given("wait_seconds")), ["wait_seconds"]);
        assert!(unused(&definition("telnyx"), &given("kilobyte")).is_empty());
        assert!(unused(&definition("tuge"), &given("kilobyte")).is_empty());
    }
}
