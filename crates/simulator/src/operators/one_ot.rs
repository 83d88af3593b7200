//! 1oT: OAuth2 by password. Sessions of a SIM since the start of the month. Bytes.
//!
//! Sources: <https://terminal.1ot.mobi/terminal-api-doc> (codes, states, 1000 SIMs a call),
//! mburumaxwell/1ot-dotnet@c021a64 (calls, types, form of an error). Which host is the newest is not settled.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{at, month_start};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::{Value, json};
use simgauge_domain::time::UnixMs;

/// The most SIMs or sessions of one answer.
const MAX_FOUND: usize = 1_000;
/// Sessions with traffic of a SIM in this month. One without traffic is among them.
const SESSIONS: usize = 3;

pub(super) static ONE_OT: Operator = Operator {
    base_path: &["v1"],
    lists_sims: true,
    log_in,
    ..Operator::new("1ot", &["data_size"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let one = || call.query("iccid").or_else(|| call.query("eid")).unwrap_or_default();
    match route {
        ("GET" | "POST", ["oauth", "token"]) => Operation::Login,
        ("GET", ["get_sim_sessions"]) => Operation::Usage(one()),
        ("GET", ["get_sim"]) => Operation::Lookup(one()),
        ("GET", ["get_sims" | "get_account_sims"]) => Operation::Lookup(String::new()),
        _ => Operation::Unknown,
    }
}

/// The fields are in the query or in a form.
fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let call = exchange.call;
    let field = |name: &str| call.query(name).or_else(|| call.form(name)).unwrap_or_default();
    if field("grant_type") != "password" {
        return Ok(Reply::json(400, &json!({"error": "unsupported_grant_type"})));
    }
    if field("client_id") != USER || field("username") != USER || field("password") != SECRET {
        let what = "Bad credentials";
        return Ok(Reply::json(401, &json!({"error": "invalid_grant", "error_description": what})));
    }
    // The life is a text.
    Ok(Reply::ok(&json!({
        "access_token": exchange.new_token(""),
        "token_type": "bearer",
        "refresh_token": format!("{:016x}", exchange.state.tokens.next_serial(exchange.now)),
        "expires_in": exchange.config.token_ttl_seconds.to_string(),
        "scope": "read write",
    })))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let call = exchange.call;
    let iccid = operation.sim().ok_or(Problem::NoSuchCall)?;
    exchange.require_token(call.bearer())?;
    let offset = call.query("offset").map_or(Ok(0), |offset| offset.parse::<usize>());
    let offset = offset.map_err(|_| Problem::BadRequest("E000"))?;
    match call.segments.last().map(AsRef::as_ref) {
        Some("get_sim_sessions") => {
            exchange.require_known(iccid)?;
            sessions(exchange, iccid, offset)
        }
        Some("get_sim") => {
            exchange.require_known(iccid)?;
            Ok(Reply::ok(&sim(exchange, iccid)))
        }
        Some("get_sims") => {
            let asked = call.query("iccid").unwrap_or_default();
            let asked: Vec<&str> = asked.split(',').filter(|iccid| !iccid.is_empty()).collect();
            if !exchange.allows(asked.len(), MAX_FOUND) {
                return Err(Problem::BadRequest("E230"));
            }
            // What becomes of an unknown number is not known: it is left out.
            let known = asked.iter().filter(|iccid| exchange.knows(iccid));
            let numbers: Vec<String> = known.map(ToString::to_string).collect();
            let total = numbers.len();
            Ok(list(exchange, &numbers[offset.min(total)..], offset, total))
        }
        _ => {
            let sims = &exchange.state.sims;
            let numbers = sims.page(None, offset, MAX_FOUND).numbers;
            Ok(list(exchange, &numbers, offset, sims.listed()))
        }
    }
}

fn problem(problem: Problem) -> Reply {
    // Codes are documented, the form is a client's, HTTP statuses and the answer to too many calls are ours.
    let (status, code, message) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => {
            let what = "Invalid access token";
            return Reply::json(401, &json!({"error": "invalid_token", "error_description": what}));
        }
        Problem::UnknownSim => (404, "E002", "SIM not found"),
        Problem::BadRequest(code) => (400, code, "The request is wrong"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::RateLimited => (429, "E000", "Too many requests"),
        Problem::Failure(status) => (status, "E000", "Server error"),
    };
    Reply::json(status, &json!({"error_code": code, "error_description": message, "timestamp": 0}))
}

fn list(exchange: &Exchange<'_>, numbers: &[String], offset: usize, total: usize) -> Reply {
    let sims: Vec<Value> = numbers.iter().map(|iccid| sim(exchange, iccid)).collect();
    Reply::ok(&json!({"found": sims.len(), "offset": offset, "total": total, "sims": sims}))
}

fn sim(exchange: &Exchange<'_>, iccid: &str) -> Value {
    let iccid = exchange.shown(iccid);
    let number = hash(&iccid) % 1_000_000_000;
    json!({
        "iccid": iccid,
        "group": null,
        "type": "physical",
        "form": "2FF",
        "data_limit": 500,
        "name": null,
        "msisdn": [format!("37280{number:09}")],
        "imei": null,
        "status": {"primary": "ON", "secondary": "LIVE"},
        "imsi": [format!("248010{number:09}")],
        "apn": [],
        "lastUsageUpdate": exchange.now.0,
    })
}

/// The sessions that began in the time asked for. By default it begins with the month.
fn sessions(exchange: &Exchange<'_>, iccid: &str, offset: usize) -> Result<Reply, Problem> {
    let time = |name: &str, usual: i64| {
        exchange
            .call
            .query(name)
            .map_or(Ok(usual), |text| text.parse().map_err(|_| Problem::BadRequest("E000")))
    };
    let month = month_start(&at(exchange.now, 0)).timestamp().as_millisecond();
    let (from, to) = (time("from", month)?, time("to", exchange.now.0)?);
    let used = exchange.read(iccid).used;
    let mut all = Vec::new();
    if used > 0 {
        let sizes = [used / 3, 0, used - used / 3];
        // None begins later than now.
        let began = |index: usize| UnixMs((month + index as i64 * 1_000).min(exchange.now.0));
        all.extend((0..SESSIONS).map(|index| (began(index), sizes[index])));
        // A session of the month before.
        all.push((UnixMs(month - 1_000), 1 + hash(iccid) % 100_000_000));
    }
    all.retain(|(start, _)| (from..=to).contains(&start.0));
    let total = all.len();
    let found: Vec<Value> = all
        .into_iter()
        .skip(offset)
        .take(MAX_FOUND)
        .map(|(start, size)| {
            json!({
                "id": format!("{:x}", hash(&format!("{iccid}{}", start.0))),
                "country": "Estonia",
                "alpha3": "EST",
                "operator": "Telia",
                "data_size": size,
                "data_cost": 0,
                "currency": "EUR",
                "start_time": start.0,
            })
        })
        .collect();
    Ok(Reply::ok(&json!({
        "found": found.len(),
        "offset": offset,
        "total": total,
        "from": from,
        "to": to,
        "sessions": found,
    })))
}
