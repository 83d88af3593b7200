//! emnify: a JSON log-in that returns a JWT. The SIM's id is looked up first. Usage is MB per month in
//! strings.

use crate::credentials::SECRET;
use crate::exchange::Exchange;
use crate::format::{MB, at, fixed, month_away, month_start, rfc3339_millis};
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::{hash, without_check_digit};
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use simgauge_domain::limits::Scope;
use std::time::Duration;

const MAX_BAD_LOGINS: u32 = 3;
const LOCKED_FOR: Duration = Duration::from_secs(300);

pub(super) static EMNIFY: Operator = Operator {
    buckets: &[bucket(Scope::Host, 2_000, 300), bucket(Scope::Login, 100, 300)],
    canonical: without_check_digit,
    log_in,
    ..Operator::new("emnify", &["volume"], operation, answer, problem)
};

fn operation(state: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["api", "v1", "authenticate"]) => Operation::Login,
        ("GET", ["api", "v1", "sim"]) => Operation::Lookup(asked(call).unwrap_or_default()),
        ("GET", ["api", "v1", "sim", id, "stats"]) => {
            Operation::Usage(id.parse().ok().and_then(|id| state.number_of(id)).unwrap_or_default())
        }
        _ => Operation::Unknown,
    }
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let tokens = &exchange.state.tokens;
    if tokens.is_locked(exchange.now) {
        return Err(Problem::RateLimited);
    }
    if exchange.call.json()["application_token"] != SECRET {
        tokens.bad_login(exchange.now, MAX_BAD_LOGINS, LOCKED_FOR);
        return Err(Problem::BadCredentials);
    }
    tokens.good_login();
    let ttl = i64::try_from(exchange.config.token_ttl_seconds).unwrap_or(i64::MAX / 2);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(&json!({"alg": "HS512", "typ": "JWT"}));
    let id = tokens.next_serial(exchange.now);
    let issued = exchange.now.seconds();
    let claims = part(&json!({
        "sub": "application",
        "jti": format!("{id:016x}"),
        "iat": issued,
        "exp": issued.saturating_add(ttl),
    }));
    let token = format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(id.to_be_bytes()));
    exchange.grant(&token);
    // Only the token itself says how long it lives.
    Ok(Reply::ok(&json!({ "auth_token": token })))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    exchange.require_token(exchange.call.bearer())?;
    match operation {
        Operation::Lookup(number) if number.is_empty() => Err(Problem::BadRequest("q is not understood")),
        Operation::Lookup(number) if !exchange.knows(number) => Ok(Reply::ok(&json!([]))),
        Operation::Lookup(number) => Ok(Reply::ok(&json!([sim(exchange, number)]))),
        Operation::Usage(number) if number.is_empty() || !exchange.knows(number) => Err(Problem::UnknownSim),
        Operation::Usage(number) => Ok(stats(exchange, number)),
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    let (status, code, token, message) = match problem {
        // A 401 usually has no body.
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => {
            return Reply::empty(401);
        }
        Problem::UnknownSim => (404, 1_401, "InvalidReference", "SIM not found"),
        Problem::NoSuchCall => (404, 1_000_404, "NotFound", "Not found"),
        Problem::BadRequest(detail) => (400, 1_000_400, "InvalidRequest", detail),
        Problem::RateLimited => (429, 1_000_429, "TooManyRequests", "Too many requests"),
        Problem::Failure(status) => (status, 1_000_500, "UnexpectedError", "Unexpected error"),
    };
    Reply::json(status, &json!({"error_code": code, "error_token": token, "message": message}))
}

/// The number in `q=iccid:…`, `q=iccid_with_luhn:…` or `q=eid:…`.
fn asked(call: &Call<'_>) -> Option<String> {
    let query = call.query("q")?;
    match query.split_once(':')? {
        ("iccid", number) if number.len() == 19 => Some(number.to_owned()),
        ("iccid_with_luhn", number) if number.len() == 20 => Some(without_check_digit(number).to_owned()),
        ("eid", number) => Some(number.to_owned()),
        _ => None,
    }
}

fn sim(exchange: &Exchange<'_>, number: &str) -> Value {
    let shown = exchange.shown(number);
    // Found by EID, the SIM has an ICCID of its own.
    let (iccid, eid) = match number.len() {
        25.. => (format!("8988303{:012}", hash(&shown) % 1_000_000_000_000), Value::from(shown)),
        _ => (shown, Value::Null),
    };
    json!({
        "id": exchange.state.id_of(number),
        "iccid": iccid,
        "iccid_with_luhn": format!("{iccid}{}", luhn_digit(&iccid)),
        "eid": eid,
        "production_date": "2026-01-02T03:04:05.000+0000",
        "status": {"id": 1, "description": "Activated"},
    })
}

fn stats(exchange: &Exchange<'_>, number: &str) -> Reply {
    let id = exchange.state.id_of(number);
    let used = exchange.read(number).used;
    let now = at(exchange.now, 0);
    let month = |bytes: u64, start: &jiff::Zoned| {
        let sent = bytes / 3;
        json!({
            "sim_id": id,
            "month": rfc3339_millis(start),
            "volume": fixed(bytes, MB, 6),
            "volume_tx": fixed(sent, MB, 6),
            "volume_rx": fixed(bytes - sent, MB, 6),
            "last_updated": rfc3339_millis(&now),
            "traffic_type": {"id": 5, "description": "Data", "unit": "MB"},
        })
    };
    let last = hash(number) % (50 * MB);
    let mut answer = json!({"last_month": {"data": month(last, &month_away(&now, -1))}});
    // Left out as long as there is no traffic.
    if used > 0 {
        answer["current_month"] = json!({"data": month(used, &month_start(&now))});
    }
    answer["last_hour"] = json!({});
    // The description says a list, clients have seen an object: SIMs of both kinds live here.
    Reply::ok(&if id.is_multiple_of(2) { answer } else { json!([answer]) })
}

fn luhn_digit(iccid: &str) -> u32 {
    let sum: u32 = iccid
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(index, digit)| match digit * if index % 2 == 0 { 2 } else { 1 } {
            doubled @ 10.. => doubled - 9,
            digit => digit,
        })
        .sum();
    (10 - sum % 10) % 10
}
