//! Verizon ThingSpace: OAuth2, then a session. Daily usage records in bytes. Five bad log-ins lock the user.
//!
//! Sources:
//! <https://thingspace.verizon.com/documentation/apis/connectivity-management/api-reference/retrieve-device-usage-history.html>,
//! <https://thingspace.verizon.com/resources/documentation/connectivity/API_Reference/Start_Connectivity_Management_Session/>,
//! <https://thingspace.verizon.com/resources/documentation/connectivity/API_Reference/Synchronous_Error_Messages/>,
//! sdks-io/verizon-apis-python-sdk@d3f7277 (forms, statuses), api-evangelist/verizon@5c0aea1 (error codes).

use crate::credentials::{SECRET, USER, require_basic};
use crate::exchange::Exchange;
use crate::format::{at, day_share, month_away, month_start, rfc3339};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use std::time::Duration;

const MAX_RECORDS: usize = 500;
const MAX_BAD_LOGINS: u32 = 5;
/// Only the operator's support unlocks a user.
const LOCKED_FOR: Duration = Duration::MAX;
/// A session ends after this time without a call.
const IDLE: Duration = Duration::from_secs(20 * 60);
const KINDS: [&str; 8] = ["iccid", "imei", "mdn", "meid", "esn", "msisdn", "eid", "imsi"];

const EXPIRED: &str = "REQUEST_FAILED.SessionToken.Expired";
const UNREADABLE: &str = "INPUT_INVALID.RequestUndefined";

pub(super) static VERIZON: Operator = Operator {
    base_path: &["api"],
    lists_sims: true,
    shown_token: |call| call.header("vz-m2m-token").map(str::to_owned),
    log_in,
    ..Operator::new("verizon_thingspace", &["bytesUsed"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let iccid = || call.json()["deviceId"]["id"].as_str().unwrap_or_default().to_owned();
    match route {
        ("POST", ["ts", "v1", "oauth2", "token"] | ["m2m", "v1", "session", "login"]) => Operation::Login,
        ("POST", ["m2m", "v1", "devices", "usage", "actions", "list"]) => Operation::Usage(iccid()),
        ("POST", ["m2m", "v1", "devices", "actions", "list"]) => Operation::Lookup(iccid()),
        _ => Operation::Unknown,
    }
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    match exchange.call.segments.first().map(AsRef::as_ref) {
        Some("ts") => Ok(access_token(exchange)),
        _ => match refused_bearer(exchange) {
            Some(refusal) => Ok(refusal),
            None => session(exchange),
        },
    }
}

/// The first log-in. Asked again within its life, it returns the same token.
fn access_token(exchange: &Exchange<'_>) -> Reply {
    if exchange.call.form("grant_type").as_deref() != Some("client_credentials") {
        return Reply::json(400, &json!({"error": "unsupported_grant_type"}));
    }
    if require_basic(exchange.call).is_err() {
        let what = "Client authentication failed";
        return Reply::json(401, &json!({"error": "invalid_client", "error_description": what}));
    }
    let life = i64::try_from(exchange.config.token_ttl_seconds).unwrap_or(i64::MAX).max(1);
    let seconds = exchange.now.seconds();
    let left = life - seconds.rem_euclid(life);
    let token = format!("{:016x}", hash(&format!("access token {}", seconds.div_euclid(life))));
    let span = Duration::from_secs(left.unsigned_abs());
    exchange.state.tokens.accept(&token, exchange.now, span);
    Reply::ok(&json!({
        "access_token": token,
        "scope": "ts.application.ro",
        "token_type": "Bearer",
        "expires_in": left,
    }))
}

/// The second log-in. It never says how long the session lives.
fn session(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let tokens = &exchange.state.tokens;
    let body = exchange.call.json();
    if tokens.is_locked(exchange.now) {
        return Err(Problem::BadCredentials);
    }
    if body["username"] != USER || body["password"] != SECRET {
        tokens.bad_login(exchange.now, MAX_BAD_LOGINS, LOCKED_FOR);
        if tokens.is_locked(exchange.now) {
            let note = "five bad log-ins in a row have locked the user";
            exchange.state.ledger.violation(exchange.now, note);
        }
        return Err(Problem::BadCredentials);
    }
    tokens.good_login();
    let (first, second) = (tokens.next_serial(exchange.now), tokens.next_serial(exchange.now));
    let token = format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        first >> 32,
        first & 0xffff,
        (first >> 16) & 0xfff,
        second >> 52,
        second & 0xffff_ffff_ffff
    );
    tokens.accept(&token, exchange.now, IDLE);
    Ok(Reply::ok(&json!({ "sessionToken": token })))
}

fn refused_bearer(exchange: &Exchange<'_>) -> Option<Reply> {
    let message = match exchange.call.bearer() {
        None => "Required OAuth credentials not provided",
        Some(token) if exchange.state.tokens.is_good(token, exchange.now) => return None,
        Some(_) => "Invalid Credentials",
    };
    Some(Reply::json(401, &json!({"fault": {"faultstring": message}})))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let iccid = operation.sim().ok_or(Problem::NoSuchCall)?;
    if let Some(refusal) = refused_bearer(exchange) {
        return Ok(refusal);
    }
    require_session(exchange)?;
    let body = exchange.call.json();
    if let Some(device) = body.get("deviceId") {
        if !KINDS.contains(&device["kind"].as_str().unwrap_or_default().to_ascii_lowercase().as_str()) {
            return Err(Problem::BadRequest("INPUT_INVALID.Device.Kind.Invalid"));
        }
        exchange.require_known(iccid)?;
    }
    match operation {
        Operation::Usage(_) if body.get("deviceId").is_none() => Err(Problem::BadRequest(UNREADABLE)),
        Operation::Usage(iccid) => usage(exchange, iccid, &body),
        _ => Ok(devices(exchange, &body)),
    }
}

fn problem(problem: Problem) -> Reply {
    // Codes are documented, and that nearly all come with HTTP 400. Texts are ours, as is the form in which
    // the gateway refuses a bearer.
    let (status, code, message) = match problem {
        Problem::NoCredentials => (400, "REQUEST_FAILED.SessionToken.Format", "The session token is missing"),
        Problem::BadCredentials => (400, "INPUT_INVALID.Password.Invalid", "The password is wrong"),
        Problem::TokenGone => (400, EXPIRED, "The session has expired"),
        Problem::UnknownSim => (400, "REQUEST_FAILED.DeviceNotFound", "The device is not on the account"),
        Problem::BadRequest(code) => (400, code, "The request is wrong"),
        Problem::NoSuchCall => {
            let what = "The requested resource is not available";
            return Reply::json(404, &json!({"fault": {"faultstring": what}}));
        }
        Problem::RateLimited => (429, "REQUEST_FAILED.UnexpectedError", "Too many requests"),
        Problem::Failure(status) => (status, "REQUEST_FAILED.UnexpectedError", "Unexpected error"),
    };
    let code = format!("UnifiedWebService.{code}");
    Reply::json(status, &json!({"errorCode": code, "errorMessage": message}))
}

/// A good session lives on from each call.
fn require_session(exchange: &Exchange<'_>) -> Result<(), Problem> {
    let token = exchange.call.header("vz-m2m-token").ok_or(Problem::NoCredentials)?;
    if token.len() != 36 || token.split('-').count() != 5 {
        return Err(Problem::BadRequest("INPUT_INVALID.SessionToken.Invalid"));
    }
    exchange.require_token(Some(token))?;
    exchange.state.tokens.accept(token, exchange.now, IDLE);
    Ok(())
}

/// One record a day. This billing cycle began with the month. Days before it have bytes of their own.
fn usage(exchange: &Exchange<'_>, iccid: &str, body: &Value) -> Result<Reply, Problem> {
    let time = |name: &str| body[name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let (Some(earliest), Some(latest)) = (time("earliest"), time("latest")) else {
        return Err(Problem::BadRequest(UNREADABLE));
    };
    if latest < earliest {
        return Err(Problem::BadRequest(UNREADABLE));
    }
    let now = at(exchange.now, 0);
    let (first, today) = (month_start(&now).date(), now.date());
    let day_of = |time: Timestamp| time.to_zoned(jiff::tz::TimeZone::UTC);
    let (earliest, latest) = (day_of(earliest), day_of(latest));
    // The day of `earliest` is the first, also where the time is within it. Records are kept for a year.
    let begin = earliest.date().max(today.saturating_sub(1.year()));
    let days: Vec<Date> = begin.series(1.day()).take_while(|day| *day <= latest.date().min(today)).collect();
    let used = exchange.read(iccid).used;
    let bytes = |day: Date| match day < first {
        true => 1 + hash(&format!("{iccid}{day}")) % 1_000_000,
        false => day_share(used, day, today),
    };
    let has_more = days.len() > MAX_RECORDS;
    let records: Vec<Value> = days
        .into_iter()
        .take(MAX_RECORDS)
        // Days without traffic are left out.
        .filter(|day| bytes(*day) > 0)
        .map(|day| {
            json!({
                "bytesUsed": bytes(day),
                "extendedAttributes": [{"key": "MoSms", "value": "0"}],
                "smsUsed": 0,
                "source": "Raw Usage",
                "timestamp": format!("{day}T00:00:00Z"),
                "servicePlan": "m2m4G",
            })
        })
        .collect();
    let status = if has_more { 202 } else { 200 };
    Ok(Reply::json(status, &json!({"hasMoreData": has_more, "usageHistory": records})))
}

/// One device, or the account's devices behind the one whose first id was seen last.
fn devices(exchange: &Exchange<'_>, body: &Value) -> Reply {
    let most = body["maxNumberOfDevices"].as_u64().unwrap_or(100).clamp(1, 2_000);
    let page = match body["deviceId"]["id"].as_str() {
        Some(iccid) => crate::listing::Page { numbers: vec![iccid.to_owned()], has_more: false },
        None => {
            let seen = match &body["largestDeviceIdSeen"] {
                Value::String(id) => id.parse().ok(),
                id => id.as_u64(),
            };
            let seen = seen.and_then(|id| exchange.state.number_of(id));
            exchange.state.sims.page(seen.as_deref(), 0, most as usize)
        }
    };
    let ends = rfc3339(&month_away(&at(exchange.now, 0), 1));
    let devices: Vec<Value> = page
        .numbers
        .iter()
        .map(|iccid| {
            let mdn = exchange.state.remember(9_000_000_000 + hash(iccid) % 1_000_000_000, iccid);
            json!({
                "accountName": "0000123456-00001",
                "billingCycleEndDate": ends,
                "carrierInformations": [
                    {"carrierName": "Verizon Wireless", "servicePlan": "m2m4G", "state": "active"},
                ],
                "connected": false,
                "createdAt": "2026-01-02T03:04:05-04:00",
                "deviceIds": [
                    {"id": mdn.to_string(), "kind": "mdn"},
                    {"id": exchange.shown(iccid), "kind": "iccid"},
                ],
                "groupNames": [],
                "ipAddress": "0.0.0.0",
            })
        })
        .collect();
    let status = if page.has_more { 202 } else { 200 };
    Reply::json(status, &json!({"hasMoreData": page.has_more, "devices": devices}))
}
