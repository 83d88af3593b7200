//! China Unicom CMP: an envelope whose token is an SM3 hash. Up to fifty SIMs a call. MB in texts.
//!
//! Sources: dmlvhh/un_sdk@6e1d3b2 and zhoudm1743/unicom-gw@4f76ab0 (a port of the operator's SDK), and seven
//! more independent clients: calls, envelope, sign, fields. The operator's manual could not be read.

use crate::credentials::{SECRET, USER};
use crate::exchange::{Exchange, Usage};
use crate::format::{CHINA, MIB, at, fixed, plain_date};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use jiff::civil::DateTime;
use serde_json::{Value, json};
use sm3::{Digest, Sm3};

const MAX_SIMS: usize = 50;
/// Times are those of Beijing. How far one may be from the clock is not known: this tells zones apart.
const CLOCK_WINDOW_SECONDS: u64 = 900;

pub(super) static UNICOM: Operator = Operator {
    base_path: &["api"],
    ..Operator::new("unicom_cmp", &["monthToDateDataUsage"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["wsGetTerminalDetails", "V1", "1Main", "vV1.1"]) => {
            Operation::UsageOfMany(call.texts("/data/iccids"))
        }
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let asked = operation.usage_sims().ok_or(Problem::NoSuchCall)?;
    let body = exchange.call.json();
    require_token(exchange, &body)?;
    let data = &body["data"];
    let is_there = |name: &str| data[name].as_str().is_some_and(|value| !value.is_empty());
    if !["messageId", "openId", "version"].into_iter().all(is_there) {
        return Err(Problem::BadRequest("messageId, openId, version 不能为空"));
    }
    if asked.is_empty() || !exchange.allows(asked.len(), MAX_SIMS) {
        return Ok(business(exchange, &data["messageId"], "1001", "iccids 数量必须为1到50", None));
    }
    // What becomes of an unknown number is not known: it is left out.
    let known = asked.iter().map(String::as_str).filter(|iccid| exchange.knows(iccid));
    let terminals = exchange.read_each(known, |usage| vec![terminal(usage)]);
    Ok(business(exchange, &data["messageId"], "0000", "success", Some(terminals)))
}

fn problem(problem: Problem) -> Reply {
    // That the gateway refuses without `data` is known. Its codes are not: these are ours.
    let (http, status, message) = match problem {
        Problem::NoCredentials => (200, "0001", "app_id 不能为空"),
        Problem::BadCredentials | Problem::TokenGone => (200, "0002", "token 校验失败"),
        Problem::BadRequest(detail) => (200, "0003", detail),
        Problem::UnknownSim => (200, "0004", "号码不存在"),
        Problem::RateLimited => (200, "0005", "访问过于频繁"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(http) => (http, "9999", "系统异常"),
    };
    Reply::json(http, &json!({"status": status, "message": message}))
}

fn require_token(exchange: &Exchange<'_>, body: &Value) -> Result<(), Problem> {
    let field = |name: &str| body[name].as_str().ok_or(Problem::NoCredentials);
    let (app, time, id, token) = (field("app_id")?, field("timestamp")?, field("trans_id")?, field("token")?);
    let sent = DateTime::strptime("%Y-%m-%d %H:%M:%S %3f", time)
        .map_err(|_| Problem::BadRequest("timestamp 格式错误"))?;
    let sent = sent.to_zoned(at(exchange.now, CHINA).time_zone().clone());
    let seconds = sent.map_err(|_| Problem::BadRequest("timestamp 格式错误"))?.timestamp().as_second();
    if time.len() != 23 || seconds.abs_diff(exchange.now.seconds()) > CLOCK_WINDOW_SECONDS {
        return Err(Problem::BadRequest("timestamp 已过期"));
    }
    // The digits of the same instant, then six of chance.
    let digits: String = time.chars().filter(char::is_ascii_digit).collect();
    let chance = id.strip_prefix(&digits).unwrap_or_default();
    if chance.len() != 6 || !chance.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::BadRequest("trans_id 格式错误"));
    }
    if app != USER || token != sign(SECRET, app, time, id) {
        return Err(Problem::BadCredentials);
    }
    if !exchange.state.is_new(id) {
        exchange.state.ledger.violation(exchange.now, "a trans_id was used twice");
        return Err(Problem::BadRequest("trans_id 重复"));
    }
    Ok(())
}

/// Names and values in order of the names, then the secret. `data` is not signed.
fn sign(secret: &str, app: &str, time: &str, id: &str) -> String {
    hex::encode(Sm3::digest(format!("app_id{app}timestamp{time}trans_id{id}{secret}")))
}

/// An answer of the platform behind the gateway. The gateway itself is content with all of them.
fn business(
    exchange: &Exchange<'_>,
    message_id: &Value,
    code: &str,
    message: &str,
    terminals: Option<Vec<Value>>,
) -> Reply {
    let mut data = json!({
        "messageId": message_id,
        "version": "1.0",
        "resultCode": code,
        "timestamp": plain_date(&at(exchange.now, CHINA)),
    });
    match terminals {
        Some(terminals) => data["terminals"] = terminals.into(),
        None => data["resultDesc"] = message.into(),
    }
    Reply::ok(&json!({"status": "0000", "message": "success", "data": data}))
}

fn terminal(usage: &Usage) -> Value {
    let is_used = usage.used > 0;
    let number = hash(&usage.iccid) % 1_000_000_000;
    // A text without zeros that say nothing: "0", "12.5".
    let amount = fixed(usage.used, MIB, 3);
    let amount = amount.trim_end_matches('0').trim_end_matches('.');
    // Some names are misspelt like this by the operator.
    json!({
        "msisdn": format!("8614{number:09}"),
        "iccid": usage.iccid,
        "imsi": format!("460060{number:09}"),
        "imei": "",
        "simStatus": if is_used { "2" } else { "1" },
        "realNameStatus": "0",
        "ratePlan": 21_003_113,
        "monthToDateUsage": amount,
        "monthToDateDataUsage": amount,
        "monthToDateSMSUsage": "0",
        "monthToDateVoiceUsage": "0",
        "dateShipped": "2026-01-02 00:00:00",
        "dateModified": "2026-01-02 11:13:34.0",
        "dateAdded": "2026-01-02 10:54:50.0",
        "dateActivated": if is_used { "2026-01-03 00:00:00" } else { "" },
        "dateReceivied": "2026-01-02 10:58:41",
        "accountId": "190900000000000001",
        "Customer": "200600000000000002",
        "ctdSessionCount": 0,
        "overageLimitReached": "197010",
        "provinceCusutom1": "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first is of the standard. The second was computed apart, from the algorithm that the clients
    /// share.
    #[test]
    fn the_token_is_an_sm3_hash() {
        assert_eq!(
            hex::encode(Sm3::digest("abc")),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        );
        let (time, id) = ("2026-06-30 14:46:40 123", "20260630144640123000001");
        assert_eq!(
            sign("abcdefghijklmnopqrstuvwxyz0123", "Uc0Ab12CdE", time, id),
            "7a340258567a6344880a8d9e19cc066a42f5a46f1c55f50e610fa25e31f33b58"
        );
    }
}
