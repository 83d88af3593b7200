//! Monogoto: a JSON log-in. Things by their ICCIDs, or in pages of a bare list. Bytes of a thing's whole
//! life.
//!
//! Sources: <https://docs.monogoto.io/developer-zone/api/things/get-thing-data-session-status> (status, ids
//! from ICCIDs), independent clients (log-in, pages of fifty, `Data` as a counter for life). Usage of a
//! period is a CSV report only, which is not simulated.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, count_up_to};
use serde_json::{Value, json};

/// A larger page is refused.
const MAX_PAGE: usize = 50;
const CUSTOMER: &str = "cid_00000000-0000-0000-0000-000000000000";
/// A thing's id is this and its ICCID.
const THING: &str = "ThingId_ICCID_";

pub(super) static MONOGOTO: Operator =
    Operator { lists_sims: true, log_in, ..Operator::new("monogoto", &["Data"], operation, answer, problem) };

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let iccid = |thing: &str| thing.strip_prefix(THING).unwrap_or_default().to_owned();
    match route {
        ("POST", ["Auth"]) => Operation::Login,
        ("GET", ["thing", "status"]) => Operation::Lookup(iccid(&call.query("ThingIds").unwrap_or_default())),
        ("GET", ["thing", thing]) => Operation::Usage(iccid(thing)),
        ("GET", ["things"]) => Operation::UsageOfMany(Vec::new()),
        _ => Operation::Unknown,
    }
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let body = exchange.call.json();
    if body["UserName"] != USER || body["Password"] != SECRET {
        return Err(Problem::BadCredentials);
    }
    let token = exchange.new_token("eyJhbGciOiJIUzI1NiJ9.");
    Ok(Reply::ok(&json!({"token": token, "CustomerId": CUSTOMER, "Role": "Customer"})))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    exchange.require_token(exchange.call.bearer())?;
    match operation {
        Operation::Lookup(iccid) => {
            exchange.require_known(iccid)?;
            Ok(status(&exchange.shown(iccid)))
        }
        Operation::Usage(iccid) => {
            exchange.require_known(iccid)?;
            Ok(Reply::ok(&thing(exchange, iccid)))
        }
        Operation::UsageOfMany(_) => {
            let limit = count_up_to(MAX_PAGE, MAX_PAGE, exchange.call.query("limit"));
            let limit = limit.ok_or(Problem::BadRequest("limit is 1 to 50"))?;
            let offset = exchange.call.query("offset").map_or(Ok(0), |offset| offset.parse());
            let offset = offset.map_err(|_| Problem::BadRequest("offset is not a number"))?;
            let page = exchange.state.sims.page(None, offset, limit);
            let things: Vec<Value> = page.numbers.iter().map(|iccid| thing(exchange, iccid)).collect();
            Ok(Reply::ok(&Value::Array(things)))
        }
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // The statuses are known, and the text about a wrong log-in. The other texts are ours.
    let (status, message) = match problem {
        Problem::BadCredentials => (401, "Access denied"),
        Problem::NoCredentials | Problem::TokenGone => (401, "Unauthorized"),
        Problem::UnknownSim | Problem::NoSuchCall => (404, "Not found"),
        Problem::BadRequest(detail) => (400, detail),
        Problem::RateLimited => (429, "Too many requests"),
        Problem::Failure(status) => (status, "Internal error"),
    };
    Reply::json(status, &json!({ "message": message }))
}

fn thing(exchange: &Exchange<'_>, iccid: &str) -> Value {
    let usage = exchange.read(iccid);
    let number = hash(&usage.iccid) % 1_000_000_000;
    json!({
        "ThingId": format!("{THING}{}", usage.iccid),
        "ThingName": format!("ICCID {}", usage.iccid),
        "CustomerId": CUSTOMER,
        "ExternalUniqueId": usage.iccid,
        "State": "ACTIVE",
        "BillingState": "ACTIVE",
        "IMSI": format!("001010{number:09}"),
        "MSISDN": format!("+4470{number:09}"),
        "Data": usage.used,
    })
}

fn status(iccid: &str) -> Reply {
    let number = hash(iccid) % 1_000_000_000;
    Reply::ok(&json!({
        "Success": true,
        "Message": "Operation succeeded",
        "Data": [{
            "ThingId": format!("{THING}{iccid}"),
            "CustomerId": CUSTOMER,
            "ThingName": format!("ICCID {iccid}"),
            "ThingDescription": "",
            "ProvisionStatus": "ACTIVE",
            "ConnectionStatus": "CONNECTED",
            "ActiveSessions": [],
            "ActiveIMSI": format!("001010{number:09}"),
            "LastConnectionTime": null,
            "LastDisconnectionTime": null,
            "MSISDN": format!("+4470{number:09}"),
        }],
    }))
}
