//! SIMBOSS: a signed form; HTTP 200 with the error inside; MB.

use super::{Op, Operator, Problem, SECRET, USER};
use crate::figures::{CHINA, MIB, at, fraction, month_away, month_start, plain_date, topped_up};
use crate::instance::{Exchange, Instance};
use crate::wire::{Call, Reply, pairs};
use serde_json::json;
use sha2::{Digest, Sha256};

#[derive(Debug)]
pub(super) struct Simboss;

impl Operator for Simboss {
    fn name(&self) -> &'static str {
        "simboss"
    }

    fn base_path(&self) -> &'static [&'static str] {
        &["2.0"]
    }

    fn classify(&self, _: &Instance, call: &Call<'_>) -> Op {
        let (method, path) = call.route();
        match (method, path.as_slice()) {
            ("POST", ["device", "detail"]) => Op::Usage(call.form("iccid").unwrap_or_default()),
            _ => Op::Unknown,
        }
    }

    fn answer(&self, exchange: &Exchange<'_>, op: &Op) -> Reply {
        let Op::Usage(iccid) = op else { return self.problem(&Problem::NoSuchCall) };
        let call = exchange.call;
        let (Some(app), Some(sent)) = (call.form("appid"), call.form("sign")) else {
            return self.problem(&Problem::NoCredentials);
        };
        if app != USER || sent != sign(call.body) {
            return self.problem(&Problem::BadCredentials);
        }
        let timestamp = call.form("timestamp").unwrap_or_default();
        if timestamp.len() != 13 || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.problem(&Problem::BadRequest("timestamp must be in milliseconds"));
        }
        if iccid.is_empty() {
            return self.problem(&Problem::BadRequest("iccid is missing"));
        }
        if !exchange.knows(iccid) {
            return self.problem(&Problem::UnknownSim);
        }
        let figure = exchange.read(iccid);
        let month = month_start(&at(exchange.now, CHINA));
        let last = month_away(&month, 1).saturating_sub(jiff::SignedDuration::from_secs(1));
        let (start, end) = (plain_date(&month), plain_date(&last));
        Reply::ok(&json!({
            "code": "0",
            "success": true,
            "message": "OK",
            "detail": "",
            "data": {
                "iccid": figure.iccid,
                "carrier": "cmcc",
                "type": "SINGLE",
                "status": "activation",
                "usedDataVolume": fraction(figure.used, MIB, 2),
                "totalDataVolume": fraction(topped_up(figure.used, 100 * MIB), MIB, 2),
                "useCountAsVolume": false,
                "ratePlanId": 1,
                "iratePlanName": "100M",
                "startDate": start,
                "expireDate": end,
                "ratePlanEffetiveDate": start,
                "ratePlanExpirationDate": end,
                "lastSyncDate": plain_date(&at(exchange.now, CHINA)),
            },
        }))
    }

    fn problem(&self, problem: &Problem<'_>) -> Reply {
        // The vendor's list of codes could not be read; these are ours. What is sure: HTTP 200, `code` a string other than "0".
        let (status, code, message) = match problem {
            Problem::NoCredentials => (200, "1001", "appid or sign is missing"),
            Problem::BadCredentials | Problem::TokenGone => (200, "1002", "sign error"),
            Problem::BadRequest(detail) => (200, "1003", *detail),
            Problem::UnknownSim => (200, "2001", "device not found"),
            Problem::RateLimited => (200, "1004", "too many requests"),
            Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
            Problem::Failure(status) => (*status, "9999", "system error"),
        };
        Reply::json(
            status,
            &json!({"code": code, "success": false, "message": message, "detail": "", "data": null}),
        )
    }

    fn used_fields(&self) -> &'static [&'static str] {
        &["usedDataVolume"]
    }
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
