//! Telnyx: a static bearer. A list filtered by part of the ICCID. Decimal strings with their unit.

use crate::credentials::require_secret;
use crate::exchange::{Exchange, neighbour};
use crate::format::{MB, topped_up, trimmed};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::{Value, json};

/// SIMs of a page.
const MAX_PAGE: usize = 250;

pub(super) static TELNYX: Operator = Operator {
    base_path: &["v2"],
    lists_sims: true,
    ..Operator::new("telnyx", &["current_billing_period_consumed_data"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("GET", ["sim_cards"]) => match call.query("filter[iccid]") {
            Some(iccid) => Operation::Usage(iccid),
            None => Operation::UsageOfMany(Vec::new()),
        },
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    require_secret(exchange.call.bearer())?;
    let asked = |name: &str, default: usize| {
        exchange.call.query(name).map_or(Some(default), |number| number.parse::<usize>().ok())
    };
    let size = asked("page[size]", 20).filter(|size| *size > 0 && exchange.allows(*size, MAX_PAGE));
    let size = size.ok_or(Problem::BadRequest("page[size] is 1 to 250"))?;
    let Some(iccid) = operation.usage_sim() else {
        operation.usage_sims().ok_or(Problem::NoSuchCall)?;
        let page = asked("page[number]", 1).filter(|page| *page > 0);
        return list(exchange, page.ok_or(Problem::BadRequest("page[number] begins with 1"))?, size);
    };
    if iccid.is_empty() {
        return Err(Problem::BadRequest("filter[iccid] is needed here"));
    }
    // The filter finds every number that contains the one asked for, in no useful order.
    let mut found = vec![element(&neighbour(iccid), 123_456_789)];
    if exchange.knows(iccid) {
        let usage = exchange.read(iccid);
        found.push(element(&usage.iccid, usage.used));
    }
    let meta = json!({"page_number": 1, "page_size": 20, "total_pages": 1, "total_results": found.len()});
    Ok(Reply::ok(&json!({"data": found, "meta": meta})))
}

fn list(exchange: &Exchange<'_>, page: usize, size: usize) -> Result<Reply, Problem> {
    let sims = &exchange.state.sims;
    let (found, total) = (sims.numbered_page(page, size), sims.listed());
    let numbers = found.numbers.iter().map(String::as_str);
    let data = exchange.read_each(numbers, |usage| vec![element(&usage.iccid, usage.used)]);
    let meta = json!({
        "page_number": page,
        "page_size": size,
        "total_pages": total.div_ceil(size),
        "total_results": total,
    });
    Ok(Reply::ok(&json!({"data": data, "meta": meta})))
}

fn problem(problem: Problem) -> Reply {
    let (status, code, title, detail) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => (
            401,
            "10009",
            "Authentication failed",
            "The required authentication headers were either invalid or not included in the request.",
        ),
        Problem::UnknownSim | Problem::NoSuchCall => {
            (404, "10005", "Resource not found", "The requested resource or URL could not be found.")
        }
        Problem::BadRequest(detail) => (400, "10015", "Bad request", detail),
        Problem::RateLimited => {
            (429, "10011", "Too many requests", "You have exceeded the maximum number of allowed requests.")
        }
        Problem::Failure(status) => (status, "10007", "Unexpected error", "An unexpected error occurred."),
    };
    Reply::json(
        status,
        &json!({"errors": [{"code": code, "title": title, "detail": detail,
        "meta": {"url": format!("https://developers.telnyx.com/docs/overview/errors/{code}")}}]}),
    )
}

fn element(iccid: &str, used: u64) -> Value {
    let hash = hash(iccid);
    // Limits are in MB or in GB.
    let limit = match hash % 2 {
        0 => json!({"amount": trimmed(topped_up(used, 500 * MB), MB, 6), "unit": "MB"}),
        _ => json!({"amount": trimmed(topped_up(used, 1_000 * MB), 1_000 * MB, 6), "unit": "GB"}),
    };
    json!({
        "id": format!("{:08x}-0000-4000-8000-{:012x}", hash >> 32, hash & 0xffff_ffff_ffff),
        "record_type": "sim_card",
        "iccid": iccid,
        "eid": null,
        "type": "physical",
        "status": {"value": "enabled", "reason": "The SIM card is active and connectable."},
        "current_billing_period_consumed_data": {"amount": trimmed(used, MB, 6), "unit": "MB"},
        "data_limit": limit,
    })
}
