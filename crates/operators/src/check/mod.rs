//! Checks a definition: offline against its own fixtures, or live against the real operator.

mod case;
mod differences;
mod proof;
mod request_differences;
mod run;
mod server;

pub use proof::Proof;

use crate::catalog::{CatalogError, Origin, builtin_fixtures};
use crate::definition::{Definition, DefinitionError, Evidence, Problem};
use crate::engine::{NoGate, Operator, ProfileRef, ReadError, StepTrace};
use simgauge_domain::reading::Reading;
use std::fs;
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The definition's name, or the file's where the definition does not parse.
    pub name: String,
    /// Mistakes in the definition, with line and column.
    pub problems: Vec<Problem>,
    /// The results of its fixtures, in order. Empty where the definition has mistakes.
    pub cases: Vec<CaseReport>,
    /// How well the definition says that it is proven.
    pub evidence: Evidence,
    /// How much of its fixtures comes from outside.
    pub proof: Proof,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseReport {
    pub file: String,
    pub what: String,
    /// Differences from what was expected. Empty where the case passed.
    pub differences: Vec<String>,
}

impl Report {
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty() && self.cases.iter().all(|case| case.differences.is_empty())
    }
}

/// Checks a definition's text, and runs its fixtures through the engine over a local socket.
/// No other host is called.
pub async fn check_definition(source_name: &str, toml: &str, fixtures: &[(String, String)]) -> Report {
    let definition = match Definition::parse(source_name, toml) {
        Ok(definition) => Arc::new(definition),
        Err(DefinitionError { source_name, problems }) => {
            return Report { name: source_name, problems, ..Report::default() };
        }
    };
    let mut report =
        Report { name: definition.name().to_owned(), evidence: definition.evidence(), ..Report::default() };
    for (file, text) in fixtures {
        match case::parse(text) {
            Err(message) => report.cases.push(CaseReport {
                file: file.clone(),
                what: "the file itself".into(),
                differences: vec![message],
            }),
            Ok(fixture) => {
                report.proof.add(&fixture, definition.sources());
                for case in fixture.cases {
                    let differences = run::run(&definition, &case).await;
                    report.cases.push(CaseReport { file: file.clone(), what: case.what, differences });
                }
            }
        }
    }
    report.cases.extend(overstated(&report));
    report
}

/// What is wrong where a definition states more evidence than its fixtures have.
fn overstated(report: &Report) -> Option<CaseReport> {
    let missing = report.proof.missing_for(report.evidence);
    (!missing.is_empty()).then(|| CaseReport {
        file: "fixtures".into(),
        what: "evidence".into(),
        differences: missing
            .into_iter()
            .map(|what| format!("it states `{}`, but {what}", report.evidence.as_str()))
            .collect(),
    })
}

/// How much of a definition's fixtures comes from outside. What cannot be read counts for nothing here; a
/// check tells what is wrong with it.
#[must_use]
pub fn proof_of(definition: &Definition, origin: &Origin) -> Proof {
    let fixtures = match origin {
        Origin::BuiltIn => builtin_fixtures(definition.name())
            .map(|(file, text)| (file.to_owned(), text.to_owned()))
            .collect(),
        Origin::File(path) => fixtures_beside(path).unwrap_or_default(),
    };
    let mut proof = Proof::default();
    for fixture in fixtures.iter().filter_map(|(_, text)| case::parse(text).ok()) {
        proof.add(&fixture, definition.sources());
    }
    proof
}

/// Checks a built-in definition against its own fixtures. `None` for an unknown name.
pub async fn check_builtin(name: &str) -> Option<Report> {
    let (name, toml) = crate::catalog::builtin_definitions().find(|(known, _)| *known == name)?;
    let fixtures: Vec<(String, String)> =
        builtin_fixtures(name).map(|(file, text)| (file.to_owned(), text.to_owned())).collect();
    Some(check_definition(&format!("{name}.toml"), toml, &fixtures).await)
}

/// Checks a user's file, with the fixtures in `fixtures/<file's stem>/*.toml` beside it.
///
/// # Errors
/// [`CatalogError::Unreadable`] where a file cannot be read.
pub async fn check_file(path: &Path) -> Result<Report, CatalogError> {
    let toml = read(path)?;
    let fixtures = fixtures_beside(path)?;
    let mut report = check_definition(&path.display().to_string(), &toml, &fixtures).await;
    if report.problems.is_empty() {
        report.cases.extend(passed_over(path, &report.name));
    }
    Ok(report)
}

/// What is wrong where fixtures lie under the definition's name, and its file has another.
fn passed_over(path: &Path, name: &str) -> Option<CaseReport> {
    let stem = path.file_stem().unwrap_or_default();
    let unused = path.with_file_name("fixtures").join(name);
    (stem != name && unused.is_dir()).then(|| CaseReport {
        file: unused.display().to_string(),
        what: "fixtures".into(),
        differences: vec![format!(
            "they are not run: the file is named `{}`, its definition `{name}`; give them one name",
            stem.display()
        )],
    })
}

fn read(path: &Path) -> Result<String, CatalogError> {
    fs::read_to_string(path).map_err(|source| CatalogError::Unreadable { path: path.to_owned(), source })
}

/// The fixture files of a user's definition file, ordered by name: path and text.
fn fixtures_beside(path: &Path) -> Result<Vec<(String, String)>, CatalogError> {
    let folder = path.with_file_name("fixtures").join(path.file_stem().unwrap_or_default());
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files.iter().map(|file| Ok((file.display().to_string(), read(file)?))).collect()
}

#[derive(Debug)]
pub struct LiveReport {
    /// Every HTTP call, secrets masked.
    pub steps: Vec<StepTrace>,
    pub outcome: Result<Reading, ReadError>,
}

/// Asks the real operator about one SIM, and returns every step.
pub async fn check_live(operator: &Operator, iccid: &str, eid: Option<&str>) -> LiveReport {
    let (steps, outcome) = operator.read_traced(&ProfileRef { iccid, eid }, &NoGate).await;
    LiveReport { steps, outcome }
}
