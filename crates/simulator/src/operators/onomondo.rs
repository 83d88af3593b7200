//! Onomondo: the raw key in a header. SIMs, and usage records of a month, a day or a year. Bytes.
//!
//! Sources: <https://docs.onomondo.com>, <https://docs.onomondo.com/readme/sims>,
//! <https://docs.onomondo.com/readme/usage> (calls, filters, pages, 600 a minute and its headers);
//! onomondo/docs@62b91f0 (codes of 2018); bifravst/sim-details@0147795 (a recorded SIM); the usage records
//! are recorded by a client.

use crate::credentials::require_secret;
use crate::exchange::Exchange;
use crate::format::{at, month_away, month_start, rfc3339_millis, topped_up};
use crate::limits::Budget;
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, count_up_to, pairs};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Zoned;
use jiff::civil::Date;
use serde_json::{Value, json};
use simgauge_domain::limits::Scope;

const MAX_PAGE: usize = 1_000;
const LIMIT: u64 = 40_000_000;
/// Usage records that a SIM with traffic has.
const RECORDS: usize = 2;

pub(super) static ONOMONDO: Operator = Operator {
    buckets: &[bucket(Scope::Credential, 600, 60)],
    lists_sims: true,
    with_budget,
    ..Operator::new("onomondo", &["usage", "used", "bytes"], operation, answer, problem)
};

fn operation(state: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("GET", ["sims", id] | ["usage", id]) => Operation::Usage(iccid_of(state, id)),
        ("GET", ["usage"]) => match filter(call, "sim_id") {
            Some(id) => Operation::Usage(iccid_of(state, &id)),
            None => Operation::UsageOfMany(Vec::new()),
        },
        ("GET", ["sims"]) => Operation::UsageOfMany(Vec::new()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    require_secret(exchange.call.header("authorization"))?;
    if let Operation::Usage(iccid) = operation {
        exchange.require_known(iccid)?;
    }
    match (exchange.call.segments.first().map(AsRef::as_ref), operation) {
        (Some("sims"), Operation::Usage(iccid)) => Ok(Reply::ok(&sim(exchange, iccid))),
        (Some("sims"), Operation::UsageOfMany(_)) => sims(exchange),
        (Some("usage"), Operation::Usage(iccid)) => usage(exchange, std::slice::from_ref(iccid), None),
        (Some("usage"), Operation::UsageOfMany(_)) => {
            // A page holds all records of a SIM, or none.
            let Start { offset, limit } = start(exchange.call)?;
            let size = (limit / RECORDS).max(1);
            let page = exchange.state.sims.page(None, offset, size);
            usage(exchange, &page.numbers, page.has_more.then_some(offset + size))
        }
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // The codes of forms and of unknown SIMs are the operator's of 2018. What is said to a wrong key or to
    // too many calls could not be read: those are ours.
    let (status, error) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => (401, "unauthorized"),
        Problem::UnknownSim => (404, "sim_not_found"),
        Problem::NoSuchCall => (404, "not_found"),
        Problem::BadRequest(code) => (400, code),
        Problem::RateLimited => (429, "too_many_requests"),
        Problem::Failure(status) => (status, "internal_error"),
    };
    Reply::json(status, &json!({ "error": error }))
}

fn with_budget(reply: Reply, budgets: &[Budget]) -> Reply {
    let Some(budget) = budgets.first() else { return reply };
    reply
        .with("x-ratelimit-limit", budget.limit)
        .with("x-ratelimit-remaining", budget.remaining)
        .with("x-ratelimit-reset", budget.reset.seconds())
}

/// A SIM goes by the operator's id or by its ICCID.
fn iccid_of(state: &OperatorState, id: &str) -> String {
    id.parse().ok().and_then(|id| state.number_of(id)).unwrap_or_else(|| id.to_owned())
}

/// The value of `filter=name:value`. There may be several filters.
fn filter(call: &Call<'_>, name: &str) -> Option<String> {
    pairs(call.query.as_bytes())
        .filter(|(key, _)| key == "filter" || key == "filter[]")
        .find_map(|(_, value)| value.strip_prefix(name)?.strip_prefix(':').map(str::to_owned))
}

/// Where a page begins, and how long it is at most.
#[derive(Clone, Copy, Debug)]
struct Start {
    offset: usize,
    limit: usize,
}

fn start(call: &Call<'_>) -> Result<Start, Problem> {
    let limit = count_up_to(MAX_PAGE, MAX_PAGE, call.query("limit"));
    let limit = limit.ok_or(Problem::BadRequest("limit_invalid"))?;
    let offset = match call.query("next_page") {
        None => 0,
        Some(cursor) => offset(&cursor).ok_or(Problem::BadRequest("next_page_invalid"))?,
    };
    Ok(Start { offset, limit })
}

/// A cursor is a time and a number.
fn cursor(exchange: &Exchange<'_>, offset: usize) -> String {
    let time = rfc3339_millis(&at(exchange.now, 0));
    STANDARD.encode(format!("{time}@{offset:09}"))
}

fn offset(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    text.split_once('@')?.1.parse().ok()
}

fn pagination(exchange: &Exchange<'_>, next: Option<usize>) -> Value {
    match next {
        Some(next) => json!({"has_more": true, "next_page": cursor(exchange, next)}),
        None => json!({"has_more": false}),
    }
}

fn sims(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let Start { offset, limit } = start(exchange.call)?;
    let sims = &exchange.state.sims;
    let page = sims.page(None, offset, limit);
    let list: Vec<Value> = page.numbers.iter().map(|iccid| sim(exchange, iccid)).collect();
    Ok(Reply::ok(&json!({
        "count": list.len(),
        "limit": limit,
        "offset": offset,
        "total": sims.listed(),
        "sims": list,
        "pagination": pagination(exchange, page.has_more.then_some(offset + limit)),
    })))
}

/// `usage` and what the data limit counts differ in the recorded answer. Only the data limit's is of a month.
fn sim(exchange: &Exchange<'_>, iccid: &str) -> Value {
    let usage = exchange.read(iccid);
    let is_used = usage.used > 0;
    let month = month_start(&at(exchange.now, 0));
    json!({
        "id": format!("{:09}", exchange.state.id_of(&usage.iccid)),
        "iccid": usage.iccid,
        "label": null,
        "network_whitelist": "Simulated",
        "imei_lock": null,
        "connector": null,
        "activated": is_used,
        "ipv4": "100.64.0.1",
        "online": false,
        "online_at": null,
        "last_came_online_at": is_used.then_some("2026-01-02T03:04:05.000Z"),
        "network": {"name": null, "country": null, "country_code": null, "mcc": null, "mnc": null},
        "usage": usage.used.saturating_add(usage.used / 6),
        "data_limit": {
            "total": topped_up(usage.used, LIMIT),
            "used": is_used.then_some(usage.used),
            "type": "monthly",
            "period": month.strftime("%Y%m").to_string(),
            "alert_threshold": null,
            "resets_at": rfc3339_millis(&month_away(&month, 1)),
        },
        "tags": [],
    })
}

/// The records of these SIMs that are in the time asked for.
fn usage(exchange: &Exchange<'_>, numbers: &[String], next: Option<usize>) -> Result<Reply, Problem> {
    let time = filter(exchange.call, "time").ok_or(Problem::BadRequest("time_begin_invalid"))?;
    let days = days(&time).ok_or(Problem::BadRequest("time_begin_invalid"))?;
    let records: Vec<Value> = numbers.iter().flat_map(|iccid| records(exchange, iccid, days)).collect();
    Ok(Reply::ok(&json!({"usage": records, "pagination": pagination(exchange, next)})))
}

/// The first and the last day of `2026`, `2026-05` or `2026-05-08`.
fn days(time: &str) -> Option<(Date, Date)> {
    match time.len() {
        4 => Some((format!("{time}-01-01").parse().ok()?, format!("{time}-12-31").parse().ok()?)),
        7 => {
            let first: Date = format!("{time}-01").parse().ok()?;
            Some((first, first.last_of_month()))
        }
        _ => time.parse().ok().map(|day| (day, day)),
    }
}

/// Two records of this month, which began on its first day. Another month has two of its own.
fn records(exchange: &Exchange<'_>, iccid: &str, (first, last): (Date, Date)) -> Vec<Value> {
    let month: Zoned = month_start(&at(exchange.now, 0));
    let day = month.date();
    let (iccid, used, day) = match first <= day && day <= last {
        true => {
            let usage = exchange.read(iccid);
            (usage.iccid, usage.used, day)
        }
        false if last < day => (iccid.to_owned(), 1 + hash(iccid) % 100_000_000, first),
        false => return Vec::new(),
    };
    if used == 0 {
        return Vec::new();
    }
    let record = |time: &str, bytes: u64| {
        json!({
            "iccid": iccid,
            "time": format!("{day} {time}"),
            "bytes": bytes,
            "bill_id": format!("{:016x}", hash(&format!("{iccid} {day} {time}"))),
        })
    };
    vec![record("00:04:13", used / 3), record("00:19:13", used - used / 3)]
}
