//! Soracom: a JSON log-in that gives two headers; a search by part of the ICCID; bytes per speed class.

use super::{Op, Operator, Problem, SECRET, USER};
use crate::figures::{at, month_start};
use crate::instance::{Exchange, Instance, neighbour};
use crate::wire::{Call, Reply};
use serde_json::{Value, json};
use std::time::Duration;

const DEFAULT_LIFE: u64 = 86_400;
const LONGEST_LIFE: u64 = 172_800;
/// What stands before the ICCID in a SIM id, so that one cannot pass for the other.
const ID_PREFIX: &str = "SIM";

#[derive(Debug)]
pub(super) struct Soracom;

impl Operator for Soracom {
    fn name(&self) -> &'static str {
        "soracom"
    }

    fn base_path(&self) -> &'static [&'static str] {
        &["v1"]
    }

    fn classify(&self, _: &Instance, call: &Call<'_>) -> Op {
        let (method, path) = call.route();
        match (method, path.as_slice()) {
            ("POST", ["auth"]) => Op::Login,
            ("GET", ["query", "sims"]) => Op::Lookup(call.query("iccid").unwrap_or_default()),
            ("GET", ["stats", "air", "sims", id]) => {
                Op::Usage(id.strip_prefix(ID_PREFIX).unwrap_or_default().to_owned())
            }
            _ => Op::Unknown,
        }
    }

    fn shown_token(&self, call: &Call<'_>) -> Option<String> {
        Some(format!("{} {}", call.header("x-soracom-api-key")?, call.header("x-soracom-token")?))
    }

    fn answer(&self, exchange: &Exchange<'_>, op: &Op) -> Reply {
        if *op == Op::Login {
            return self.log_in(exchange);
        }
        match self.shown_token(exchange.call) {
            None => return self.problem(&Problem::NoCredentials),
            token if !exchange.has_token(token.as_deref()) => return self.problem(&Problem::TokenGone),
            _ => {}
        }
        match op {
            Op::Lookup(iccid) if iccid.is_empty() => {
                self.problem(&Problem::BadRequest("iccid is needed here"))
            }
            Op::Lookup(iccid) => {
                let mut found = vec![sim(&neighbour(iccid))];
                if exchange.knows(iccid) {
                    found.push(sim(&exchange.shown(iccid)));
                }
                Reply::ok(&Value::Array(found))
            }
            Op::Usage(iccid) => self.stats(exchange, iccid),
            _ => self.problem(&Problem::NoSuchCall),
        }
    }

    fn problem(&self, problem: &Problem<'_>) -> Reply {
        // The bodies of errors are not documented; this is the shape that clients have seen.
        let (status, code, message) = match problem {
            Problem::BadCredentials => (401, "AUM0001", "Authentication failed."),
            Problem::NoCredentials | Problem::TokenGone => (401, "AUM0003", "Invalid or expired API token."),
            Problem::UnknownSim => (404, "SEM0001", "The SIM is not found."),
            Problem::NoSuchCall => (404, "COM0404", "Not found."),
            Problem::BadRequest(detail) => (400, "COM0003", *detail),
            Problem::RateLimited => (429, "COM0429", "Too many requests."),
            Problem::Failure(status) => (*status, "COM0001", "Unexpected error."),
        };
        Reply::json(status, &json!({"code": code, "message": message}))
    }

    fn used_fields(&self) -> &'static [&'static str] {
        &["uploadByteSizeTotal", "downloadByteSizeTotal"]
    }
}

impl Soracom {
    fn log_in(&self, exchange: &Exchange<'_>) -> Reply {
        let body = exchange.call.json();
        if body["authKeyId"] != USER || body["authKey"] != SECRET {
            return self.problem(&Problem::BadCredentials);
        }
        let asked = body["tokenTimeoutSeconds"].as_u64().unwrap_or(DEFAULT_LIFE).min(LONGEST_LIFE);
        let life = asked.min(exchange.config.token_ttl_seconds);
        let tokens = &exchange.instance.tokens;
        let key = format!("api-{:016x}", tokens.next_serial(exchange.now));
        let token = format!("{:016x}", tokens.next_serial(exchange.now));
        tokens.accept(&format!("{key} {token}"), exchange.now, Duration::from_secs(life));
        Reply::ok(&json!({"apiKey": key, "token": token, "operatorId": "OP0000000000", "userName": USER}))
    }

    fn stats(&self, exchange: &Exchange<'_>, iccid: &str) -> Reply {
        let seconds = |name| exchange.call.query(name).and_then(|text| text.parse::<i64>().ok());
        let (Some(from), Some(to)) = (seconds("from"), seconds("to")) else {
            return self.problem(&Problem::BadRequest("from and to are needed, in Unix seconds"));
        };
        if exchange.call.query("period").as_deref() != Some("month") {
            return self.problem(&Problem::BadRequest("this simulator has period=month only"));
        }
        if !exchange.knows(iccid) {
            return self.problem(&Problem::UnknownSim);
        }
        let month = month_start(&at(exchange.now, 0));
        let start = month.timestamp().as_second();
        let figure = exchange.read(iccid);
        // The window is widened to whole months; months without traffic are left out.
        if figure.used == 0 || to < start || from > exchange.now.seconds() {
            return Reply::ok(&json!([]));
        }
        let (slow_up, slow_down) = (figure.used / 50, figure.used / 25);
        let fast_up = figure.used / 4;
        let fast_down = figure.used - fast_up - slow_up - slow_down;
        Reply::ok(&json!([{
            "date": month.strftime("%Y%m%d").to_string(),
            "unixtime": start,
            "dataTrafficStatsMap": {
                "s1.fast": class(fast_up, fast_down),
                "s1.minimum": class(slow_up, slow_down),
            },
        }]))
    }
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
    json!({"simId": format!("{ID_PREFIX}{iccid}"), "iccid": iccid, "status": "active", "type": "iot-sim"})
}
