//! SIMBOSS: a signed form. Errors are HTTP 200 with a code inside. MB.

use crate::credentials::{SECRET, USER};
use crate::exchange::{Exchange, Usage};
use crate::format::{CHINA, MIB, at, fraction, month_away, month_start, plain_date, topped_up};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, pairs};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// SIMs of a batch.
const MAX_SIMS: usize = 100;

pub(super) static SIMBOSS: Operator = Operator {
    base_path: &["2.0"],
    ..Operator::new("simboss", &["usedDataVolume"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["device", "detail"]) => Operation::Usage(call.form("iccid").unwrap_or_default()),
        ("POST", ["device", "detail", "batch"]) => {
            let iccids = call.form("iccids").unwrap_or_default();
            Operation::UsageOfMany(iccids.split(',').map(str::to_owned).collect())
        }
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let asked = operation.usage_sims().ok_or(Problem::NoSuchCall)?;
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
    if asked.iter().any(String::is_empty) {
        return Err(Problem::BadRequest("iccid is missing"));
    }
    if let Some(iccid) = operation.usage_sim() {
        exchange.require_known(iccid)?;
        return Ok(success(&detail(exchange, &exchange.read(iccid))));
    }
    if !exchange.allows(asked.len(), MAX_SIMS) {
        return Err(Problem::BadRequest("iccids must hold 1 to 100 numbers"));
    }
    // Whether an unknown SIM refuses the call or is left out is not known. Here it is left out.
    let known = asked.iter().map(String::as_str).filter(|iccid| exchange.knows(iccid));
    let data = exchange.read_each(known, |usage| vec![detail(exchange, usage)]);
    Ok(success(&Value::Array(data)))
}

fn success(data: &Value) -> Reply {
    Reply::ok(&json!({"code": "0", "message": "OK", "detail": "", "data": data}))
}

fn detail(exchange: &Exchange<'_>, usage: &Usage) -> Value {
    if usage.used == 0 {
        // A card that was never activated has neither a figure nor the dates of a plan.
        return json!({
            "iccid": usage.iccid,
            "carrier": "cmcc",
            "type": "SINGLE",
            "status": "inventory",
            "ratePlanId": 1,
            "iratePlanName": "100.0M/月",
            "totalDataVolume": 100.0,
        });
    }
    let month = month_start(&at(exchange.now, CHINA));
    let last = month_away(&month, 1).saturating_sub(jiff::SignedDuration::from_secs(1));
    let (start, end) = (plain_date(&month), plain_date(&last));
    json!({
        "iccid": usage.iccid,
        "carrier": "cmcc",
        "type": "SINGLE",
        "status": "activation",
        "usedDataVolume": fraction(usage.used, MIB, 2),
        "totalDataVolume": fraction(topped_up(usage.used, 100 * MIB), MIB, 2),
        "useCountAsVolume": false,
        "ratePlanId": 1,
        "iratePlanName": "100.0M/月",
        "startDate": start,
        "expireDate": end,
        "ratePlanEffetiveDate": start,
        "ratePlanExpirationDate": end,
        "lastSyncDate": plain_date(&at(exchange.now, CHINA)),
    })
}

fn problem(problem: Problem) -> Reply {
    // Clients know 443, 445 and 446. The other codes are ours. The operator's SDKs show that an error is
    // HTTP 200 with a text `code` other than "0".
    let (status, code, message) = match problem {
        Problem::NoCredentials => (200, "443", "invalid appid"),
        Problem::BadCredentials | Problem::TokenGone => (200, "445", "sign error"),
        Problem::BadRequest(detail) => (200, "446", detail),
        Problem::UnknownSim => (200, "2001", "device not found"),
        Problem::RateLimited => (200, "1004", "too many requests"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(status) => (status, "9999", "system error"),
    };
    Reply::json(status, &json!({"code": code, "message": message, "detail": "", "data": null}))
}

/// SHA-256 over the sorted raw `k=v`, joined with `&`, and the secret right behind them.
fn sign(body: &[u8]) -> String {
    let mut signed: Vec<String> = pairs(body)
        .filter(|(name, _)| name != "sign")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    signed.sort_unstable();
    hex::encode(Sha256::digest(format!("{}{SECRET}", signed.join("&"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart, from the algorithm that the operator's five SDKs share.
    #[test]
    fn the_secret_follows_without_an_ampersand() {
        let body = b"timestamp=1778234400000&appid=sim-user&iccid=898607B2091700000011&sign=x";
        assert_eq!(sign(body), "eba82f0058e0f338a60b273ae336ceb4a48764e6a818db06a7e12af07016b5b4");
        let batch =
            b"iccids=898602B7091700000019%2C898607B2091700000011&appid=sim-user&timestamp=1778234400000";
        assert_eq!(sign(batch), "6927f365cf7e613842e2d5659eff0add7b7f5163ef26766cccd1cc2765189328");
    }
}
