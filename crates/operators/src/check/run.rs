//! Runs a fixture case through the engine and compares the outcome with what the case expects.

use super::case::{Case, ExpectedBundle, ExpectedFailure, ExpectedReading};
use super::differences;
use super::server::FixtureServer;
use crate::definition::Definition;
use crate::engine::{CallGate, CallKind, KnownId, NoGate, Operator, OperatorAccount, ProfileRef, ReadError};
use futures::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;
use simgauge_domain::reading::{Bundle, Period, Reading};
use simgauge_domain::time::UnixMs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Notes for how long no further call may begin.
#[derive(Default)]
struct PauseGate(Mutex<Option<Duration>>);

impl CallGate for PauseGate {
    fn admit<'a>(&'a self, kind: CallKind, iccid: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        NoGate.admit(kind, iccid)
    }

    fn pause(&self, wait: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(wait);
    }
}

/// Runs one case through the engine, over a socket. Returns every difference.
pub(super) async fn run(definition: &Arc<Definition>, case: &Case) -> Vec<String> {
    let mut differences = Vec::new();
    if let Err(problem) = read(definition, case, &mut differences).await {
        differences.push(problem);
    }
    differences
}

async fn read(
    definition: &Arc<Definition>,
    case: &Case,
    differences: &mut Vec<String>,
) -> Result<(), String> {
    let server = FixtureServer::start(case.exchange.clone()).await.map_err(|error| error.to_string())?;
    let now = instant(case.now.as_deref().unwrap_or("2026-05-08T10:00:00Z"))?;
    let secrets = case.secrets.iter().map(|(name, value)| (name.clone(), SecretString::from(value.as_str())));
    let account = OperatorAccount {
        name: "fixture".into(),
        base_url: Some(server.base_url()),
        allow_http: true,
        settings: case.settings.clone(),
        secrets: secrets.collect(),
        ..OperatorAccount::default()
    };
    let operator = Operator::new(Arc::clone(definition), account, Arc::new(move || now))
        .map_err(|error| error.to_string())?;
    let gate = PauseGate::default();
    if case.iccids.is_empty() {
        let iccid = case.iccid.as_deref().ok_or("the case names no iccid")?;
        let profile = ProfileRef { iccid, eid: case.eid.as_deref() };
        let kept = case.operator_id.as_deref().and_then(|id| operator.kept_id(id));
        let known = kept.as_deref().map(|operator_id| KnownId { operator_id, read_at: now });
        let outcome = operator.read_with_id(&profile, known, &gate).await.map(|read| read.reading);
        compare(case.reading.as_ref(), case.failure.as_ref(), &outcome, differences);
    } else {
        read_many(&operator, case, &gate, differences).await;
    }
    let pause = gate.0.into_inner().unwrap_or_else(PoisonError::into_inner).map(|wait| wait.as_secs());
    if pause != case.pause_seconds {
        let wanted = case.pause_seconds;
        let (pause, wanted) = (seconds(pause), seconds(wanted));
        differences.push(format!("`pause_seconds` is {pause}, the fixture says {wanted}"));
    }
    differences.extend(server.finish().await);
    Ok(())
}

async fn read_many(operator: &Operator, case: &Case, gate: &dyn CallGate, differences: &mut Vec<String>) {
    if operator.definition().many().is_none() {
        differences.push("the case has `iccids`, but the definition has no `[many]`".into());
    }
    if case.outcome.len() != case.iccids.len() {
        differences.push("a case has an `outcome` for each of its `iccids`".into());
    }
    let profiles: Vec<ProfileRef<'_>> =
        case.iccids.iter().map(|iccid| ProfileRef { iccid, eid: None }).collect();
    let readings = operator.read_many(&profiles, gate).await;
    for (wanted, read) in case.outcome.iter().zip(&readings.outcomes) {
        let mut own = Vec::new();
        compare(wanted.reading.as_ref(), wanted.failure.as_ref(), &read.outcome, &mut own);
        differences.extend(own.into_iter().map(|difference| format!("{}: {difference}", read.iccid)));
    }
    if readings.ignored != case.ignored {
        let (ignored, wanted) = (readings.ignored, case.ignored);
        differences.push(format!("{ignored} elements are about other SIMs instead of {wanted}"));
    }
}

fn seconds(given: Option<u64>) -> String {
    given.map_or_else(|| "nothing".to_owned(), |seconds| seconds.to_string())
}

fn compare(
    reading: Option<&ExpectedReading>,
    failure: Option<&ExpectedFailure>,
    outcome: &Result<Reading, ReadError>,
    found: &mut Vec<String>,
) {
    match (outcome, reading, failure) {
        (Ok(reading), Some(wanted), None) => match expected(wanted) {
            Ok(wanted) => found.extend(differences::of(reading, &wanted)),
            Err(problem) => found.push(problem),
        },
        (Err(error), None, Some(wanted)) => {
            if error.kind != wanted.kind {
                found.push(format!("it fails with `{error}` instead of `{}`", wanted.kind));
            }
            let wait = error.retry_after.map(|wait| wait.as_secs());
            if wait != wanted.retry_after_seconds {
                let (wait, wanted) = (seconds(wait), seconds(wanted.retry_after_seconds));
                found.push(format!("`retry_after_seconds` is {wait}, the fixture says {wanted}"));
            }
        }
        (Ok(reading), None, Some(wanted)) => {
            found.push(format!(
                "it reads {} instead of failing with `{}`",
                differences::in_words(reading),
                wanted.kind
            ));
        }
        (Err(error), Some(_), None) => found.push(format!("it fails with `{error}` instead of reading")),
        _ => found.push("a case expects either a `reading` or a `failure`".into()),
    }
}

fn expected(wanted: &ExpectedReading) -> Result<Reading, String> {
    let when = |text: &Option<String>| text.as_deref().map(instant).transpose();
    let bundle = |wanted: &ExpectedBundle| {
        Ok(Bundle {
            code: wanted.code.clone(),
            name: wanted.name.clone(),
            used: wanted.used,
            total: wanted.total,
            start: when(&wanted.start)?,
            end: when(&wanted.end)?,
        })
    };
    Ok(Reading {
        period: Period {
            kind: wanted.kind,
            key: wanted.key.clone(),
            start: when(&wanted.start)?,
            end: when(&wanted.end)?,
        },
        used: wanted.used,
        total: wanted.total,
        as_of: when(&wanted.as_of)?,
        status: wanted.status,
        raw_status: wanted.raw_status.clone(),
        bundles: wanted.bundles.iter().map(bundle).collect::<Result<_, String>>()?,
    })
}

fn instant(text: &str) -> Result<UnixMs, String> {
    let at: Timestamp = text.parse().map_err(|_| format!("`{text}` is no RFC 3339 time"))?;
    Ok(UnixMs(at.as_millisecond()))
}
