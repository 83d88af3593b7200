//! The cases of a fixture file: requests as they must be sent, the answers to them, and the expected result.

use crate::nearest::with_suggestion;
use serde::Deserialize;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::{PeriodKind, ProfileStatus};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: Defaults,
    case: Vec<Case>,
}

/// What cases share. A case's own values win.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    iccid: Option<String>,
    eid: Option<String>,
    now: Option<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Exchanges before each case's own, such as a log-in or a look-up.
    #[serde(default)]
    exchange: Vec<Exchange>,
    /// The request of an exchange that names none.
    request: Option<ExpectedRequest>,
    /// The source of an exchange that names none.
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) what: String,
    pub(super) iccid: Option<String>,
    /// Asked about at once, by `[many]`.
    #[serde(default)]
    pub(super) iccids: Vec<String>,
    pub(super) eid: Option<String>,
    /// The operator's own id of the SIM, known from an earlier reading.
    pub(super) operator_id: Option<String>,
    /// RFC 3339.
    pub(super) now: Option<String>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, String>,
    /// Leaves out the exchanges of `[defaults]`.
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    pub(super) exchange: Vec<Exchange>,
    /// For how long the last answer's headers let no call begin.
    pub(super) pause_seconds: Option<u64>,
    pub(super) reading: Option<ExpectedReading>,
    pub(super) failure: Option<ExpectedFailure>,
    /// One for each of `iccids`, in that order.
    #[serde(default)]
    pub(super) outcome: Vec<ExpectedOutcome>,
    /// Elements about SIMs that are not among `iccids`.
    #[serde(default)]
    pub(super) ignored: usize,
}

/// What is expected of one SIM of many: either a reading or a failure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedOutcome {
    pub(super) reading: Option<ExpectedReading>,
    pub(super) failure: Option<ExpectedFailure>,
}

impl Case {
    pub(super) fn expects_a_reading(&self) -> bool {
        self.reading.is_some() || self.outcome.iter().any(|outcome| outcome.reading.is_some())
    }

    pub(super) fn expects_a_failure(&self) -> bool {
        self.failure.is_some() || self.outcome.iter().any(|outcome| outcome.failure.is_some())
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    pub(super) request: Option<ExpectedRequest>,
    #[serde(default)]
    pub(super) answer: CannedAnswer,
    /// Where the answer is from: an address, or `owner/repository@commit path`. [`MADE_UP`] otherwise.
    pub(super) source: Option<String>,
}

/// A request as it must arrive. The value `*` matches anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedRequest {
    #[serde(default = "get")]
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: BTreeMap<String, String>,
    /// Headers that must be present. Others may be present too.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) form: Option<BTreeMap<String, String>>,
    pub(super) json: Option<serde_json::Value>,
    /// Where the request is from.
    pub(super) source: Option<String>,
}

fn get() -> String {
    "GET".into()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CannedAnswer {
    #[serde(default = "ok")]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) body: String,
}

impl Default for CannedAnswer {
    fn default() -> Self {
        Self { status: ok(), headers: BTreeMap::new(), body: String::new() }
    }
}

const fn ok() -> u16 {
    200
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedReading {
    pub(super) used: u64,
    pub(super) total: Option<u64>,
    pub(super) kind: PeriodKind,
    #[serde(default)]
    pub(super) key: String,
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
    pub(super) as_of: Option<String>,
    pub(super) status: Option<ProfileStatus>,
    pub(super) raw_status: Option<String>,
    #[serde(default)]
    pub(super) bundles: Vec<ExpectedBundle>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedBundle {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) used: u64,
    pub(super) total: Option<u64>,
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedFailure {
    pub(super) kind: FailureKind,
    pub(super) retry_after_seconds: Option<u64>,
}

/// The source of what whoever wrote the fixture made up.
pub(super) const MADE_UP: &str = "made up";

pub(super) struct FixtureFile {
    /// With the file's defaults filled in.
    pub(super) cases: Vec<Case>,
    /// The source of each exchange, where those of `[defaults]` count once.
    pub(super) sources: Vec<String>,
}

/// Reads a fixture file.
pub(super) fn parse(text: &str) -> Result<FixtureFile, String> {
    let File { mut defaults, case: mut cases } = toml::from_str(text).map_err(|error: toml::de::Error| {
        // Its whole text also shows the place.
        let suggested = with_suggestion(error.message());
        format!("{}{}", error.to_string().trim_end(), suggested.trim_start_matches(error.message()))
    })?;
    let file_source = defaults.source.take().unwrap_or_else(|| MADE_UP.to_owned());
    let written = defaults.exchange.iter_mut().chain(cases.iter_mut().flat_map(|case| &mut case.exchange));
    let sources =
        written.map(|exchange| exchange.source.get_or_insert_with(|| file_source.clone()).clone()).collect();
    for case in &mut cases {
        for (own, default) in [
            (&mut case.iccid, &defaults.iccid),
            (&mut case.eid, &defaults.eid),
            (&mut case.now, &defaults.now),
        ] {
            *own = own.take().or_else(|| default.clone());
        }
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
    }
    Ok(FixtureFile { cases, sources })
}
