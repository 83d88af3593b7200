//! China Mobile OneLink v5: the token travels in the query; HTTP 200 with the error inside; KB in a string.

use super::{Op, Operator, Problem, SECRET, USER};
use crate::figures::{KIB, topped_up, trimmed};
use crate::instance::{Exchange, Instance};
use crate::wire::{Call, Reply};
use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct OneLink;

impl Operator for OneLink {
    fn name(&self) -> &'static str {
        "onelink_v5"
    }

    fn base_path(&self) -> &'static [&'static str] {
        &["v5", "ec"]
    }

    fn classify(&self, _: &Instance, call: &Call<'_>) -> Op {
        let (method, path) = call.route();
        let iccid = || parameter(call, "iccid").unwrap_or_default();
        match (method, path.as_slice()) {
            ("GET" | "POST", ["get", "token"]) => Op::Login,
            ("GET" | "POST", ["query", "sim-data-usage"]) => Op::Usage(iccid()),
            ("GET" | "POST", ["query", "sim-data-margin" | "sim-status"]) => Op::Lookup(iccid()),
            _ => Op::Unknown,
        }
    }

    fn shown_token(&self, call: &Call<'_>) -> Option<String> {
        parameter(call, "token")
    }

    fn answer(&self, exchange: &Exchange<'_>, op: &Op) -> Reply {
        let call = exchange.call;
        if *op == Op::Unknown {
            return self.problem(&Problem::NoSuchCall);
        }
        let transaction = parameter(call, "transid").unwrap_or_default();
        if !is_transaction(&transaction) {
            return self.problem(&Problem::BadRequest("transid 格式错误"));
        }
        if !exchange.instance.is_new(&transaction) {
            exchange.instance.ledger.violation(exchange.now, "a transid was used twice");
            return self.problem(&Problem::BadRequest("transid 重复"));
        }
        let (Op::Usage(iccid) | Op::Lookup(iccid)) = op else { return self.log_in(exchange) };
        if !exchange.has_token(self.shown_token(call).as_deref()) {
            return self.problem(&Problem::TokenGone);
        }
        if iccid.is_empty() || parameter(call, "msisdn").is_some() || parameter(call, "imsi").is_some() {
            return self.problem(&Problem::BadRequest("msisdn、iccid、imsi 必须且只能填写一个"));
        }
        if !exchange.knows(iccid) {
            return self.problem(&Problem::UnknownSim);
        }
        match call.segments.last().map(AsRef::as_ref) {
            Some("sim-data-usage") => {
                let used = exchange.read(iccid).used;
                // A single blank stands for no usage.
                let amount = if used == 0 { " ".to_owned() } else { trimmed(used, KIB, 2) };
                success(&json!([{ "dataAmount": amount }]))
            }
            Some("sim-data-margin") => {
                let used = exchange.instance.sims.peek(iccid, |sim| sim.used(exchange.config, exchange.now));
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
        }
    }

    fn problem(&self, problem: &Problem<'_>) -> Reply {
        // Of these only 12021 is known from clients; what is sure is HTTP 200 with a status other than "0".
        let (http, status, message) = match problem {
            Problem::NoCredentials | Problem::TokenGone => (200, "12021", "TOKEN不存在或已过期,请重新获取"),
            Problem::BadCredentials => (200, "12001", "APPID或密码错误"),
            Problem::UnknownSim => (200, "11002", "号码不存在"),
            Problem::BadRequest(detail) => (200, "12002", *detail),
            Problem::RateLimited => (200, "12022", "访问过于频繁"),
            Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
            Problem::Failure(http) => (*http, "10001", "系统错误"),
        };
        Reply::json(http, &json!({"status": status, "message": message, "result": []}))
    }

    fn used_fields(&self) -> &'static [&'static str] {
        &["dataAmount"]
    }
}

impl OneLink {
    fn log_in(&self, exchange: &Exchange<'_>) -> Reply {
        let field = |name| parameter(exchange.call, name);
        if field("appid").as_deref() != Some(USER) || field("password").as_deref() != Some(SECRET) {
            return self.problem(&Problem::BadCredentials);
        }
        success(&json!([{ "token": exchange.new_token("") }]))
    }
}

fn success(result: &Value) -> Reply {
    Reply::ok(&json!({"status": "0", "message": "正确", "result": result}))
}

/// A parameter, of the query (GET) or of the JSON body (POST).
fn parameter(call: &Call<'_>, name: &str) -> Option<String> {
    match call.query(name) {
        Some(value) => Some(value),
        None if call.body.is_empty() => None,
        None => call.json().get(name)?.as_str().map(str::to_owned),
    }
}

/// App id, 14 digits of time, 8 digits of a sequence; 48 characters at most.
fn is_transaction(transid: &str) -> bool {
    transid.len() <= 48
        && transid
            .strip_prefix(USER)
            .is_some_and(|rest| rest.len() == 22 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
