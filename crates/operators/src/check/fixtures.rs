//! Fixtures: requests as they must be sent, the answers to them, and what is to come of it.

use super::server::FixtureServer;
use crate::definition::Definition;
use crate::engine::{NoGate, Operator, OperatorAccount, ProfileRef, ReadError};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::{Bundle, Period, PeriodKind, ProfileStatus, Reading};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: Defaults,
    case: Vec<Case>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    iccid: Option<String>,
    eid: Option<String>,
    now: Option<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Exchanges before each case's own: a log-in, a look-up.
    #[serde(default)]
    exchange: Vec<Exchange>,
    /// The request of an exchange that names none.
    request: Option<WantedRequest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) what: String,
    iccid: Option<String>,
    eid: Option<String>,
    now: Option<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Leaves out the exchanges of `[defaults]`.
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    exchange: Vec<Exchange>,
    reading: Option<WantedReading>,
    failure: Option<WantedFailure>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    pub(super) request: Option<WantedRequest>,
    #[serde(default)]
    pub(super) answer: GivenAnswer,
}

/// A request as it must arrive. A value `*` stands for anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedRequest {
    #[serde(default = "get")]
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// Headers that must be there; others may be too.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) form: Option<BTreeMap<String, String>>,
    pub(super) json: Option<serde_json::Value>,
}

fn get() -> String {
    "GET".into()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenAnswer {
    #[serde(default = "ok")]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) body: String,
}

impl Default for GivenAnswer {
    fn default() -> Self {
        Self { status: ok(), headers: BTreeMap::new(), body: String::new() }
    }
}

const fn ok() -> u16 {
    200
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedReading {
    used: u64,
    total: Option<u64>,
    kind: PeriodKind,
    #[serde(default)]
    key: String,
    start: Option<String>,
    end: Option<String>,
    as_of: Option<String>,
    status: Option<ProfileStatus>,
    raw_status: Option<String>,
    #[serde(default)]
    bundles: Vec<WantedBundle>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedBundle {
    code: String,
    name: String,
    used: u64,
    total: Option<u64>,
    start: Option<String>,
    end: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedFailure {
    kind: FailureKind,
    retry_after_seconds: Option<u64>,
}

/// The cases of a fixture file, its defaults filled in.
pub(super) fn parse(text: &str) -> Result<Vec<Case>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let defaults = file.defaults;
    let fill = |mut case: Case| {
        case.iccid = case.iccid.or_else(|| defaults.iccid.clone());
        case.eid = case.eid.or_else(|| defaults.eid.clone());
        case.now = case.now.or_else(|| defaults.now.clone());
        for (own, default) in
            [(&mut case.settings, &defaults.settings), (&mut case.secrets, &defaults.secrets)]
        {
            for (name, value) in default {
                own.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        if !case.alone {
            case.exchange.splice(0..0, defaults.exchange.iter().cloned());
        }
        for exchange in &mut case.exchange {
            exchange.request = exchange.request.take().or_else(|| defaults.request.clone());
        }
        case
    };
    Ok(file.case.into_iter().map(fill).collect())
}

/// Runs one case through the engine, over a socket; tells every difference.
pub(super) async fn run(definition: &Arc<Definition>, case: &Case) -> Vec<String> {
    let mut differences = Vec::new();
    match play(definition, case, &mut differences).await {
        Ok(outcome) => compare(case, &outcome, &mut differences),
        Err(problem) => differences.push(problem),
    }
    differences
}

async fn play(
    definition: &Arc<Definition>,
    case: &Case,
    differences: &mut Vec<String>,
) -> Result<Result<Reading, ReadError>, String> {
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
    let iccid = case.iccid.as_deref().ok_or("the case names no iccid")?;
    let outcome = operator.read(&ProfileRef { iccid, eid: case.eid.as_deref() }, &NoGate).await;
    differences.extend(server.finish().await);
    Ok(outcome)
}

fn compare(case: &Case, outcome: &Result<Reading, ReadError>, differences: &mut Vec<String>) {
    match (outcome, &case.reading, &case.failure) {
        (Ok(reading), Some(wanted), None) => match expected(wanted) {
            Ok(wanted) if wanted == *reading => {}
            Ok(wanted) => differences.push(format!("the reading is {reading:?} instead of {wanted:?}")),
            Err(problem) => differences.push(problem),
        },
        (Err(error), None, Some(wanted)) => {
            if error.kind != wanted.kind {
                differences.push(format!("it fails with `{error}` instead of `{}`", wanted.kind));
            }
            let wait = error.retry_after.map(|wait| wait.as_secs());
            if wait != wanted.retry_after_seconds {
                differences.push(format!(
                    "the wait asked for is {wait:?} seconds instead of {:?}",
                    wanted.retry_after_seconds
                ));
            }
        }
        (Ok(reading), None, Some(wanted)) => {
            differences.push(format!("it reads {reading:?} instead of failing with `{}`", wanted.kind));
        }
        (Err(error), Some(_), None) => {
            differences.push(format!("it fails with `{error}` instead of reading"))
        }
        _ => differences.push("a case expects either a `reading` or a `failure`".into()),
    }
}

fn expected(wanted: &WantedReading) -> Result<Reading, String> {
    let when = |text: &Option<String>| text.as_deref().map(instant).transpose();
    let bundle = |wanted: &WantedBundle| {
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
