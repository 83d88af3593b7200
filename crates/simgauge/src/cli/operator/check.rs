//! `simgauge operator check`: definitions against themselves and their fixtures.

use super::live;
use crate::cli::Output;
use crate::config::Config;
use anyhow::Context as _;
use serde_json::{Value, json};
use simgauge_operators::check::{Proof, Report, check_builtin, check_file};
use simgauge_operators::{Catalog, Problem, builtin_definitions};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// A definition's name or a file; without one, every definition there is.
    definition: Option<String>,
    /// Ask the real operator through this operator account of the configuration.
    #[arg(long, value_name = "OPERATOR_ACCOUNT", conflicts_with = "definition", requires = "iccid")]
    live: Option<String>,
    /// The SIM to ask about with --live. Given more than once, they are asked about at once where the
    /// definition has `[many]`.
    #[arg(long, requires = "live")]
    iccid: Vec<String>,
    /// The cloud eSIM the SIM is on, where the operator looks it up by its EID.
    #[arg(long, requires = "live")]
    eid: Option<String>,
}

/// Checks; 1 where something is wrong.
///
/// # Errors
/// There is no such definition, file or operator account.
pub async fn run(args: CheckArgs, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    if let Some(account) = &args.live {
        return live::run(account, &args.iccid, args.eid.as_deref(), config, output).await;
    }
    let reports = match &args.definition {
        Some(name) => vec![check_one(name, config.definitions_dir()).await?],
        None => check_all(config.definitions_dir()).await?,
    };
    let good = reports.iter().all(Report::is_ok);
    output
        .print(&reports.iter().map(as_json).collect::<Vec<_>>(), || reports.iter().map(in_words).collect())?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check_one(name: &str, dir: Option<&Path>) -> anyhow::Result<Report> {
    let named = Path::new(name);
    if named.is_file() {
        return Ok(check_file(named).await?);
    }
    // A file of the user's comes before a built-in definition of the same name, as it does for the server.
    if let Some(path) = dir.map(|dir| dir.join(format!("{name}.toml"))).filter(|path| path.is_file()) {
        return Ok(check_file(&path).await?);
    }
    check_builtin(name).await.with_context(|| {
        let names: Vec<&str> = builtin_definitions().map(|(name, _)| name).collect();
        format!("there is no definition or file {name:?}; the built-in ones are: {}", names.join(", "))
    })
}

async fn check_all(dir: Option<&Path>) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for (name, _) in builtin_definitions() {
        reports.extend(check_builtin(name).await);
    }
    let Some(dir) = dir else { return Ok(reports) };
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .with_context(|| format!("the folder {} cannot be read", dir.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    for file in files {
        reports.push(check_file(&file).await?);
    }
    // What only shows when they stand together, such as a name that two files claim.
    if reports.iter().all(Report::is_ok) {
        Catalog::load(Some(dir))?;
    }
    Ok(reports)
}

fn as_json(report: &Report) -> Value {
    let cases: Vec<Value> = report
        .cases
        .iter()
        .map(|case| json!({ "file": case.file, "what": case.what, "differences": case.differences }))
        .collect();
    let problems: Vec<String> = report.problems.iter().map(placed).collect();
    json!({
        "name": report.name,
        "ok": report.is_ok(),
        "problems": problems,
        "cases": cases,
        "evidence": report.evidence.as_str(),
        "exchanges": report.proof.exchanges,
        "exchangesFromOutside": report.proof.from_outside,
    })
}

fn placed(problem: &Problem) -> String {
    format!("line {}, column {}: {}", problem.line, problem.column, problem.message)
}

/// `1 mistake`, `2 mistakes`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn proven(report: &Report) -> String {
    let Proof { exchanges, from_outside, .. } = report.proof;
    format!("{}, {from_outside} of {} from outside", report.evidence.as_str(), counted(exchanges, "exchange"))
}

fn in_words(report: &Report) -> String {
    let mut text = String::new();
    let bad = report.cases.iter().filter(|case| !case.differences.is_empty()).count();
    // Writing into a String cannot fail.
    let _ = match (report.problems.len(), bad) {
        (0, 0) if report.cases.is_empty() => {
            writeln!(text, "ok    {}: compiles; it has no fixtures", report.name)
        }
        (0, 0) => writeln!(
            text,
            "ok    {}: {}; {}",
            report.name,
            counted(report.cases.len(), "fixture"),
            proven(report)
        ),
        (0, bad) => {
            writeln!(text, "WRONG {}: {bad} of {}", report.name, counted(report.cases.len(), "fixture"))
        }
        (problems, _) => writeln!(text, "WRONG {}: {}", report.name, counted(problems, "mistake")),
    };
    for problem in &report.problems {
        let _ = writeln!(text, "      {}", placed(problem));
    }
    for case in &report.cases {
        for difference in &case.differences {
            let _ = writeln!(text, "      {} ({}): {difference}", case.what, case.file);
        }
    }
    text
}
