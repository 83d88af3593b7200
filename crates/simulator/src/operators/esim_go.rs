//! eSIM Go: a static header. Bundles with their assignments, in bytes. Headers say what is left of the limit.

use crate::credentials::require_secret;
use crate::exchange::Exchange;
use crate::format::{at, rfc3339, year_start};
use crate::limits::Budget;
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, count_up_to};
use serde_json::{Value, json};
use simgauge_domain::limits::Scope;

const GB: u64 = 1_000_000_000;
/// More used-up bundles than this on one SIM are merged into larger ones.
const MAX_USED_UP: u64 = 8;
const DEFAULT_ASSIGNMENTS: usize = 15;
const MAX_ASSIGNMENTS: usize = 200;

/// The limit is documented as a fixed window. A sliding window keeps to every fixed one.
pub(super) static ESIM_GO: Operator = Operator {
    base_path: &["v2.5"],
    buckets: &[bucket(Scope::Host, 10, 1)],
    with_budget,
    ..Operator::new("esim_go", &["remainingQuantity"], operation, answer, problem)
};

fn operation(_: &OperatorState, _: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("GET", ["esims", iccid, "bundles"]) => Operation::Usage((*iccid).to_owned()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    require_secret(exchange.call.header("x-api-key"))?;
    let iccid = operation.usage_sim().ok_or(Problem::NoSuchCall)?;
    exchange.require_known(iccid)?;
    let with_used = exchange.call.query("includeUsed").as_deref() == Some("true");
    let limit = count_up_to(MAX_ASSIGNMENTS, DEFAULT_ASSIGNMENTS, exchange.call.query("limit"));
    let limit = limit.ok_or(Problem::BadRequest("limit is 1 to 200"))?;
    let mut assignments = assignments(exchange, exchange.read(iccid).used);
    assignments.retain(|one| {
        with_used || !matches!(one["bundleState"].as_str(), Some("Depleted" | "depleted" | "expired"))
    });
    assignments.truncate(limit);
    Ok(Reply::ok(&json!({"bundles": [{
        "name": "esim_1GB_365D_GB_V2",
        "description": "eSIM, 1GB, 365 Days, United Kingdom, V2",
        "assignments": assignments,
    }]})))
}

fn problem(problem: Problem) -> Reply {
    let (status, message) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => (401, "Unauthorized"),
        Problem::UnknownSim => (404, "eSIM not found"),
        Problem::NoSuchCall => (404, "Not Found"),
        Problem::BadRequest(detail) => (400, detail),
        Problem::RateLimited => (429, "Rate limit exceeded"),
        Problem::Failure(status) => (status, "Internal server error"),
    };
    Reply::json(status, &json!({ "message": message }))
}

fn with_budget(reply: Reply, budgets: &[Budget]) -> Reply {
    let Some(budget) = budgets.first() else { return reply };
    reply
        .with("x-ratelimit-limit", budget.limit)
        .with("x-ratelimit-remaining", budget.remaining)
        .with("x-ratelimit-reset", rfc3339(&at(budget.reset, 0)))
        .with("x-ratelimit-cost", 1)
}

/// The operator's pages write states in lower case and capitalised, so both are here. Newest first: one
/// queued, the one in use, those used up, and two that do not count (one expired, one for calls).
fn assignments(exchange: &Exchange<'_>, used: u64) -> Vec<Value> {
    let size = GB * (used / (GB * MAX_USED_UP) + 1);
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
        // Absent until first use.
        fields.shift_remove("startTime");
        fields.shift_remove("endTime");
    }
    let mut calls = data(1, 100, 40, "active");
    calls["callTypeGroup"] = json!("voice");
    let mut all = vec![waiting, data(used_up + 3, size, size - used % size, "active")];
    all.extend(
        (0..used_up)
            .rev()
            .map(|index| data(index + 3, size, 0, if index == 0 { "Depleted" } else { "depleted" })),
    );
    all.extend([data(2, GB, 300_000_000, "expired"), calls]);
    all
}
