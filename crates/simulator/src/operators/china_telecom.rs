//! China Telecom 5GCMP: signed headers. A batch by access numbers in JSON, single SIMs in XML. MB in texts.
//!
//! Sources: four independent clients, two of which quote the operator's PDF "5GCMP" (sections 1.2.3 and
//! 2.1.18: headers, sign with its example, batches) and one of which recorded an answer. The PDF could not be
//! read, and no table of codes is known.

use super::telecom_ticket::{access_number, period, sim_of, this_month, ticket};
use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{CHINA, MIB, at, fixed};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::without_check_digit;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use jiff::civil::DateTime;
use md5::{Digest, Md5};
use serde_json::{Value, json};

const MAX_BATCH: usize = 100;
const LIST_PAGE: usize = 50;
/// How far a call may be from the clock is not known. Time is GMT by the PDF, Beijing's in a client that
/// works.
const CLOCK_WINDOW_SECONDS: u64 = 900;

pub(super) static CHINA_TELECOM: Operator = Operator {
    lists_sims: true,
    canonical: without_check_digit,
    ..Operator::new("china_telecom", &["flowAmount", "TOTAL_BYTES_CNT"], operation, answer, problem)
};

fn operation(state: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let sim = || sim_of(state, call.query("iccid"), call.query("access_number"));
    match route {
        ("GET", ["api", "v1", "openbill", "queryTraffic" | "queryTrafficByDate"]) => Operation::Usage(sim()),
        ("POST", ["api", "v1", "batchQry", "batchQryFlowByMonth"]) => {
            let numbers = call.texts("/accessNumber").into_iter();
            Operation::UsageOfMany(numbers.map(|number| sim_of(state, None, Some(number))).collect())
        }
        ("GET", ["openapi", "v1", "prodinst", "getSIMList"]) => Operation::Lookup(sim()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    require_sign(exchange)?;
    let call = exchange.call;
    match operation {
        Operation::Lookup(iccid) => Ok(list(exchange, iccid)),
        Operation::UsageOfMany(asked) => batch(exchange, asked),
        Operation::Usage(iccid) => {
            if !matches!(call.query("needDtl").as_deref(), Some("0" | "1")) {
                return Err(Problem::BadRequest("needDtl 参数错误"));
            }
            let period = match call.segments.last().map(AsRef::as_ref) {
                Some("queryTraffic") => this_month(exchange),
                _ => period(call.query("startDate"), call.query("endDate"))?,
            };
            exchange.require_known(iccid)?;
            Ok(ticket(exchange, iccid, period))
        }
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // The form is a client's, the text of the refusal about another account's card too. The numbers are ours.
    let refused = "无权限（请检查做业务的卡/流量池是否属于本账号，或是否有权限调用此接口）";
    let (status, code, message) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => (200, "-2", "签名验证失败"),
        Problem::UnknownSim => (200, "-1", refused),
        Problem::BadRequest(detail) => (200, "-3", detail),
        Problem::RateLimited => (200, "-4", "访问过于频繁"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(status) => (status, "-5", "系统异常"),
    };
    Reply::json(status, &json!({"code": code, "message": message}))
}

fn require_sign(exchange: &Exchange<'_>) -> Result<(), Problem> {
    let call = exchange.call;
    let header = |name| call.header(name).ok_or(Problem::NoCredentials);
    let (key, time, shown) = (header("appkey")?, header("timestamp")?, header("sign")?);
    let sent =
        DateTime::strptime("%Y%m%d%H%M%S", time).map_err(|_| Problem::BadRequest("Timestamp 格式错误"))?;
    let is_now = |hours| {
        let sent = sent.to_zoned(at(exchange.now, hours).time_zone().clone());
        sent.is_ok_and(|sent| {
            sent.timestamp().as_second().abs_diff(exchange.now.seconds()) <= CLOCK_WINDOW_SECONDS
        })
    };
    if time.len() != 14 || !(is_now(0) || is_now(CHINA)) {
        return Err(Problem::BadRequest("Timestamp 已过期"));
    }
    if key != USER || shown != sign(SECRET, time, call.query, call.body) {
        return Err(Problem::BadCredentials);
    }
    Ok(())
}

/// The sorted query, the body, the key and the time through MD5. The hexadecimal text is written in
/// hexadecimal once more.
fn sign(secret: &str, time: &str, query: &str, body: &[u8]) -> String {
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    let mut text = pairs.join("&").into_bytes();
    text.extend_from_slice(body);
    text.extend_from_slice(secret.as_bytes());
    text.extend_from_slice(time.as_bytes());
    hex::encode_upper(hex::encode(Md5::digest(text)))
}

fn batch(exchange: &Exchange<'_>, asked: &[String]) -> Result<Reply, Problem> {
    let body = exchange.call.json();
    if body["custNumber"].as_str().unwrap_or_default().is_empty() {
        return Err(Problem::BadRequest("custNumber 不能为空"));
    }
    if asked.is_empty() || !exchange.allows(asked.len(), MAX_BATCH) {
        return Err(Problem::BadRequest("accessNumber 数量必须为1到100"));
    }
    let numbers = body["accessNumber"].as_array().into_iter().flatten();
    let month = at(exchange.now, CHINA).strftime("%Y%m").to_string();
    let found: Vec<Value> = numbers
        .zip(asked)
        .map(|(number, iccid)| {
            if !exchange.knows(iccid) {
                // Every element has a status of its own. This one's is ours.
                return json!({"accessNumber": number, "status": "1", "statusDesc": "号码不存在"});
            }
            let usage = exchange.read(iccid);
            json!({
                "accessNumber": access_number(exchange.state, &usage.iccid).to_string(),
                "result": "1",
                "unit": "MB",
                "flowAmount": fixed(usage.used, MIB, 2),
                "month": month,
                "status": "0",
                "statusDesc": "查询成功",
            })
        })
        .collect();
    Ok(Reply::ok(&json!({"code": 0, "msg": "查询成功", "data": found})))
}

/// Which access number goes with which ICCID. A client reads `description.simList[].iccid`, the other names
/// are ours.
fn list(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    let call = exchange.call;
    let page = call.query("pageIndex").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).max(1);
    let is_filtered = call.query("iccid").is_some() || call.query("access_number").is_some();
    let numbers = match (is_filtered, exchange.knows(iccid)) {
        (true, true) => vec![iccid.to_owned()],
        (true, false) => Vec::new(),
        _ => exchange.state.sims.numbered_page(page, LIST_PAGE).numbers,
    };
    let list: Vec<Value> = numbers
        .iter()
        .map(|iccid| {
            json!({
                "accNumber": access_number(exchange.state, iccid).to_string(),
                "iccid": exchange.shown(iccid),
                "simStatus": ["4"],
            })
        })
        .collect();
    let description = json!({"pageIndex": page, "simList": list});
    Reply::ok(&json!({"resultCode": "0", "resultMsg": "成功", "description": description}))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first is the example of the operator's PDF, the others were computed apart.
    #[test]
    fn the_sign_is_the_hexadecimal_of_a_hexadecimal_text() {
        let secret = "d1209cfefe895364e03";
        assert_eq!(
            sign(secret, "20201101021435", "c=3&a=1&b=2", br#"{"name":"xf","age":"dd"}"#),
            "3863613035653132306631333231313733383637376333326536316631643934"
        );
        assert_eq!(
            sign(secret, "20260601000000", "access_number=1410000000001&needDtl=0", b""),
            "6364316666323261643936393434396134373365633062373433326165316133"
        );
        let batch = br#"{"accessNumber":["1064900000001","1064900000002"],"custNumber":"500000000001"}"#;
        assert_eq!(
            sign(secret, "20260601000000", "", batch),
            "3938323437643366613732626236646637316235663862623736383136313861"
        );
    }
}
