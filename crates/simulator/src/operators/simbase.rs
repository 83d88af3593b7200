//! Simbase: a static bearer. SIM cards with this month's usage, one cursor. Bytes.
//!
//! Sources: scabi69/Simbase-SIM-Manager@cbcd979 (types), manjotsc/hacs-simbase@f5f9323 (cursor, statuses),
//! DEADB33F/Simbase-HA@e888445 (404 for an unknown ICCID). The operator's portal could not be read.

use crate::credentials::require_secret;
use crate::exchange::{Exchange, Usage};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, count_up_to};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What clients ask for. No source says what the most is.
const MAX_PAGE: usize = 100;

pub(super) static SIMBASE: Operator = Operator {
    base_path: &["v2"],
    lists_sims: true,
    ..Operator::new("simbase", &["current_month_usage"], operation, answer, problem)
};

fn operation(_: &OperatorState, _: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("GET", ["simcards"]) => Operation::UsageOfMany(Vec::new()),
        ("GET", ["simcards", iccid]) => Operation::Usage((*iccid).to_owned()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    require_secret(exchange.call.bearer())?;
    match operation {
        Operation::Usage(iccid) => {
            exchange.require_known(iccid)?;
            Ok(Reply::ok(&card(&exchange.read(iccid))))
        }
        Operation::UsageOfMany(_) => cards(exchange),
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // The statuses are known, no body is.
    Reply::empty(match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => 401,
        Problem::UnknownSim | Problem::NoSuchCall => 404,
        Problem::BadRequest(_) => 400,
        Problem::RateLimited => 429,
        Problem::Failure(status) => status,
    })
}

fn cards(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let call = exchange.call;
    let limit = count_up_to(MAX_PAGE, MAX_PAGE, call.query("limit")).ok_or(Problem::BadRequest("limit"))?;
    let after = match call.query("cursor") {
        Some(cursor) => Some(number_of(&cursor).ok_or(Problem::BadRequest("cursor"))?),
        None => None,
    };
    let page = exchange.state.sims.page(after.as_deref(), 0, limit);
    let next = page.numbers.last().filter(|_| page.has_more).map(|last| cursor_of(last));
    let cards = exchange.read_each(page.numbers.iter().map(String::as_str), |usage| vec![card(usage)]);
    Ok(Reply::ok(&json!({
        "cursor": next,
        "has_more": page.has_more,
        "count": cards.len(),
        "simcards": cards,
    })))
}

fn cursor_of(iccid: &str) -> String {
    STANDARD.encode(json!({ "iccid": iccid }).to_string())
}

fn number_of(cursor: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(&STANDARD.decode(cursor).ok()?).ok()?;
    Some(value["iccid"].as_str()?.to_owned())
}

fn card(usage: &Usage) -> Value {
    let sessions = u8::from(usage.used > 0);
    json!({
        "name": null,
        "state": if usage.used > 0 { "enabled" } else { "disabled" },
        "tags": [],
        "plan_id": "plan_1",
        "coverage": "world",
        "iccid": usage.iccid,
        "sim_profile": "standard",
        "msisdn": format!("4470{:08}", hash(&usage.iccid) % 100_000_000),
        "hardware": "Unknown",
        "imei": null,
        "imei_lock": "disabled",
        "public_ip": null,
        "private_network_ip": null,
        "current_month_usage": {
            "total_sessions": sessions,
            "data_sessions": sessions,
            "zero_sessions": 0,
            "data": usage.used,
            "sms_mo": 0,
            "sms_mt": 0,
            "voice": 0,
            "line_rental": 1,
        },
        "current_month_costs": {
            "total": "0.10",
            "data": "0.00",
            "sms": "0.00",
            "sms_mo": "0.00",
            "sms_mt": "0.00",
            "voice": "0.00",
            "other": "0.00",
            "line_rental": "0.10",
        },
        "autodisable": null,
    })
}
