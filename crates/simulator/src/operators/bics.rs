//! BICS SIM for Things: a JSON log-in and a header of its own. An end point is looked up first. MB in texts.
//!
//! Sources: <https://help.sft.bics.com/sftnf/guide>, <https://help.sft.bics.com/sftnf/14-endpoint> (host,
//! header, refresh), <https://docs.sft.bics.com/sft/usage-data-streams> (1 MB is 1024 KB squared); two
//! independent clients (calls, fields, inner codes).

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{MIB, at, day_share, days, fixed};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, count_up_to};
use jiff::civil::Date;
use serde_json::{Value, json};

const MAX_PAGE: usize = 100;

pub(super) static BICS: Operator = Operator {
    base_path: &["api"],
    lists_sims: true,
    shown_token: |call| token(call).map(str::to_owned),
    log_in,
    ..Operator::new("bics", &["totalVolume"], operation, answer, problem)
};

fn operation(state: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["login"]) => Operation::Login,
        ("GET", ["fetchSIM"]) => Operation::Lookup(call.query("iccid").unwrap_or_default()),
        ("GET", ["GetStatistics"]) => {
            let id = call.query("endPointId").and_then(|id| id.strip_prefix("ep-")?.parse().ok());
            Operation::Usage(id.and_then(|id| state.number_of(id)).unwrap_or_default())
        }
        _ => Operation::Unknown,
    }
}

/// Not in `Authorization`.
fn token<'c>(call: &'c Call<'_>) -> Option<&'c str> {
    call.header("x-authorization")?.strip_prefix("Bearer ")
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let body = exchange.call.json();
    if exchange.call.header("x-requested-with") != Some("XMLHttpRequest") {
        return Err(Problem::BadRequest("X-Requested-With is needed"));
    }
    if body["username"] != USER || body["password"] != SECRET {
        return Err(Problem::BadCredentials);
    }
    Ok(Reply::ok(&json!({
        "AccessToken": exchange.new_token("eyJhbGciOiJIUzUxMiJ9."),
        "RefreshToken": format!("{:016x}", exchange.state.tokens.next_serial(exchange.now)),
    })))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    exchange.require_token(token(exchange.call))?;
    match operation {
        Operation::Lookup(iccid) => Ok(sims(exchange, iccid)),
        Operation::Usage(iccid) => {
            exchange.require_known(iccid)?;
            statistics(exchange, iccid)
        }
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // HTTP stays 200. 401 and 6413 are clients', the others are ours.
    let (status, code, what) = match problem {
        Problem::NoCredentials | Problem::TokenGone => (200, "401", "Token expired"),
        Problem::BadCredentials => (200, "403", "Authorisation Failure"),
        Problem::UnknownSim => (200, "6413", "SIM is not attached"),
        Problem::BadRequest(detail) => (200, "400", detail),
        Problem::RateLimited => (429, "429", "Too many requests"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(status) => (status, "500", "System error"),
    };
    envelope(status, "1", &json!({"resultCode": code, "resultDescription": what}), &json!({}))
}

fn envelope(status: u16, code: &str, result: &Value, response: &Value) -> Reply {
    let answer = json!({"resultCode": code, "resultParam": result, "responseParam": response});
    Reply::json(status, &json!({ "Response": answer }))
}

fn success(response: &Value) -> Reply {
    envelope(200, "0", &json!({"resultCode": "0", "resultDescription": ""}), response)
}

/// One SIM, or a page of all.
fn sims(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    let number = |name, most, usual| count_up_to(most, usual, exchange.call.query(name)).unwrap_or(usual);
    let (page, size) = (number("page", usize::MAX, 1), number("perPage", MAX_PAGE, MAX_PAGE));
    let numbers = match iccid {
        "" => exchange.state.sims.numbered_page(page, size).numbers,
        iccid if exchange.knows(iccid) => vec![iccid.to_owned()],
        _ => Vec::new(),
    };
    let rows: Vec<Value> = numbers
        .iter()
        .map(|iccid| {
            json!({
                "iccid": exchange.shown(iccid),
                "eid": "",
                "simStatus": "Active",
                "endPointId": format!("ep-{}", exchange.state.id_of(iccid)),
            })
        })
        .collect();
    success(&json!({ "rows": rows }))
}

/// Usage by day and in all. A period without usage is an error of its own, 1340.
fn statistics(exchange: &Exchange<'_>, iccid: &str) -> Result<Reply, Problem> {
    let date = |name| exchange.call.query(name).and_then(|text| Date::strptime("%Y%m%d", text).ok());
    let (Some(first), Some(last)) = (date("from_date"), date("to_date")) else {
        return Err(Problem::BadRequest("from_date and to_date are needed"));
    };
    let today = at(exchange.now, 0).date();
    let used = exchange.read(iccid).used;
    let shares: Vec<(Date, u64)> = days(first, last)
        .map(|day| (day, day_share(used, day, today)))
        .filter(|(_, share)| *share > 0)
        .collect();
    let total: u64 = shares.iter().map(|(_, share)| share).sum();
    if total == 0 {
        let result = json!({"resultCode": "1340", "resultDescription": "No usage found"});
        return Ok(envelope(200, "1", &result, &json!({})));
    }
    let amount = |bytes: u64| fixed(bytes, MIB, 3);
    let usage: Vec<Value> = shares
        .iter()
        .map(|(day, share)| {
            json!({
                "totalCost": "0.000",
                "date": day.strftime("%d/%m/%Y").to_string(),
                "uplink": amount(share / 3),
                "downlink": amount(share - share / 3),
                "totalVolume": amount(*share),
            })
        })
        .collect();
    Ok(success(&json!({
        "smsUsage": [],
        "dataUsage": usage,
        "smsTotalUsage": [],
        "dataTotalUsage": {
            "totalCost": "0.000",
            "uplink": amount(total / 3),
            "downlink": amount(total - total / 3),
            "totalVolume": amount(total),
        },
    })))
}
