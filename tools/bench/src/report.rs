//! The report: a table for people, and `target/bench.json` for programs.

use crate::stats::Series;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// A value with a target.
#[derive(Debug, Serialize)]
struct Target {
    section: &'static str,
    name: String,
    /// The median of the rounds.
    value: f64,
    min: f64,
    max: f64,
    target: f64,
    /// `>=` or `<=`.
    bound: &'static str,
    unit: &'static str,
    met: bool,
    /// How the measurement differs from what the target means.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A value without a target.
#[derive(Debug, Serialize)]
struct Measurement {
    section: &'static str,
    name: String,
    value: f64,
    min: f64,
    max: f64,
    unit: &'static str,
}

/// Everything measured in one run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    machine: Vec<String>,
    targets: Vec<Target>,
    #[serde(rename = "figures")]
    measurements: Vec<Measurement>,
    #[serde(skip)]
    section: &'static str,
    #[serde(skip)]
    note: Option<String>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub(crate) fn new(machine: Vec<String>) -> Self {
        Self { machine, ..Self::default() }
    }

    /// Begins a section. `note` says how the measurement differs from what the targets mean.
    pub(crate) fn begin(&mut self, section: &'static str, note: Option<String>) {
        eprintln!("bench: {section}");
        self.section = section;
        self.note = note;
    }

    /// Adds a value with a target.
    pub(crate) fn target(
        &mut self,
        name: impl Into<String>,
        series: &Series,
        unit: &'static str,
        bound: Bound,
    ) {
        let value = series.median();
        let (bound, target, met) = match bound {
            Bound::AtLeast(target) => (">=", target, value >= target),
            Bound::AtMost(target) => ("<=", target, value <= target),
        };
        self.targets.push(Target {
            section: self.section,
            name: name.into(),
            value,
            min: series.min(),
            max: series.max(),
            target,
            bound,
            unit,
            met,
            note: self.note.clone(),
        });
    }

    /// Adds a value without a target.
    pub(crate) fn measurement(&mut self, name: impl Into<String>, series: &Series, unit: &'static str) {
        self.measurements.push(Measurement {
            section: self.section,
            name: name.into(),
            value: series.median(),
            min: series.min(),
            max: series.max(),
            unit,
        });
    }

    pub(crate) fn in_words(&self) -> String {
        let mut text = String::from("\n");
        for line in &self.machine {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(
            text,
            "\n{:<10} {:<52} {:>10} {:>10} {:>10}  unit",
            "section", "measurement", "min", "median", "max"
        );
        for measurement in &self.measurements {
            let _ = writeln!(
                text,
                "{:<10} {:<52} {:>10} {:>10} {:>10}  {}",
                measurement.section,
                measurement.name,
                short(measurement.min),
                short(measurement.value),
                short(measurement.max),
                measurement.unit
            );
        }
        let _ = writeln!(
            text,
            "\n{:<10} {:<52} {:>10} {:>10} {:>10}  {:<12}",
            "section", "target", "min", "median", "max", "wanted"
        );
        for target in &self.targets {
            let wanted = format!("{} {} {}", target.bound, short(target.target), target.unit);
            let verdict = if target.met { "met" } else { "NOT MET" };
            let note = target.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
            let _ = writeln!(
                text,
                "{:<10} {:<52} {:>10} {:>10} {:>10}  {wanted:<18} {verdict}{note}",
                target.section,
                target.name,
                short(target.min),
                short(target.value),
                short(target.max),
            );
        }
        text
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        Ok(std::fs::write(file, serde_json::to_string_pretty(self)? + "\n")?)
    }
}

/// A value with as many digits as are significant.
fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 1000.0 => grouped(number),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([1_234_567.8, 999.6, 42.13, 0.5].map(short), ["1,234,568", "1000", "42.1", "0.50"]);
    }
}
