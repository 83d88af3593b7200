//! SIMBOSS: a signed form. Errors are HTTP 200 with a code inside. MB.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{CHINA, MIB, at, fraction, month_away, month_start, plain_date, topped_up};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, pairs};
use serde_json::json;
use sha2::{Digest, Sha256};

pub(super) static SIMBOSS: Operator = Operator {
    base_path: &["2.0"],
    ..Operator::new("simboss", &["usedDataVolume"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["device", "detail"]) => Operation::Usage(call.form("iccid").unwrap_or_default()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let iccid = operation.usage_sim().ok_or(Problem::NoSuchCall)?;
    let call = exchange.call;
    let (Some(app), Some(sent)) = (call.form("appid"), call.form("sign")) else {
        return Err(Problem::NoCredentials);
    };
    if app != USER || sent != sign(call.body) {
        return Err(Problem::BadCredentials);
    }
    let timestamp = call.form("timestamp").unwrap_or_default();
    if timestamp.len() != 13 || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::BadRequest("timestamp must be in milliseconds"));
    }
    if iccid.is_empty() {
        return Err(Problem::BadRequest("iccid is missing"));
    }
    exchange.require_known(iccid)?;
    let usage = exchange.read(iccid);
    let month = month_start(&at(exchange.now, CHINA));
    let last = month_away(&month, 1).saturating_sub(jiff::SignedDuration::from_secs(1));
    let (start, end) = (plain_date(&month), plain_date(&last));
    Ok(Reply::ok(&json!({
        "code": "0",
        "success": true,
        "message": "OK",
        "detail": "",
        "data": {
            "iccid": usage.iccid,
            "carrier": "cmcc",
            "type": "SINGLE",
            "status": "activation",
            "usedDataVolume": fraction(usage.used, MIB, 2),
            "totalDataVolume": fraction(topped_up(usage.used, 100 * MIB), MIB, 2),
            "useCountAsVolume": false,
            "ratePlanId": 1,
            "iratePlanName": "100M",
            "startDate": start,
            "expireDate": end,
            "ratePlanEffetiveDate": start,
            "ratePlanExpirationDate": end,
            "lastSyncDate": plain_date(&at(exchange.now, CHINA)),
        },
    })))
}

fn problem(problem: Problem) -> Reply {
    // The vendor's list of codes could not be read, so these are ours. Confirmed: HTTP 200, and a string
    // `code` other than "0".
    let (status, code, message) = match problem {
        Problem::NoCredentials => (200, "1001", "appid or sign is missing"),
        Problem::BadCredentials | Problem::TokenGone => (200, "1002", "sign error"),
        Problem::BadRequest(detail) => (200, "1003", detail),
        Problem::UnknownSim => (200, "2001", "device not found"),
        Problem::RateLimited => (200, "1004", "too many requests"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(status) => (status, "9999", "system error"),
    };
    Reply::json(
        status,
        &json!({"code": code, "success": false, "message": message, "detail": "", "data": null}),
    )
}

/// SHA-256 over the sorted raw `k=v`, then `&` and the secret.
fn sign(body: &[u8]) -> String {
    let mut signed: Vec<String> = pairs(body)
        .filter(|(name, _)| name != "sign")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    signed.sort_unstable();
    hex::encode(Sha256::digest(format!("{}&{SECRET}", signed.join("&"))))
}
