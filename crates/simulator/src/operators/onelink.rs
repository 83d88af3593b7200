//! China Mobile OneLink v5: the token is in the query. Errors are HTTP 200 with a status inside. KB in a
//! string.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{KIB, topped_up, trimmed};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::{Value, json};

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
    let iccid = operation.sim().ok_or(Problem::NoSuchCall)?;
    require_new_transaction(exchange)?;
    exchange.require_token(shown_token(call).as_deref())?;
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
