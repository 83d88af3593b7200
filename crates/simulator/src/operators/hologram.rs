//! Hologram: Basic authentication with a fixed user. Devices with their links, one cursor. Bytes of each
//! SIM's own thirty days.
//!
//! Sources: the operator's description, hologram-io/rest-api-docs@cb35c99 apiary.apib (calls, parameters,
//! fields, pages, the refusal of too many calls), api-evangelist/hologram@6db070d (authentication), the
//! recorded answer in Losant's documentation of its "Hologram: Get Device" node.

use crate::credentials::SECRET;
use crate::exchange::{Exchange, Usage, neighbour};
use crate::format::{MB, at, plain_date, topped_up, year_start};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, count_up_to};
use jiff::{SignedDuration, Zoned};
use serde_json::{Value, json};

const DEFAULT_PAGE: usize = 100;
const CYCLE_DAYS: i64 = 30;
const PLAN: u64 = 1_000 * MB;

pub(super) static HOLOGRAM: Operator = Operator {
    base_path: &["api", "1"],
    lists_sims: true,
    ..Operator::new("hologram", &["cur_billing_data_used"], operation, answer, problem)
};

fn operation(state: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let by_id = |id: &str| id.parse().ok().and_then(|id| state.number_of(id)).unwrap_or_default();
    match route {
        ("GET", ["devices"]) => match call.query("sim") {
            Some(iccid) => Operation::Usage(iccid),
            None => Operation::UsageOfMany(Vec::new()),
        },
        ("GET", ["devices", id]) => Operation::Usage(by_id(id)),
        ("GET", ["links", "cellular"]) => Operation::Lookup(call.query("sim").unwrap_or_default()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    require_key(exchange.call)?;
    match operation {
        Operation::Usage(iccid) if exchange.call.segments.len() == 1 => Ok(devices_with(exchange, iccid)),
        Operation::Usage(iccid) => {
            exchange.require_known(iccid)?;
            Ok(Reply::ok(&json!({"success": true, "data": device(exchange, &exchange.read(iccid))})))
        }
        Operation::UsageOfMany(_) => devices(exchange),
        Operation::Lookup(iccid) => Ok(links(exchange, iccid)),
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // Errors are texts without a code. Those of a missing call and of too many calls are known, the others
    // are ours.
    let (status, error) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => (401, "Unauthorized"),
        Problem::UnknownSim => (404, "Device not found"),
        Problem::NoSuchCall => (404, "API method does not exist"),
        Problem::BadRequest(detail) => (400, detail),
        Problem::RateLimited => (429, "API rate limit exceeded"),
        Problem::Failure(status) => (status, "Internal error"),
    };
    Reply::json(status, &json!({"error": error, "success": false}))
}

/// The user is always `apikey`. The key may be a parameter instead.
fn require_key(call: &Call<'_>) -> Result<(), Problem> {
    let shown = match call.basic() {
        Some((user, key)) if user == "apikey" => Some(key),
        Some(_) => return Err(Problem::BadCredentials),
        None => call.query("apikey"),
    };
    match shown.as_deref() {
        None => Err(Problem::NoCredentials),
        Some(SECRET) => Ok(()),
        Some(_) => Err(Problem::BadCredentials),
    }
}

fn devices(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let call = exchange.call;
    let limit = count_up_to(usize::MAX, DEFAULT_PAGE, call.query("limit"));
    let limit = limit.ok_or(Problem::BadRequest("limit is not a number"))?.min(DEFAULT_PAGE);
    // An organization that is there but blank filters to nothing.
    let is_nobody = call.query("orgid").is_some_and(|org| org.is_empty());
    let after = match call.query("startafter") {
        Some(id) => {
            let number = id.parse().ok().and_then(|id| exchange.state.number_of(id));
            Some(number.ok_or(Problem::BadRequest("startafter is no device"))?)
        }
        None => None,
    };
    let page = match is_nobody {
        true => Default::default(),
        false => exchange.state.sims.page(after.as_deref(), 0, limit),
    };
    let numbers = page.numbers.iter().map(String::as_str);
    let data = exchange.read_each(numbers, |usage| vec![device(exchange, usage)]);
    let last = page.numbers.last().map(|iccid| exchange.state.id_of(iccid));
    Ok(list(&data, limit, last.filter(|_| page.has_more)))
}

/// The device with this SIM. Where there is none the list is empty.
fn devices_with(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    let found = exchange.knows(iccid).then(|| device(exchange, &exchange.read(iccid)));
    list(found.as_slice(), DEFAULT_PAGE, None)
}

/// `continues` is only there where there is more, after the device with the id `last`.
fn list(data: &[Value], limit: usize, last: Option<u64>) -> Reply {
    let mut list = json!({"success": true, "data": data, "limit": limit, "size": data.len()});
    if let Some(last) = last {
        list["continues"] = true.into();
        list["lastid"] = last.into();
    }
    Reply::ok(&list)
}

/// Links by ICCID say which device to ask. The operator's description gives them no usage.
fn links(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    if !exchange.knows(iccid) {
        return list(&[], DEFAULT_PAGE, None);
    }
    let shown = exchange.shown(iccid);
    let link = json!({
        "id": link_id(&shown),
        "deviceid": exchange.state.id_of(iccid),
        "sim": shown,
        "planid": 170,
        "zone": "global",
        "state": "LIVE",
    });
    list(&[link], DEFAULT_PAGE, None)
}

fn device(exchange: &Exchange<'_>, usage: &Usage) -> Value {
    let (claimed, ends) = cycle(exchange);
    let id = exchange.state.id_of(&usage.iccid);
    let mut links = vec![link(&usage.iccid, usage.used, "LIVE", &claimed, &ends)];
    if id.is_multiple_of(2) {
        // The other profile of the same device comes first.
        links.insert(0, link(&neighbour(&usage.iccid), 123_456_789, "INACTIVE", &claimed, &ends));
    }
    json!({
        "id": id,
        "orgid": 10_001,
        "name": format!("Device {}", id % 100_000),
        "type": "Unknown",
        "whencreated": plain_date(&claimed),
        "phonenumber": "",
        "phonenumber_cost": "0.0000",
        "tunnelable": 0,
        "hidden": 0,
        "tags": [],
        "links": {"cellular": links},
    })
}

fn link(iccid: &str, used: u64, state: &str, claimed: &Zoned, ends: &Zoned) -> Value {
    // A plan of 0 bytes is one without a quota.
    let plan = if hash(iccid).is_multiple_of(4) { 0 } else { topped_up(used, PLAN) };
    json!({
        "id": link_id(iccid),
        "sim": iccid,
        "imsi": 1_010_000_000_000_u64 + hash(iccid) % 1_000_000_000,
        "carrierid": 2,
        "state": state,
        "whenclaimed": plain_date(claimed),
        "whenexpires": plain_date(ends),
        "overagelimit": -1,
        "cur_billing_data_used": used,
        "apn": "hologram (no user, no pw)",
        "plan": {
            "id": 170,
            "zone": "global",
            "name": "Simulated plan",
            "data": plan,
            "cost": "0.0000",
            "sms": "0.1900",
            "overage": "0.4000",
            "account_tier": "BASE",
        },
        "last_network_used": "",
        "last_connect_time": "0000-00-00 00:00:00",
    })
}

/// When the SIMs were claimed, and when the cycle of thirty days ends in which they are now.
fn cycle(exchange: &Exchange<'_>) -> (Zoned, Zoned) {
    let now = at(exchange.now, 0);
    let claimed = year_start(&now, 0);
    let days = now.timestamp().duration_since(claimed.timestamp()).as_hours() / 24;
    let ends = claimed.saturating_add(SignedDuration::from_hours((days / CYCLE_DAYS + 1) * CYCLE_DAYS * 24));
    (claimed, ends)
}

fn link_id(iccid: &str) -> u64 {
    hash(iccid) % 1_000_000_000
}
