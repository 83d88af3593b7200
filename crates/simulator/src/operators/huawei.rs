//! Huawei Cloud GSL: the token comes in a header. One element per plan of a SIM. MB with two decimals.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{MIB, at, fraction, rfc3339_millis, topped_up};
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::{Value, json};
use simgauge_domain::limits::Scope;

/// Bytes of the first plan of every SIM.
const PLAN: u64 = 30 * MIB;
const MAX_SIMS: usize = 50;

pub(super) static HUAWEI: Operator = Operator {
    buckets: &[bucket(Scope::Credential, 5, 1)],
    shown_token,
    log_in,
    ..Operator::new("huawei_gsl", &["flow_used"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["v3", "auth", "tokens"]) => Operation::Login,
        ("POST", ["v1", "sim-price-plans", "usage", "batch-query"]) => {
            Operation::UsageOfMany(call.texts("/iccids"))
        }
        _ => Operation::Unknown,
    }
}

fn shown_token(call: &Call<'_>) -> Option<String> {
    call.header("x-auth-token").map(str::to_owned)
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let body = exchange.call.json();
    let user = &body["auth"]["identity"]["password"]["user"];
    if user["name"] != USER || user["password"] != SECRET {
        return Err(Problem::BadCredentials);
    }
    let end = exchange.now.after(std::time::Duration::from_secs(exchange.config.token_ttl_seconds));
    let ends = rfc3339_millis(&at(end, 0));
    let token = json!({"expires_at": ends, "methods": ["password"], "user": {"name": USER}});
    Ok(Reply::json(201, &json!({ "token": token })).with("x-subject-token", exchange.new_token("MIIF")))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let asked = operation.usage_sims().ok_or(Problem::NoSuchCall)?;
    exchange.require_token(exchange.call.header("x-auth-token"))?;
    if !exchange.allows(asked.len(), MAX_SIMS) {
        return Ok(error(400, "GSL.00011010", "the number of iccids exceeds the upper limit"));
    }
    if asked.is_empty() {
        return Err(Problem::BadRequest("iccids must hold 1 to 50 numbers"));
    }
    // One unknown SIM refuses the whole call, and is named.
    if let Some(unknown) = asked.iter().find(|iccid| !exchange.knows(iccid)) {
        return Ok(error(400, "GSL.00011011", &format!("The iccid:[{unknown}] does not exist.")));
    }
    let plans = exchange.read_each(asked.iter().map(String::as_str), |usage| {
        let first = usage.used.min(PLAN);
        let rest = usage.used - first;
        let more = topped_up(rest, 10 * PLAN);
        vec![plan(&usage.iccid, 0, first, PLAN), plan(&usage.iccid, 1, rest, more)]
    });
    Ok(Reply::ok(&Value::Array(plans)))
}

fn problem(problem: Problem) -> Reply {
    // What the gateway answers to a token that is gone or to too many calls could not be read: those codes
    // are ours.
    let (status, code, message) = match problem {
        Problem::BadCredentials => {
            let message = "The username or password is wrong.";
            let error = json!({"code": 401, "message": message, "title": "Unauthorized"});
            return Reply::json(401, &json!({ "error": error }));
        }
        Problem::NoCredentials | Problem::TokenGone => (401, "GSL.00010001", "token is invalid"),
        Problem::UnknownSim => (400, "GSL.00011011", "The iccid does not exist."),
        Problem::NoSuchCall => (404, "APIGW.0101", "The API does not exist or has not been published"),
        Problem::BadRequest(detail) => (400, "GSL.00010004", detail),
        Problem::RateLimited => (429, "APIGW.0308", "The throttling threshold has been reached"),
        Problem::Failure(status) => (status, "GSL.00010003", "系统繁忙,请稍后重试。"),
    };
    error(status, code, message)
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error_code": code, "error_msg": message}))
}

fn plan(iccid: &str, index: u64, used: u64, total: u64) -> Value {
    let id = hash(iccid) % 1_000_000_000;
    json!({
        "id": id * 2 + index,
        "account_id": "a0000000000000000000000000000001",
        "sim_card_id": id,
        "price_plan_id": format!("plan-{index}"),
        "price_plan_name": if index == 0 { "30M" } else { "300M" },
        "iccid": iccid,
        "flow_total": fraction(total, MIB, 2),
        "flow_used": fraction(used, MIB, 2),
        "flow_left": fraction(total - used, MIB, 2),
    })
}
