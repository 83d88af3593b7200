//! China Mobile OneLink v5: the token is in the query. Errors are HTTP 200 with a status inside. KB in a
//! string.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{CHINA, KIB, at, topped_up, trimmed};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::{Value, json};
use simgauge_domain::time::UnixMs;

/// SIMs of a batch.
const MAX_SIMS: usize = 100;

pub(super) static ONE_LINK: Operator = Operator {
    base_path: &["v5", "ec"],
    shown_token,
    log_in,
    ..Operator::new("onelink_v5", &["dataAmount"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let iccid = || parameter(call, "iccid").unwrap_or_default();
    match route {
        ("GET" | "POST", ["get", "token"]) => Operation::Login,
        ("GET" | "POST", ["query", "sim-data-usage"]) => Operation::Usage(iccid()),
        ("GET" | "POST", ["query", "sim-data-usage-monthly", "batch"]) => {
            let iccids = parameter(call, "iccids").unwrap_or_default();
            Operation::UsageOfMany(iccids.split('_').map(str::to_owned).collect())
        }
        ("GET" | "POST", ["query", "sim-data-margin" | "sim-status"]) => Operation::Lookup(iccid()),
        _ => Operation::Unknown,
    }
}

fn shown_token(call: &Call<'_>) -> Option<String> {
    parameter(call, "token")
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    require_new_transaction(exchange)?;
    let field = |name| parameter(exchange.call, name);
    if field("appid").as_deref() != Some(USER) || field("password").as_deref() != Some(SECRET) {
        return Err(Problem::BadCredentials);
    }
    Ok(success(&json!([{ "token": exchange.new_token("") }])))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let call = exchange.call;
    if *operation == Operation::Unknown {
        return Err(Problem::NoSuchCall);
    }
    require_new_transaction(exchange)?;
    exchange.require_token(shown_token(call).as_deref())?;
    if let Operation::UsageOfMany(asked) = operation {
        return batch(exchange, asked);
    }
    let iccid = operation.sim().ok_or(Problem::NoSuchCall)?;
    if iccid.is_empty() || parameter(call, "msisdn").is_some() || parameter(call, "imsi").is_some() {
        return Err(Problem::BadRequest("msisdn、iccid、imsi 必须且只能填写一个"));
    }
    exchange.require_known(iccid)?;
    Ok(match call.segments.last().map(AsRef::as_ref) {
        Some("sim-data-usage") => {
            let used = exchange.read(iccid).used;
            // No usage is a single blank.
            let amount = if used == 0 { " ".to_owned() } else { trimmed(used, KIB, 2) };
            success(&json!([{ "dataAmount": amount }]))
        }
        Some("sim-data-margin") => {
            let used = exchange.peek(iccid);
            let total = topped_up(used, 100 * KIB * KIB);
            success(&json!([{"accmMarginList": [{
                "offeringId": "100000000001",
                "offeringName": "100M",
                "apnName": "CMIOT",
                "totalAmount": trimmed(total, KIB, 2),
                "useAmount": trimmed(used, KIB, 2),
                "remainAmount": trimmed(total - used, KIB, 2),
                "pccCode": "",
            }]}]))
        }
        _ => success(&json!([{"cardStatus": "2", "lastChangeDate": "2026-01-02 03:04:05"}])),
    })
}

/// This month's usage of many SIMs, as of the last midnight in China.
fn batch(exchange: &Exchange<'_>, asked: &[String]) -> Result<Reply, Problem> {
    let call = exchange.call;
    let is_other = |name| parameter(call, name).is_some();
    if asked.iter().any(String::is_empty) || is_other("msisdns") || is_other("imsis") {
        return Err(Problem::BadRequest("msisdns、iccids、imsis 必须且只能填写一个"));
    }
    if !exchange.allows(asked.len(), MAX_SIMS) {
        return Err(Problem::BadRequest("单次最多 100 张卡"));
    }
    let today = at(exchange.now, CHINA);
    if parameter(call, "queryDate") != Some(today.strftime("%Y%m").to_string()) {
        return Err(Problem::BadRequest("queryDate 格式错误"));
    }
    // Whether an unknown SIM refuses the call or is left out is not known. Here it refuses the call.
    asked.iter().try_for_each(|iccid| exchange.require_known(iccid))?;
    let midnight =
        today.start_of_day().map_or(exchange.now, |start| UnixMs(start.timestamp().as_millisecond()));
    let until_midnight = Exchange { now: midnight, ..*exchange };
    let list = until_midnight.read_each(asked.iter().map(String::as_str), |usage| {
        // No usage has no list by access point.
        vec![match usage.used {
            0 => json!({"iccid": usage.iccid, "dataAmount": "0"}),
            used => {
                let amount = trimmed(used, KIB, 2);
                let of_apn = json!([{"apnName": "CMIOT", "apnDataAmount": amount}]);
                json!({"iccid": usage.iccid, "dataAmount": amount, "apnDataAmountList": of_apn})
            }
        }]
    });
    Ok(success(&json!([{ "dataAmountList": list }])))
}

fn problem(problem: Problem) -> Reply {
    // The codes are from a reseller's copy of the list. It has none for too many calls. Errors are HTTP 200.
    let (http, status, message) = match problem {
        Problem::NoCredentials | Problem::TokenGone => (200, "12021", "TOKEN不存在或已过期,请重新获取"),
        Problem::BadCredentials => (200, "12022", "应用ID或密码验证不通过"),
        Problem::UnknownSim => (200, "12010", "卡号鉴权失败,不存在本系统"),
        Problem::BadRequest(detail) => (200, "11000", detail),
        Problem::RateLimited => (200, "made-up", "访问过于频繁"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(http) => (http, "500", "系统内部错误"),
    };
    Reply::json(http, &json!({"status": status, "message": message, "result": []}))
}

fn success(result: &Value) -> Reply {
    Reply::ok(&json!({"status": "0", "message": "正确", "result": result}))
}

/// A parameter of the query (GET) or of the JSON body (POST).
fn parameter(call: &Call<'_>, name: &str) -> Option<String> {
    match call.query(name) {
        Some(value) => Some(value),
        None if call.body.is_empty() => None,
        None => call.json().get(name)?.as_str().map(str::to_owned),
    }
}

/// Every call has a transaction id of its own.
fn require_new_transaction(exchange: &Exchange<'_>) -> Result<(), Problem> {
    let transaction = parameter(exchange.call, "transid").unwrap_or_default();
    if !is_transaction(&transaction) {
        return Err(Problem::BadRequest("transid 格式错误"));
    }
    if !exchange.state.is_new(&transaction) {
        exchange.state.ledger.violation(exchange.now, "a transid was used twice");
        return Err(Problem::BadRequest("transid 重复"));
    }
    Ok(())
}

/// App id, 14 digits of time, 8 digits of a sequence. At most 48 characters.
fn is_transaction(transid: &str) -> bool {
    transid.len() <= 48
        && transid
            .strip_prefix(USER)
            .is_some_and(|rest| rest.len() == 22 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
