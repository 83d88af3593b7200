//! Another platform with the same open API as simgauge: a refresh, then a read.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{MB, at, month_away, month_start, topped_up};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::{SyncState, hash};
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use std::collections::BTreeMap;
use std::time::Duration;

const COOLDOWN: Duration = Duration::from_secs(300);
const CLOCK_WINDOW_SECONDS: i64 = 300;

pub(super) static OAPI: Operator = Operator::new("oapi", &["usedBytes"], operation, answer, problem);

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let number = |field| call.json().get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    match route {
        ("POST", ["api", "v3", "card", "refreshUsage"]) => Operation::Lookup(number("iccid")),
        ("POST", ["api", "v3", "cloudesim", "refreshUsage"]) => Operation::Lookup(number("eid")),
        ("POST", ["api", "v3", "card", "getCardsInfo"]) => Operation::Usage(number("iccid")),
        ("POST", ["api", "v3", "cloudesim", "get"]) => Operation::Usage(number("eid")),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let number = operation.sim().ok_or(Problem::NoSuchCall)?;
    let body = exchange.call.json();
    if let Some(refusal) = wrong_sign(exchange, &body)? {
        return Ok(refusal);
    }
    if number.is_empty() {
        return Err(Problem::BadRequest("iccid / eid 不能为空"));
    }
    exchange.require_known(number)?;
    Ok(match operation {
        Operation::Lookup(_) => refresh(exchange, number, &body),
        _ if !exchange.state.is_new(body["sign"].as_str().unwrap_or_default()) => {
            envelope("409", "该签名已被使用,请重新签名", None)
        }
        _ => read(exchange, number),
    })
}

fn problem(problem: Problem) -> Reply {
    match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => {
            envelope("401", "appkey 不存在或签名错误", None)
        }
        Problem::UnknownSim => envelope("41008", "卡号与运营商不匹配", None),
        Problem::BadRequest(detail) => envelope("400", detail, None),
        Problem::RateLimited => envelope("501", "请求太频繁", None),
        Problem::NoSuchCall => status(404, "未找到"),
        Problem::Failure(code @ (404 | 405 | 413 | 503)) => status(code, "系统繁忙,请稍后再试"),
        // Every call of an operation is answered with HTTP 200, also where the platform itself fails.
        Problem::Failure(code) => envelope(&code.to_string(), "系统内部错误", None),
    }
}

/// The refusal of a call whose app, sign or timestamp is wrong.
fn wrong_sign(exchange: &Exchange<'_>, body: &Value) -> Result<Option<Reply>, Problem> {
    let (Some(appkey), Some(sign)) = (body["appkey"].as_str(), body["sign"].as_str()) else {
        return Err(Problem::BadRequest("appkey, sign 不能为空"));
    };
    if !(10_000..=99_999).contains(&body["nonce"].as_i64().unwrap_or_default()) {
        return Err(Problem::BadRequest("nonce: 10000..99999"));
    }
    let now = exchange.now.seconds();
    let fresh = body["timestamp"].as_i64().is_some_and(|at| (at - now).abs() <= CLOCK_WINDOW_SECONDS);
    let text = string_to_sign(exchange.call.body).ok_or(Problem::BadCredentials)?;
    let expected = hex::encode_upper(Sha1::digest(format!("{text}&secret={SECRET}")));
    if appkey == USER && fresh && sign.eq_ignore_ascii_case(&expected) {
        return Ok(None);
    }
    let data = json!({"serverTime": now, "stringToSign": format!("{text}&secret=***")});
    Ok(Some(envelope("401", "appkey 不存在或签名错误", Some(data))))
}

/// The parameters that are not empty, sorted. Numbers are as written in the body.
fn string_to_sign(body: &[u8]) -> Option<String> {
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).ok()?;
    let mut parts = Vec::with_capacity(fields.len());
    for (name, raw) in &fields {
        let text = match serde_json::from_str(raw.get()).ok()? {
            Value::Null => String::new(),
            Value::Bool(truth) => u8::from(truth).to_string(),
            Value::Number(_) => raw.get().to_owned(),
            Value::String(text) => text,
            nested => Some(nested.to_string()).filter(|text| text.len() > 2).unwrap_or_default(),
        };
        if name != "sign" && !text.is_empty() {
            parts.push(format!("{name}={text}"));
        }
    }
    Some(parts.join("&"))
}

/// Accepts a refresh once in five minutes. The same call is answered alike again.
fn refresh(exchange: &Exchange<'_>, number: &str, body: &Value) -> Reply {
    let now = exchange.now;
    let sign = hash(body["sign"].as_str().unwrap_or_default());
    let serial = exchange.state.tokens.next_serial(now);
    let state = exchange.state.sims.with(number, |sim| {
        let last = sim.extra.as_ref().and_then(|extra| extra.refresh);
        if let Some(last) = last.filter(|last| now.since(last.accepted) < COOLDOWN) {
            return if last.sign == sign { Ok(last) } else { Err(last) };
        }
        let before = last.map_or_else(|| sim.last_answer(exchange.config, now), |last| last.after);
        let after = sim.answer(exchange.config, now);
        let state = SyncState { accepted: now, number: serial, before, after, sign };
        sim.extra().refresh = Some(state);
        Ok(state)
    });
    match state {
        Err(last) => {
            let next = last.accepted.after(COOLDOWN);
            let wait = whole_seconds_up(next.since(now));
            let data = json!({"retryAfterSeconds": wait, "nextRefreshAt": next.seconds()});
            envelope("429", "操作过于频繁,请稍后再试", Some(data)).with("retry-after", wait)
        }
        Ok(state) => {
            let wait = Duration::from_secs(body["wait"].as_u64().unwrap_or(0).min(8));
            let left = state.accepted.after(exchange.config.sync_delay).since(now);
            let held = left.min(wait);
            let seen = now.after(held);
            let mut data = json!({
                "refreshId": refresh_id(&state),
                "state": if wait.is_zero() { "queued" } else { state_at(exchange, &state, seen) },
                "acceptedAt": state.accepted.seconds(),
                "nextRefreshAt": state.accepted.after(COOLDOWN).seconds(),
            });
            if data["state"] == "succeeded" {
                data["usage"] = usage(exchange, state.after, state.accepted, seen);
                data["refresh"] = report(exchange, &state, seen);
            }
            let mut reply = envelope("200", success_message(exchange), Some(data));
            reply.hold = held;
            reply
        }
    }
}

/// The card with the usage of its last finished refresh.
fn read(exchange: &Exchange<'_>, number: &str) -> Reply {
    let now = exchange.now;
    exchange.state.ledger.reading();
    let (state, used, synced) =
        exchange.state.sims.with(number, |sim| match sim.extra.as_ref().and_then(|extra| extra.refresh) {
            Some(state) if state_at(exchange, &state, now) == "succeeded" && !exchange.faults.unchanged => {
                (Some(state), state.after, state.accepted)
            }
            Some(state) => (Some(state), state.before, state.accepted),
            None => (None, sim.last_answer(exchange.config, now), now),
        });
    let shown = exchange.shown(number);
    let field =
        if exchange.call.segments.get(2).is_some_and(|kind| kind == "card") { "iccid" } else { "eid" };
    let data = json!({
        field: shown,
        "cardStatus": "ACTIVATED_NAME",
        "label": "",
        "usage": usage(exchange, used, synced, now),
        "packages": [],
        "profiles": [{"iccid": shown, "status": "active", "usage": usage(exchange, used, synced, now)}],
        "refresh": state.map_or(Value::Null, |state| report(exchange, &state, now)),
        "nextRefreshAt": state
            .map(|state| state.accepted.after(COOLDOWN))
            .filter(|next| *next > now)
            .map(UnixMs::seconds),
    });
    envelope("200", success_message(exchange), Some(data))
}

fn state_at(exchange: &Exchange<'_>, state: &SyncState, now: UnixMs) -> &'static str {
    if now >= state.accepted.after(exchange.config.sync_delay) { "succeeded" } else { "running" }
}

fn refresh_id(state: &SyncState) -> String {
    format!("rf_{:016x}", state.number)
}

fn report(exchange: &Exchange<'_>, state: &SyncState, now: UnixMs) -> Value {
    let name = state_at(exchange, state, now);
    let done = name == "succeeded";
    json!({
        "refreshId": refresh_id(state),
        "state": name,
        "acceptedAt": state.accepted.seconds(),
        "finishedAt": done.then(|| state.accepted.after(exchange.config.sync_delay).seconds()),
        "before": state.before,
        "after": done.then_some(state.after),
        "reason": null,
        "reasonText": null,
    })
}

fn usage(exchange: &Exchange<'_>, used: u64, synced: UnixMs, now: UnixMs) -> Value {
    let month = month_start(&at(exchange.now, 0));
    let total = topped_up(used, 1_000 * MB);
    json!({
        "usedBytes": used,
        "totalBytes": total,
        "remainingBytes": total - used,
        "asOf": synced.seconds(),
        "syncedAt": synced.seconds(),
        "ageSeconds": now.since(synced).as_secs(),
        "period": {
            "kind": "calendar_month",
            "start": month.timestamp().as_second(),
            "end": month_away(&month, 1).timestamp().as_second(),
        },
    })
}

fn success_message(exchange: &Exchange<'_>) -> &'static str {
    if exchange.call.segments.get(2).is_some_and(|kind| kind == "card") { "操作成功" } else { "success" }
}

fn envelope(code: &str, message: &str, data: Option<Value>) -> Reply {
    let mut body = json!({"code": code, "message": message});
    if let Some(data) = data {
        body["data"] = data;
    }
    Reply::ok(&body)
}

fn status(http: u16, message: &str) -> Reply {
    let mut reply = envelope(&http.to_string(), message, None);
    reply.status = http;
    reply
}
