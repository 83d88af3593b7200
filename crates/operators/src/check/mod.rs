//! Checks a definition: offline against its own fixtures, or live against the real operator.

mod case;
mod run;
mod server;

use crate::catalog::{CatalogError, builtin_fixtures};
use crate::definition::{Definition, DefinitionError, Problem};
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
            return Report { name: source_name, problems, cases: Vec::new() };
        }
    };
    let mut report = Report { name: definition.name().to_owned(), ..Report::default() };
    for (file, text) in fixtures {
        match case::parse(text) {
            Err(message) => report.cases.push(CaseReport {
                file: file.clone(),
                what: "the file itself".into(),
                differences: vec![message],
            }),
            Ok(cases) => {
                for case in cases {
                    let differences = run::run(&definition, &case).await;
                    report.cases.push(CaseReport { file: file.clone(), what: case.what, differences });
                }
            }
        }
    }
    report
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
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|source| CatalogError::Unreadable { path: path.to_owned(), source })
    };
    let toml = read(path)?;
    let folder = path.with_file_name("fixtures").join(path.file_stem().unwrap_or_default());
    let mut fixtures = Vec::new();
    if let Ok(entries) = fs::read_dir(&folder) {
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "toml"))
        {
            fixtures.push((file.display().to_string(), read(file)?));
        }
    }
    Ok(check_definition(&path.display().to_string(), &toml, &fixtures).await)
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
