//! eSIM Access: a static header, or a signed call. Every call is POST, every answer HTTP 200. Bytes.
//!
//! Sources: <https://docs.esimaccess.com> (calls, fields, codes, 8 a second, 10 numbers, 5 to 500 a page).
//! The order of what is signed, and that the hex is in lower case, is from two independent clients.

use crate::credentials::{SECRET, USER};
use crate::exchange::{Exchange, Usage};
use crate::format::{at, topped_up, year_start};
use crate::mac::hmac_sha256;
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use jiff::Zoned;
use serde_json::{Value, json};
use simgauge_domain::limits::Scope;

const GIB: u64 = 1 << 30;
/// Bytes of the package that every SIM has.
const PACKAGE: u64 = 5 * GIB;
const MAX_USAGES: usize = 10;
const DEFAULT_PAGE: u64 = 20;
/// How far a signed call may be from the clock. The documents name the error, not the span.
const CLOCK_WINDOW_MS: i64 = 300_000;

pub(super) static ESIM_ACCESS: Operator = Operator {
    buckets: &[bucket(Scope::Credential, 8, 1)],
    lists_sims: true,
    ..Operator::new("esim_access", &["orderUsage", "dataUsage"], operation, answer, problem)
};

fn operation(state: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["api", "v1", "open", "esim", "query"]) => {
            let body = call.json();
            let iccid = wanted(&body, "iccid").map(str::to_owned);
            let by_number =
                wanted(&body, "esimTranNo").map(|number| of_tran_no(state, number).unwrap_or_default());
            match iccid.or(by_number) {
                Some(sim) => Operation::Usage(sim),
                None => Operation::UsageOfMany(Vec::new()),
            }
        }
        ("POST", ["api", "v1", "open", "esim", "usage", "query"]) => {
            let numbers = call.texts("/esimTranNoList");
            Operation::UsageOfMany(numbers.iter().filter_map(|number| of_tran_no(state, number)).collect())
        }
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let asked = operation.usage_sims().ok_or(Problem::NoSuchCall)?;
    require_access(exchange)?;
    let body = exchange.call.json();
    if !body.is_object() {
        return Err(Problem::BadRequest("000104"));
    }
    match exchange.call.segments.len() {
        5 => profiles(exchange, asked, &body),
        _ => usages(exchange, asked, &body),
    }
}

fn problem(problem: Problem) -> Reply {
    // Codes and meanings are documented. HTTP stays 200. What is answered to too many calls is not known: the
    // number is ours.
    let (status, code, message) = match problem {
        Problem::NoCredentials => (200, "000101", "request header is null"),
        Problem::BadCredentials | Problem::TokenGone => (200, "101003", "signature mismatch"),
        Problem::UnknownSim => (200, "310403", "the iccid does not exist in the order"),
        Problem::BadRequest(code) => (200, code, "the request is wrong"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::RateLimited => (429, "900001", "system busy"),
        Problem::Failure(status) => (status, "000001", "server error"),
    };
    Reply::json(status, &json!({"success": false, "errorCode": code, "errorMsg": message, "obj": null}))
}

/// The access code alone is enough. A call that carries a signature is held to it.
fn require_access(exchange: &Exchange<'_>) -> Result<(), Problem> {
    let call = exchange.call;
    let access = call.header("rt-accesscode").ok_or(Problem::NoCredentials)?;
    if access != USER && access != SECRET {
        return Err(Problem::BadCredentials);
    }
    let Some(signature) = call.header("rt-signature") else { return Ok(()) };
    let (Some(id), Some(time)) = (call.header("rt-requestid"), call.header("rt-timestamp")) else {
        return Err(Problem::BadRequest("000101"));
    };
    let sent: i64 = time.parse().map_err(|_| Problem::BadRequest("000102"))?;
    if exchange.now.0.abs_diff(sent) > CLOCK_WINDOW_MS.unsigned_abs() {
        return Err(Problem::BadRequest("101001"));
    }
    if signature != sign(SECRET, time, id, access, call.body) {
        return Err(Problem::BadCredentials);
    }
    Ok(())
}

/// Timestamp, request id, access code and body, with nothing between them.
fn sign(secret: &str, time: &str, id: &str, access: &str, body: &[u8]) -> String {
    let mut text = format!("{time}{id}{access}").into_bytes();
    text.extend_from_slice(body);
    hex::encode(hmac_sha256(secret, &text))
}

/// A filter that is there and not blank.
fn wanted<'b>(body: &'b Value, name: &str) -> Option<&'b str> {
    body[name].as_str().filter(|value| !value.is_empty())
}

fn of_tran_no(state: &OperatorState, tran_no: &str) -> Option<String> {
    state.number_of(tran_no.parse().ok()?)
}

fn usages(exchange: &Exchange<'_>, asked: &[String], body: &Value) -> Result<Reply, Problem> {
    let count = body["esimTranNoList"].as_array().ok_or(Problem::BadRequest("000105"))?.len();
    if count == 0 || !exchange.allows(count, MAX_USAGES) {
        return Err(Problem::BadRequest("000107"));
    }
    let known = asked.iter().map(String::as_str).filter(|iccid| exchange.knows(iccid));
    let list = exchange.read_each(known, |usage| {
        vec![json!({
            "esimTranNo": exchange.state.id_of(&usage.iccid).to_string(),
            "dataUsage": usage.used,
            "totalData": topped_up(usage.used, PACKAGE),
            "lastUpdateTime": zoned(&at(exchange.now, 0)),
        })]
    });
    Ok(success(&json!({ "esimUsageList": list })))
}

fn profiles(exchange: &Exchange<'_>, asked: &[String], body: &Value) -> Result<Reply, Problem> {
    let pager = body.get("pager").ok_or(Problem::BadRequest("000105"))?;
    let number = pager["pageNum"].as_u64().unwrap_or(1);
    let size = pager["pageSize"].as_u64().unwrap_or(DEFAULT_PAGE);
    if !(1..=10_000).contains(&number) || !(5..=500).contains(&size) {
        return Err(Problem::BadRequest("000107"));
    }
    let (numbers, total) = match asked {
        [iccid] => {
            exchange.require_known(iccid)?;
            (vec![iccid.clone()], 1)
        }
        _ => {
            let sims = &exchange.state.sims;
            (sims.numbered_page(number as usize, size as usize).numbers, sims.listed())
        }
    };
    let numbers = numbers.iter().map(String::as_str);
    let list = exchange.read_each(numbers, |usage| vec![profile(exchange, usage)]);
    Ok(success(&json!({
        "esimList": list,
        "pager": {"pageSize": size, "pageNum": number, "total": total},
    })))
}

fn profile(exchange: &Exchange<'_>, usage: &Usage) -> Value {
    let start = year_start(&at(exchange.now, 0), 0);
    let id = exchange.state.id_of(&usage.iccid);
    let total = topped_up(usage.used, PACKAGE);
    // A profile that was never used has neither an EID nor a date of activation.
    let is_used = usage.used > 0;
    json!({
        "esimTranNo": id.to_string(),
        "orderNo": format!("B{id}"),
        "transactionId": format!("simulated-{id}"),
        "imsi": format!("001010{:09}", hash(&usage.iccid) % 1_000_000_000),
        "iccid": usage.iccid,
        "smsStatus": 1,
        "ac": "LPA:1$rsp.example.com$0123456789ABCDEF0123456789ABCDEF",
        "smdpStatus": if is_used { "ENABLED" } else { "RELEASED" },
        "eid": if is_used { format!("89049032{id:024}") } else { String::new() },
        "activeType": 1,
        "dataType": 1,
        "activateTime": is_used.then(|| zoned(&start)),
        "expiredTime": zoned(&year_start(&start, 2)),
        "totalVolume": total,
        "totalDuration": 30,
        "durationUnit": "DAY",
        "orderUsage": usage.used,
        "esimStatus": if is_used { "IN_USE" } else { "GOT_RESOURCE" },
        "pin": "",
        "puk": "",
        "apn": "example.apn",
        "packageList": [{
            "packageName": "Spain 5GB 30Days",
            "packageCode": "CKH003",
            "slug": "ES_5_30",
            "duration": 30,
            "volume": PACKAGE,
            "locationCode": "ES",
            "createTime": zoned(&start),
        }],
    })
}

fn success(object: &Value) -> Reply {
    Reply::ok(&json!({"success": true, "errorCode": "0", "errorMsg": null, "obj": object}))
}

/// `2025-03-19T18:00:00+0000`.
fn zoned(moment: &Zoned) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart from the algorithm that two clients share.
    #[test]
    fn the_sign_is_over_four_parts_without_separators() {
        let (id, access, secret) = ("4ce9d9cdac9e4e17b3a2c66c358c1ce2", "1".repeat(32), "2".repeat(32));
        let signed = |body: &str| sign(&secret, "1766000000000", id, &access, body.as_bytes());
        assert_eq!(
            signed(r#"{"esimTranNoList":["25031120490003"]}"#),
            "fcd870970defbe72798266c2343f488a003d33bce768ada66def5f59e14ff209"
        );
        assert_eq!(signed(""), "2867851c1b4967316ba1ac84688574f71e8bcdb3930755cc8601359737f0ae73");
    }
}
