//! Soracom: a JSON log-in that returns two headers. A search by part of the ICCID. Bytes per speed class.

use crate::credentials::{SECRET, USER};
use crate::exchange::{Exchange, neighbour};
use crate::format::{at, month_start};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::{Value, json};
use std::time::Duration;

const DEFAULT_LIFE: u64 = 86_400;
const LONGEST_LIFE: u64 = 172_800;
const DEFAULT_FOUND: u64 = 10;
const MAX_FOUND: u64 = 100;
/// The beginning of a SIM id, before the ICCID, so that an id is never mistaken for an ICCID.
const ID_PREFIX: &str = "SIM";

pub(super) static SORACOM: Operator = Operator {
    base_path: &["v1"],
    shown_token,
    log_in,
    ..Operator::new("soracom", &["uploadByteSizeTotal", "downloadByteSizeTotal"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["auth"]) => Operation::Login,
        ("GET", ["query", "sims"]) => Operation::Lookup(call.query("iccid").unwrap_or_default()),
        ("GET", ["stats", "air", "sims", id]) => {
            Operation::Usage(id.strip_prefix(ID_PREFIX).unwrap_or_default().to_owned())
        }
        _ => Operation::Unknown,
    }
}

fn shown_token(call: &Call<'_>) -> Option<String> {
    Some(format!("{} {}", call.header("x-soracom-api-key")?, call.header("x-soracom-token")?))
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let body = exchange.call.json();
    if body["authKeyId"] != USER || body["authKey"] != SECRET {
        return Err(Problem::BadCredentials);
    }
    let asked = body["tokenTimeoutSeconds"].as_u64().unwrap_or(DEFAULT_LIFE);
    if asked > LONGEST_LIFE {
        return Err(Problem::BadRequest("tokenTimeoutSeconds is 172800 at most"));
    }
    let life = asked.min(exchange.config.token_ttl_seconds);
    let tokens = &exchange.state.tokens;
    let key = format!("api-{:016x}", tokens.next_serial(exchange.now));
    let token = format!("{:016x}", tokens.next_serial(exchange.now));
    tokens.accept(&format!("{key} {token}"), exchange.now, Duration::from_secs(life));
    Ok(Reply::ok(&json!({"apiKey": key, "token": token, "operatorId": "OP0000000000", "userName": USER})))
}

fn asked_limit(call: &Call<'_>) -> u64 {
    call.query("limit").map_or(DEFAULT_FOUND, |limit| limit.parse().unwrap_or(0))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let token = shown_token(exchange.call).ok_or(Problem::NoCredentials)?;
    exchange.require_token(Some(&token))?;
    match operation {
        Operation::Lookup(iccid) if iccid.len() < 2 => Err(Problem::BadRequest("iccid needs 2 characters")),
        Operation::Lookup(_) if !(1..=MAX_FOUND).contains(&asked_limit(exchange.call)) => {
            Err(Problem::BadRequest("limit is 1 to 100"))
        }
        Operation::Lookup(iccid) => {
            let mut found = vec![sim(&neighbour(iccid))];
            if exchange.knows(iccid) {
                found.push(sim(&exchange.shown(iccid)));
            }
            Ok(Reply::ok(&Value::Array(found)))
        }
        Operation::Usage(iccid) => stats(exchange, iccid),
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // The form is documented. Of the codes only SEM0016 is, so these are ours.
    let (status, code, message) = match problem {
        // Documented without a body.
        Problem::BadCredentials => return Reply::empty(401),
        Problem::NoCredentials | Problem::TokenGone => (401, "AUM0000", "Invalid or expired API token."),
        Problem::UnknownSim => (404, "SEM0001", "The SIM is not found."),
        Problem::NoSuchCall => (404, "COM0404", "Not found."),
        Problem::BadRequest(detail) => (400, "COM0003", detail),
        Problem::RateLimited => (429, "COM0429", "Too many requests."),
        Problem::Failure(status) => (status, "COM0001", "Unexpected error."),
    };
    Reply::json(status, &json!({"code": code, "message": message}))
}

fn stats(exchange: &Exchange<'_>, iccid: &str) -> Result<Reply, Problem> {
    let seconds = |name| exchange.call.query(name).and_then(|text| text.parse::<i64>().ok());
    let (Some(from), Some(to)) = (seconds("from"), seconds("to")) else {
        return Err(Problem::BadRequest("from and to are needed, in Unix seconds"));
    };
    if exchange.call.query("period").as_deref() != Some("month") {
        return Err(Problem::BadRequest("this simulator has period=month only"));
    }
    exchange.require_known(iccid)?;
    let month = month_start(&at(exchange.now, 0));
    let start = month.timestamp().as_second();
    let used = exchange.read(iccid).used;
    // The window is widened to whole months. Months without traffic are left out.
    if used == 0 || to < start || from > exchange.now.seconds() {
        return Ok(Reply::ok(&json!([])));
    }
    let (slow_up, slow_down) = (used / 50, used / 25);
    let fast_up = used / 4;
    let fast_down = used - fast_up - slow_up - slow_down;
    Ok(Reply::ok(&json!([{
        "date": month.strftime("%Y%m%d").to_string(),
        "unixtime": start,
        "dataTrafficStatsMap": {
            "s1.fast": class(fast_up, fast_down),
            "s1.minimum": class(slow_up, slow_down),
        },
    }])))
}

fn class(up: u64, down: u64) -> Value {
    json!({
        "uploadByteSizeTotal": up,
        "downloadByteSizeTotal": down,
        "uploadPacketSizeTotal": up / 500,
        "downloadPacketSizeTotal": down / 1_000,
    })
}

fn sim(iccid: &str) -> Value {
    // A SIM is a map of profiles by ICCID. It has no ICCID of its own.
    json!({
        "operatorId": "OP0000000000",
        "simId": format!("{ID_PREFIX}{iccid}"),
        "type": "uicc",
        "status": "active",
        "activeProfileId": iccid,
        "profiles": { iccid: {"iccid": iccid, "primaryImsi": "440103200000013", "subscribers": {}} },
    })
}
