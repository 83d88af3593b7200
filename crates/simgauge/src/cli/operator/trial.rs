//! `simgauge operator try`: what saved answers read as.

use super::assumed::Assumed;
use super::outcome;
use crate::cli::Output;
use crate::config::Config;
use anyhow::{Context as _, bail, ensure};
use simgauge_operators::{Catalog, Definition, Operator, ProfileRef};
use simgauge_service::clock::Clock;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
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
    let definition = definition(&args.definition, config)?;
    let eid = args.eid.as_deref().filter(|_| definition.accepts_eid());
    let last = args.answer.len().saturating_sub(1);
    let mut answers = Vec::new();
    for (index, path) in args.answer.iter().enumerate() {
        let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        answers.push((if index == last { args.status } else { 200 }, bytes));
    }
    let settings: BTreeMap<String, String> = args.setting.iter().cloned().collect();
    let assumed = Assumed::of(&definition, &settings);
    let clock = Clock::default().as_fn();
    let operator = Operator::with_saved_answers(Arc::clone(&definition), settings, answers, clock)?;
    if let [iccid] = args.iccid.as_slice() {
        refuse_other_count(&definition, eid.is_some(), args.answer.len())?;
        let outcome = operator.read(&ProfileRef { iccid, eid }, &simgauge_operators::NoGate).await;
        output.print(&assumed.beside(outcome::in_json(&outcome)), || {
            assumed.after(outcome::in_full(&outcome))
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
    let readings = operator.read_many(&profiles, &simgauge_operators::NoGate).await;
    output.print(&assumed.beside(outcome::many_json(&readings)), || {
        assumed.after(outcome::many_in_words(&readings))
    })?;
    let is_good = readings.outcomes.iter().all(|one| one.outcome.is_ok());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn definition(named: &str, config: &Config) -> anyhow::Result<Arc<Definition>> {
    let path = Path::new(named);
    if path.is_file() {
        let toml = std::fs::read_to_string(path).with_context(|| format!("{named} cannot be read"))?;
        return Ok(Arc::new(Definition::parse(named, &toml)?));
    }
    let catalog = Catalog::load(config.definitions_dir())?;
    let found = catalog.get(named).map(Arc::clone);
    found.with_context(|| format!("there is no definition or file {named:?}"))
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
