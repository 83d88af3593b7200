//! Aeris IoT Accelerator: OAuth2 by password. Subscriptions by their ICCIDs, or all of a company. Bytes.
//!
//! Sources: api-evangelist/aeris@0932662 (the operator's OpenAPI of subscriptions and log-ins),
//! <https://iotdeveloper.aeris.net/hc/en-us/articles/25348588280220-IoT-Accelerator-REST-API-Request-Rate-Limits>
//! (limits and their headers), an independent client (pages, and that `q` is needed).

use crate::credentials::{SECRET, USER};
use crate::exchange::{Exchange, Usage};
use crate::limits::Budget;
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, count_up_to, pairs};
use serde_json::{Value, json};
use simgauge_domain::limits::Scope;

const CLIENT: &str = "cm-public-api-client";
const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 10_000;

pub(super) static AERIS: Operator = Operator {
    base_path: &["iot", "api"],
    buckets: &[
        bucket(Scope::Credential, 10, 1),
        bucket(Scope::Credential, 150, 60),
        bucket(Scope::Login, 5, 1),
        bucket(Scope::Login, 60, 60),
    ],
    lists_sims: true,
    tells_retry_after: false,
    log_in,
    with_budget,
    ..Operator::new("aeris", &["monthlyData"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["auth", "token"]) => Operation::Login,
        ("POST", ["subscriptions", "details"]) => Operation::UsageOfMany(call.texts("/identifierValues")),
        ("GET", ["subscriptions", "details"]) => Operation::UsageOfMany(Vec::new()),
        _ => Operation::Unknown,
    }
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let form = |name| exchange.call.form(name);
    let refused = |status: u16, code: u16, message: &str| {
        // Log-ins have errors of a form of their own.
        Reply::json(status, &json!({"code": code, "httpStatus": status, "message": message}))
    };
    if form("grant_type").as_deref() != Some("password") || form("client_id").as_deref() != Some(CLIENT) {
        return Ok(refused(400, 4_000, "Request validation failed"));
    }
    if form("username").as_deref() != Some(USER) || form("password").as_deref() != Some(SECRET) {
        return Ok(refused(401, 2_040, "Invalid credentials"));
    }
    Ok(Reply::ok(&json!({
        "access_token": exchange.new_token("eyJhbGciOiJSUzI1NiJ9."),
        "token_type": "JWT",
        "expires_in": exchange.config.token_ttl_seconds,
    })))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let asked = operation.usage_sims().ok_or(Problem::NoSuchCall)?;
    exchange.require_token(exchange.call.bearer())?;
    if exchange.call.method == http::Method::GET {
        return company(exchange);
    }
    let body = exchange.call.json();
    if body["identifierType"] != "ICC" {
        return Err(Problem::BadRequest("IdentifierType can not be null"));
    }
    if asked.is_empty() {
        return Err(Problem::BadRequest("IdentifierValues can not be empty"));
    }
    // What becomes of an unknown number is not documented: it is left out.
    let known = asked.iter().map(String::as_str).filter(|iccid| exchange.knows(iccid));
    let found = exchange.read_each(known, |usage| vec![subscription(exchange, usage)]);
    Ok(Reply::ok(&json!({ "subscriptions": found })))
}

fn problem(problem: Problem) -> Reply {
    let (status, title, detail) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => {
            (401, "Unauthorized", "Token expired")
        }
        Problem::UnknownSim | Problem::NoSuchCall => (404, "Not Found", "Not Found"),
        Problem::BadRequest(detail) => (400, "Bad Request", detail),
        Problem::RateLimited => (429, "Too Many Requests", "API rate limit exceeded"),
        Problem::Failure(status) => (status, "Internal Server Error", "Unexpected error"),
    };
    let mut reply = Reply::json(
        status,
        &json!({
            "type": "https://www.iana.org/assignments/http-status-codes/",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": "123e4567-e89b-12d3-a456-426614174000",
        }),
    );
    reply.content_type = "application/problem+json";
    reply
}

fn with_budget(reply: Reply, budgets: &[Budget]) -> Reply {
    let [second, minute] = budgets else { return reply };
    reply
        .with("x-ratelimit-limit-second", second.limit)
        .with("x-ratelimit-remaining-second", second.remaining)
        .with("x-ratelimit-limit-minute", minute.limit)
        .with("x-ratelimit-remaining-minute", minute.remaining)
}

/// All subscriptions of a company, by pages. The next page is a relative link.
fn company(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let call = exchange.call;
    let query = call.query("q").unwrap_or_default();
    let company = query.split_once("==").filter(|(name, _)| name.eq_ignore_ascii_case("company"));
    if company.is_none_or(|(_, company)| company.is_empty()) {
        return Err(Problem::BadRequest("q is needed, as in company==ID"));
    }
    let limit = count_up_to(MAX_PAGE, DEFAULT_PAGE, call.query("limit"));
    let limit = limit.ok_or(Problem::BadRequest("limit is 1 to 10000"))?;
    let page = exchange.state.sims.page(call.query("cursor").as_deref(), 0, limit);
    let numbers = page.numbers.iter().map(String::as_str);
    let found = exchange.read_each(numbers, |usage| vec![subscription(exchange, usage)]);
    let mut answer = json!({"subscriptions": found, "size": found.len()});
    if let Some(last) = page.numbers.last().filter(|_| page.has_more) {
        // As in the operator's example, where the parameter for more fields has another spelling.
        let fields = if has_usage(call) { "&additional_fields=MONTHLY_DATA" } else { "" };
        answer["next"] = format!("/details?q={query}&limit={limit}&cursor={last}{fields}").into();
    }
    Ok(Reply::ok(&answer))
}

/// Usage is among the fields only where it was asked for.
fn has_usage(call: &Call<'_>) -> bool {
    pairs(call.query.as_bytes()).any(|(name, value)| {
        matches!(name.as_ref(), "additionalFields" | "additional_fields") && value == "MONTHLY_DATA"
    })
}

fn subscription(exchange: &Exchange<'_>, usage: &Usage) -> Value {
    let number = hash(&usage.iccid) % 1_000_000_000;
    let mut found = json!({
        "enterprise": 88_000_952,
        "enterpriseName": "Simulated Enterprise",
        "firstActivatedAt": "2026-01-02T03:04:05.780Z",
        "iccid": usage.iccid,
        "imsi": format!("001010{number:09}"),
        "msisdn": format!("2008{number:09}"),
        "organizationId": "3.88.952",
        "state": if usage.used > 0 { "ACTIVE" } else { "PAUSE" },
        "simSpecificationId": "Simulated",
        "subscriptionPackageDescription": "Simulated package",
        "subscriptionPackageName": "simulated_10",
        "subscriptionStateLocked": false,
        "subscriptionSecurityLocked": false,
    });
    if has_usage(exchange.call) {
        found["monthlyData"] = usage.used.into();
        found["monthlySms"] = 0.into();
    }
    found
}
