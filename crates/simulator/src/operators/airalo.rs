//! Airalo: OAuth2. Whole MB. Answers are cached for twenty minutes and limited per SIM.

use crate::credentials::require_client;
use crate::exchange::Exchange;
use crate::format::{MIB, at, plain_date, topped_up, year_start};
use crate::limits::Budget;
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::json;
use simgauge_domain::limits::Scope;

pub(super) static AIRALO: Operator = Operator {
    buckets: &[bucket(Scope::Credential, 5, 1), bucket(Scope::Iccid, 10, 60), bucket(Scope::Login, 3, 60)],
    log_in,
    with_budget,
    ..Operator::new("airalo", &["remaining"], operation, answer, problem)
};

fn operation(_: &OperatorState, _: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["v2", "token"]) => Operation::Login,
        ("GET", ["v2", "sims", iccid, "usage"]) => Operation::Usage((*iccid).to_owned()),
        _ => Operation::Unknown,
    }
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    require_client(|name| exchange.call.form(name), "The grant type field is required.")?;
    Ok(Reply::ok(&json!({
        "data": {
            "token_type": "Bearer",
            // 366 days, as documented. The token dies sooner, as documented too.
            "expires_in": 31_622_400,
            "access_token": exchange.new_token("eyJ0eXAiOiJKV1Qi."),
        },
        "meta": {"message": "api.succes"},
    })))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let iccid = exchange.require_usage_with_token(operation)?;
    let used = exchange.read_cached(iccid).used / MIB;
    let total = topped_up(used, 1_024);
    Ok(Reply::ok(&json!({
        "data": {
            "remaining": total - used,
            "total": total,
            "expired_at": plain_date(&year_start(&at(exchange.now, 0), 2)),
            "is_unlimited": false,
            "status": "ACTIVE",
            "remaining_voice": 0,
            "remaining_text": 0,
            "total_voice": 0,
            "total_text": 0,
        },
        "meta": {"message": "api.succes"},
    })))
}

fn problem(problem: Problem) -> Reply {
    let with_meta =
        |status, message: &str| Reply::json(status, &json!({"data": [], "meta": {"message": message}}));
    match problem {
        Problem::BadCredentials => with_meta(401, "Client authentication failed"),
        Problem::NoCredentials | Problem::TokenGone => with_meta(401, "This action is unauthorized."),
        // `data` changes its type here: a list instead of an object.
        Problem::UnknownSim | Problem::NoSuchCall => with_meta(404, "messages.resource_not_found"),
        Problem::BadRequest(detail) => with_meta(422, detail),
        Problem::RateLimited => Reply::json(429, &json!({"message": "Too Many Attempts."})),
        Problem::Failure(status) => Reply::json(status, &json!({"message": "Server Error"})),
    }
}

fn with_budget(reply: Reply, budgets: &[Budget]) -> Reply {
    let Some(budget) = budgets.first() else { return reply };
    reply.with("x-ratelimit-limit", budget.limit).with("x-ratelimit-remaining", budget.remaining)
}
