//! What a reading yielded, for people and programs.

use crate::cli::output::Fields;
use serde_json::{Value, json};
use simgauge_admin::human;
use simgauge_domain::reading::{Bundle, Reading};
use simgauge_domain::time::UnixMs;
use simgauge_operators::{ManyReadings, ReadError};
use std::fmt::Write as _;

/// `reading`, or `error` with its kind and its sentence.
pub(super) fn in_json(outcome: &Result<Reading, ReadError>) -> Value {
    match outcome {
        Ok(reading) => json!({ "reading": reading }),
        Err(error) => json!({ "error": { "kind": error.kind.as_str(), "detail": error.detail } }),
    }
}

pub(super) fn in_words(outcome: &Result<Reading, ReadError>) -> String {
    match outcome {
        Ok(reading) => format!(
            "reading: {} bytes used of {}, period {} {}",
            reading.used,
            reading.total.map_or_else(|| "an unstated total".to_owned(), |total| format!("{total}")),
            reading.period.kind.as_str(),
            reading.period.key
        ),
        Err(error) => format!("no reading: {}: {}", error.kind, error.detail),
    }
}

/// Everything that was read, a line each.
pub(super) fn in_full(outcome: &Result<Reading, ReadError>) -> String {
    let reading = match outcome {
        Ok(reading) => reading,
        Err(_) => return in_words(outcome),
    };
    let time = |at: Option<UnixMs>| at.map(|at| human::time(at.seconds()));
    let period = &reading.period;
    let raw = reading.raw_status.as_deref().unwrap_or_default();
    let status = reading.status.map(|status| format!("{} ({raw})", status.as_str()));
    let fields = Fields::new()
        .line("used", format!("{} bytes", reading.used))
        .line(
            "total",
            reading.total.map_or_else(|| "not stated".to_owned(), |total| format!("{total} bytes")),
        )
        .line("period", format!("{} {}", period.kind.as_str(), period.key))
        .maybe("from", time(period.start))
        .maybe("to", time(period.end))
        .maybe("as of", time(reading.as_of))
        .line("status", status.unwrap_or_else(|| "not stated".to_owned()));
    let bundle = |bundle: &Bundle| {
        let total = bundle.total.map_or_else(|| "no stated total".to_owned(), |total| format!("{total}"));
        format!("{} ({}): {} bytes of {total}", bundle.name, bundle.code, bundle.used)
    };
    reading.bundles.iter().fold(fields, |fields, each| fields.line("bundle", bundle(each))).text()
}

pub(super) fn many_json(readings: &ManyReadings) -> Value {
    let outcomes = readings.outcomes.iter().map(|one| {
        let mut json = in_json(&one.outcome);
        json["iccid"] = one.iccid.as_str().into();
        json
    });
    json!({
        "outcomes": outcomes.collect::<Vec<_>>(),
        "ignored": readings.ignored,
        "calls": readings.calls,
    })
}

pub(super) fn many_in_words(readings: &ManyReadings) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    for one in &readings.outcomes {
        let _ = writeln!(text, "{}: {}", one.iccid, in_words(&one.outcome));
    }
    if readings.ignored > 0 {
        let _ = writeln!(text, "elements about other SIMs: {}", readings.ignored);
    }
    let _ = writeln!(text, "calls: {}", readings.calls);
    text
}
