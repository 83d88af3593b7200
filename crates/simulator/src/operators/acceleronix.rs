//! Acceleronix CMP, formerly Quectel Connectivity: signed POST calls. MB in texts for a month, bytes in the
//! details of a SIM.
//!
//! Sources: <https://one-doc.iotomp.com/en/chapter8-plan-services/chapter8-1.html> (where keys come from);
//! calls, fields, units and sign from one author's programs in several versions. No code of an error is
//! known.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{MIB, at, fixed, topped_up};
use crate::mac::hmac_sha256;
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::{Value, json};

const MAX_PAGE: usize = 1_000;
const PLAN: u64 = 100 * MIB;

pub(super) static ACCELERONIX: Operator = Operator {
    base_path: &["gateway", "openapi"],
    lists_sims: true,
    ..Operator::new("acceleronix", &["totalDataUsage", "usedDataOfCurrentPeriod"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let iccid = || call.json()["iccid"].as_str().unwrap_or_default().to_owned();
    match route {
        ("POST", ["sim", "queryMonthData" | "detail"]) => Operation::Usage(iccid()),
        ("POST", ["sim", "page"]) => Operation::Lookup(String::new()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let iccid = operation.sim().ok_or(Problem::NoSuchCall)?;
    require_sign(exchange.call)?;
    let body = exchange.call.json();
    match exchange.call.segments.last().map(AsRef::as_ref) {
        Some("page") => page(exchange, &body),
        Some("detail") => {
            exchange.require_known(iccid)?;
            Ok(success(exchange, &detail(exchange, iccid)))
        }
        _ => {
            exchange.require_known(iccid)?;
            month(exchange, iccid, &body)
        }
    }
}

fn problem(problem: Problem) -> Reply {
    // That a failure is a code other than 200 in HTTP 200 is known. The codes are ours.
    let (status, code, message) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => {
            (200, 401, "Signature verification failed")
        }
        Problem::UnknownSim => (200, 404, "The SIM does not exist"),
        Problem::BadRequest(detail) => (200, 400, detail),
        Problem::NoSuchCall => (404, 404, "Not Found"),
        Problem::RateLimited => (429, 429, "Too many requests"),
        Problem::Failure(status) => (status, 500, "System error"),
    };
    Reply::json(status, &json!({"code": code, "msg": message, "reqId": request_id(message), "data": null}))
}

fn require_sign(call: &Call<'_>) -> Result<(), Problem> {
    let header = |name| call.header(name).ok_or(Problem::NoCredentials);
    let (key, time, shown) = (header("app-key")?, header("timestamp")?, header("signature")?);
    // Seconds, not milliseconds.
    let are_seconds = time.len() == 10 && time.bytes().all(|byte| byte.is_ascii_digit());
    if !are_seconds || key != USER || shown != sign(SECRET, key, time, call.body) {
        return Err(Problem::BadCredentials);
    }
    Ok(())
}

/// Key, timestamp and body, with nothing between them.
fn sign(secret: &str, key: &str, time: &str, body: &[u8]) -> String {
    let mut text = format!("{key}{time}").into_bytes();
    text.extend_from_slice(body);
    hex::encode(hmac_sha256(secret, &text))
}

fn request_id(seed: &str) -> String {
    format!("{:016x}{:016x}", hash(seed), hash(seed).rotate_left(17))
}

fn success(exchange: &Exchange<'_>, data: &Value) -> Reply {
    let id = request_id(&exchange.now.0.to_string());
    Reply::ok(&json!({"code": 200, "msg": "OK", "reqId": id, "data": data}))
}

/// The usage of this month. Another month has one of its own, those to come have none.
fn month(exchange: &Exchange<'_>, iccid: &str, body: &Value) -> Result<Reply, Problem> {
    let month = body["month"].as_str().unwrap_or_default();
    if month.len() != 6 || !month.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::BadRequest("month is yyyyMM"));
    }
    let this_month = at(exchange.now, 0).strftime("%Y%m").to_string();
    let (iccid, used) = match month.cmp(this_month.as_str()) {
        std::cmp::Ordering::Equal => {
            let usage = exchange.read(iccid);
            (usage.iccid, usage.used)
        }
        std::cmp::Ordering::Less => (iccid.to_owned(), hash(iccid) % PLAN),
        std::cmp::Ordering::Greater => (iccid.to_owned(), 0),
    };
    let total = topped_up(used, PLAN);
    let amount = |bytes| fixed(bytes, MIB, 3);
    let data = json!({
        "iccid": iccid,
        "month": month,
        "totalDataAllowance": amount(total),
        "totalDataUsage": amount(used),
        "remainingData": amount(total - used),
        "outsideRegionDataUsage": "0",
        "dataUsageDetails": [{
            "type": 1,
            "orderName": "EU_100M_12Month",
            "dataAllowance": amount(total),
            "dataUsage": amount(used),
            "outsideRegionDataUsage": "0",
        }],
    });
    // Some answers come without the wrapper.
    Ok(if hash(&iccid).is_multiple_of(4) { Reply::ok(&data) } else { success(exchange, &data) })
}

fn detail(exchange: &Exchange<'_>, iccid: &str) -> Value {
    let usage = exchange.read(iccid);
    let number = hash(&usage.iccid) % 1_000_000_000;
    json!({
        "simId": number,
        "iccid": usage.iccid,
        "msisdn": format!("10{number:09}"),
        "imei": "",
        "imsi": format!("001010{number:09}"),
        "enterprise": "Simulated",
        "label": "",
        "simState": if usage.used > 0 { 6 } else { 4 },
        "countryRegion": "DE",
        "enterpriseDataPlan": "EU_100M_12Month",
        "simType": 1,
        "initialTime": "2026-01-02 03:04:05",
        "activationTime": (usage.used > 0).then_some("2026-01-02 03:04:05"),
        "expirationTime": "2036-01-02 03:04:05",
        "usedDataOfCurrentPeriod": usage.used,
    })
}

/// The list has states, not usage.
fn page(exchange: &Exchange<'_>, body: &Value) -> Result<Reply, Problem> {
    let count = |name: &str| body[name].as_u64().and_then(|count| usize::try_from(count).ok());
    let (Some(number @ 1..), Some(size @ 1..=MAX_PAGE)) = (count("pageNum"), count("pageSize")) else {
        return Err(Problem::BadRequest("pageNum is from 1, pageSize 1 to 1000"));
    };
    let sims = &exchange.state.sims;
    let page = sims.numbered_page(number, size);
    let list: Vec<Value> = page
        .numbers
        .iter()
        .map(|iccid| {
            json!({
                "iccid": iccid,
                "simState": if exchange.peek(iccid) > 0 { 6 } else { 4 },
                "enterprise": "Simulated",
                "enterpriseDataPlan": "EU_100M_12Month",
            })
        })
        .collect();
    let total = sims.listed();
    let pages = total.div_ceil(size);
    let data = json!({"current": number, "pages": pages, "size": size, "total": total, "list": list});
    Ok(success(exchange, &data))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart, from the algorithm that three programs share.
    #[test]
    fn key_time_and_body_are_signed() {
        let signed = |body: &str| {
            sign("sk0123456789abcdef0123456789abcdef", "qk0123456789abcdef", "1766000000", body.as_bytes())
        };
        assert_eq!(
            signed(r#"{"iccid":"8932042000000000001","month":"202512"}"#),
            "f5f6df735b6917c8cb297aa15f24c7df9ddaf3788f9ea2ff5f08ff71239ef1ef"
        );
        assert_eq!(
            signed(r#"{"pageNum":1,"pageSize":1000}"#),
            "a772108609bde8dd09a0d636dd37dcf8ca6bf3a6eea91adda3c0b36bc93490bd"
        );
    }
}
