//! Cisco IoT Control Center: Basic authentication, one call, bytes of the billing cycle.

use crate::credentials::require_basic;
use crate::exchange::Exchange;
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::json;
use simgauge_domain::limits::Scope;

pub(super) static CISCO: Operator = Operator {
    buckets: &[bucket(Scope::Credential, 5, 1)],
    max_concurrent: 1,
    tells_retry_after: false,
    ..Operator::new("cisco_control_center", &["ctdDataUsage"], operation, answer, problem)
};

fn operation(_: &OperatorState, _: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("GET", ["rws", "api", "v1", "devices", iccid, "ctdUsages"]) => Operation::Usage((*iccid).to_owned()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let iccid = operation.usage_sim().ok_or(Problem::NoSuchCall)?;
    require_basic(exchange.call)?;
    exchange.require_known(iccid)?;
    let usage = exchange.read(iccid);
    let number = hash(&usage.iccid) % 1_000_000_000;
    let answer = Reply::ok(&json!({
        "iccid": usage.iccid,
        "imsi": format!("001010{number:09}"),
        "msisdn": format!("10{number:09}"),
        "imei": format!("350000{number:09}"),
        "status": "ACTIVATED",
        "ratePlan": "Plan A",
        "communicationPlan": "Comm A",
        "ctdDataUsage": usage.used,
        "ctdSMSUsage": 0,
        "ctdVoiceUsage": 0,
        "ctdSessionCount": 3,
        "overageLimitReached": false,
        "overageLimitOverride": "DEFAULT",
    }));
    Ok(latin1(answer))
}

fn problem(problem: Problem) -> Reply {
    let (status, code, message) = match problem {
        Problem::NoCredentials => {
            return latin1(Reply::json(
                401,
                &json!({"errorMessage": "Full authentication is required to access this resource"}),
            ));
        }
        Problem::BadCredentials | Problem::TokenGone => (401, "10000001", "Invalid credentials"),
        // Code and text are what third parties remember. The vendor's list could not be read.
        Problem::UnknownSim => (404, "20000001", "Resource not found"),
        Problem::BadRequest(_) => (400, "10000003", "Invalid request"),
        // The console's host and unknown paths answer with a web page.
        Problem::NoSuchCall => return Reply::html(404, "HTTP Status 404 - Not Found"),
        // Known from third parties as well. The vendor documents the limits, not the refusal.
        Problem::RateLimited => (429, "40000029", "Rate limit exceeded"),
        Problem::Failure(status) => (status, "30000001", "Unknown error"),
    };
    latin1(Reply::json(status, &json!({"errorMessage": message, "errorCode": code})))
}

/// Control Center does not answer in UTF-8.
fn latin1(mut reply: Reply) -> Reply {
    reply.content_type = "application/json;charset=ISO-8859-1";
    reply
}
