//! eSIM Go: a static header; bundles with their assignments, in bytes; the limit is told in headers.

use super::{Op, Operator, Problem, SECRET};
use crate::figures::{at, rfc3339, year_start};
use crate::instance::{Exchange, Instance};
use crate::limits::{Budget, bucket};
use crate::wire::{Call, Reply};
use serde_json::{Value, json};
use simgauge_domain::limits::{Limits, Scope};

const GB: u64 = 1_000_000_000;
/// More bundles than this on one SIM are drawn together into larger ones.
const MOST_USED_UP: u64 = 8;
const DEFAULT_ASSIGNMENTS: usize = 15;

#[derive(Debug)]
pub(super) struct EsimGo;

impl Operator for EsimGo {
    fn name(&self) -> &'static str {
        "esim_go"
    }

    fn base_path(&self) -> &'static [&'static str] {
        &["v2.5"]
    }

    /// Documented as a fixed window; who keeps to a sliding one keeps to every fixed one.
    fn limits(&self) -> Limits {
        let buckets = vec![bucket(Scope::Host, 10, 1)];
        Limits { buckets, max_concurrent: u32::MAX, min_refresh_seconds: 0 }
    }

    fn classify(&self, _: &Instance, call: &Call<'_>) -> Op {
        let (method, path) = call.route();
        match (method, path.as_slice()) {
            ("GET", ["esims", iccid, "bundles"]) => Op::Usage((*iccid).to_owned()),
            _ => Op::Unknown,
        }
    }

    fn answer(&self, exchange: &Exchange<'_>, op: &Op) -> Reply {
        match exchange.call.header("x-api-key") {
            None => return self.problem(&Problem::NoCredentials),
            Some(key) if key != SECRET => return self.problem(&Problem::BadCredentials),
            Some(_) => {}
        }
        let Op::Usage(iccid) = op else { return self.problem(&Problem::NoSuchCall) };
        if !exchange.knows(iccid) {
            return self.problem(&Problem::UnknownSim);
        }
        let figure = exchange.read(iccid);
        let with_used = exchange.call.query("includeUsed").as_deref() == Some("true");
        let most = exchange.call.query("limit").and_then(|text| text.parse().ok());
        let mut assignments = assignments(exchange, figure.used);
        assignments
            .retain(|one| with_used || !matches!(one["bundleState"].as_str(), Some("depleted" | "expired")));
        assignments.truncate(most.unwrap_or(DEFAULT_ASSIGNMENTS));
        Reply::ok(&json!({"bundles": [{
            "name": "esim_1GB_365D_GB_V2",
            "description": "eSIM, 1GB, 365 Days, United Kingdom, V2",
            "assignments": assignments,
        }]}))
    }

    fn problem(&self, problem: &Problem<'_>) -> Reply {
        let (status, message) = match problem {
            Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => (401, "Unauthorized"),
            Problem::UnknownSim => (404, "eSIM not found"),
            Problem::NoSuchCall => (404, "Not Found"),
            Problem::BadRequest(detail) => (400, *detail),
            Problem::RateLimited => (429, "Rate limit exceeded"),
            Problem::Failure(status) => (*status, "Internal server error"),
        };
        Reply::json(status, &json!({ "message": message }))
    }

    fn used_fields(&self) -> &'static [&'static str] {
        &["remainingQuantity"]
    }

    fn tell_budget(&self, reply: Reply, budget: &Budget) -> Reply {
        reply
            .with("x-ratelimit-limit", budget.limit)
            .with("x-ratelimit-remaining", budget.remaining)
            .with("x-ratelimit-reset", rfc3339(&at(budget.reset, 0)))
            .with("x-ratelimit-cost", 1)
    }
}

/// Newest first: one not begun, the one in use, those used up, and two that do not count (one expired, one for calls).
fn assignments(exchange: &Exchange<'_>, used: u64) -> Vec<Value> {
    let size = GB * (used / (GB * MOST_USED_UP) + 1);
    let used_up = used / size;
    let now = at(exchange.now, 0);
    let (start, end) = (rfc3339(&year_start(&now, 0)), rfc3339(&year_start(&now, 1)));
    let data = |id: u64, initial: u64, remaining: u64, state: &str| {
        json!({
            "id": id.to_string(),
            "assignmentReference": format!("r-{id}"),
            "callTypeGroup": "data",
            "initialQuantity": initial,
            "remainingQuantity": remaining,
            "startTime": start,
            "endTime": end,
            "assignmentDateTime": start,
            "bundleState": state,
            "unlimited": false,
        })
    };
    let mut waiting = data(used_up + 4, GB, GB, "queued");
    if let Some(fields) = waiting.as_object_mut() {
        // Not there until first use.
        fields.shift_remove("startTime");
        fields.shift_remove("endTime");
    }
    let mut calls = data(1, 100, 40, "active");
    calls["callTypeGroup"] = json!("voice");
    let mut all = vec![waiting, data(used_up + 3, size, size - used % size, "active")];
    all.extend((0..used_up).rev().map(|index| data(index + 3, size, 0, "depleted")));
    all.extend([data(2, GB, 300_000_000, "expired"), calls]);
    all
}
