//! 1NCE: OAuth2 with a JSON body. A lifetime quota whose `volume` is what is left, in MB.

use crate::credentials::require_basic;
use crate::exchange::Exchange;
use crate::format::{MIB, days, fixed, number, topped_up};
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use jiff::civil::Date;
use serde_json::{Value, json};
use simgauge_domain::limits::Scope;

/// Bytes that a SIM is sold with, and topped up by.
const VOLUME: u64 = 500 * MIB;

pub(super) static NCE: Operator = Operator {
    base_path: &["management-api"],
    buckets: &[bucket(Scope::Credential, 10, 1), bucket(Scope::Login, 600, 60)],
    log_in,
    ..Operator::new("1nce", &["volume"], operation, answer, problem)
};

fn operation(_: &OperatorState, _: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["oauth", "token"]) => Operation::Login,
        ("GET", ["v1", "sims", iccid, "quota", "data"] | ["v1", "sims", iccid, "usage"]) => {
            Operation::Usage((*iccid).to_owned())
        }
        _ => Operation::Unknown,
    }
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    if exchange.call.json().get("grant_type") != Some(&json!("client_credentials")) {
        return Err(Problem::BadRequest("grant_type must be client_credentials"));
    }
    require_basic(exchange.call).map_err(|_| Problem::BadCredentials)?;
    Ok(Reply::ok(&json!({
        "status_code": 200,
        "access_token": exchange.new_token("eyJ0eXAiOiJKV1QifQ."),
        "token_type": "bearer",
        "expires_in": exchange.config.token_ttl_seconds,
        "user_id": "1001",
        "score": "all",
    })))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let iccid = exchange.require_usage_with_token(operation)?;
    match exchange.call.segments.last().map(AsRef::as_ref) {
        Some("usage") => Ok(usage(exchange, iccid)),
        _ => Ok(quota(exchange, iccid)),
    }
}

fn problem(problem: Problem) -> Reply {
    let token_error = |code: &str, message: &str| {
        Reply::json(400, &json!({"statusCode": 400, "errorCode": code, "message": message}))
    };
    // Errors about SIMs have no content.
    match problem {
        Problem::BadCredentials => token_error("BadCredentials", "User does not exist."),
        Problem::BadRequest(detail) => token_error("BodyValidationError", detail),
        Problem::NoCredentials | Problem::TokenGone => Reply::empty(401),
        Problem::UnknownSim | Problem::NoSuchCall => Reply::empty(404),
        Problem::RateLimited => Reply::empty(429),
        Problem::Failure(status) => Reply::empty(status),
    }
}

fn usage(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    let date = |name| exchange.call.query(name).and_then(|text| text.parse::<Date>().ok());
    let (Some(first), Some(last)) = (date("start_dt"), date("end_dt")) else {
        return Reply::empty(422);
    };
    let used = exchange.read(iccid).used;
    let days: Vec<Date> = days(first, last.max(first)).collect();
    let share = used / days.len() as u64;
    let mut stats: Vec<Value> = Vec::with_capacity(days.len() + 1);
    for (index, day) in days.iter().enumerate() {
        let volume = if index == 0 { used - share * (days.len() as u64 - 1) } else { share };
        stats.push(row(&format!("{day}T00:00:00.000Z"), volume));
    }
    // The list also carries its own sum.
    stats.push(row("TOTAL", used));
    Reply::ok(&json!({ "stats": stats }))
}

fn row(date: &str, volume: u64) -> Value {
    let sent = volume / 3;
    json!({"date": date, "data": {
        "volume": fixed(volume, MIB, 6),
        "volume_rx": fixed(volume - sent, MIB, 6),
        "volume_tx": fixed(sent, MIB, 6),
        "traffic_type": {"id": 5, "description": "Data", "unit": "MB"},
    }})
}

fn quota(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    let used = exchange.read(iccid).used;
    let total = topped_up(used, VOLUME);
    Reply::ok(&json!({
        "volume": number(total - used, MIB, 6),
        "total_volume": number(total, MIB, 6),
        "expiry_date": "2036-06-01T00:00:00.000Z",
        "peak_throughput": 1_000_000,
        "last_volume_added": number(VOLUME, MIB, 6),
        "last_status_change_date": "2026-01-02T03:04:05.000Z",
        "threshold_percentage": 20,
    }))
}
