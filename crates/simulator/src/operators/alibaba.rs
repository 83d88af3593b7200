//! Alibaba Cloud IoT Link SIM: signed RPC calls, by GET or as a form. Amounts are texts with a unit.
//!
//! Sources: <https://help.aliyun.com/zh/iotmcp/developer-reference/api-getcardflowinfo>,
//! <https://help.aliyun.com/zh/iotmcp/developer-reference/api-listcardinfo>,
//! <https://help.aliyun.com/en/iotmcp/developer-reference/error-code-1>, the API's metadata of version
//! 2021-05-20 (dew-serverless/acs-sdk-php@1890224), and the platform's description of the RPC signature.

use crate::credentials::{SECRET, USER};
use crate::exchange::{Exchange, Usage};
use crate::format::{CHINA, KIB, MIB, at, fixed, month_away, month_start, plain_date, topped_up};
use crate::mac::hmac_sha1;
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, pairs};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use simgauge_domain::limits::Scope;

/// What stays as it is in a signed text (RFC 3986).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PAGE_SIZES: [usize; 4] = [10, 15, 25, 40];
const MAX_MONTHS: usize = 6;
/// How far a call may be from the clock. The manuals name the error, not the span.
const CLOCK_WINDOW_SECONDS: u64 = 900;
const PLAN: u64 = 30 * MIB;

pub(super) static ALIBABA: Operator = Operator {
    buckets: &[bucket(Scope::Credential, 20, 1)],
    lists_sims: true,
    ..Operator::new("alibaba_linkcard", &["PeriodAddFlow", "Data", "FlowCount"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let iccid = parameter(call, "Iccid");
    match (route, parameter(call, "Action").as_deref()) {
        (("GET" | "POST", []), Some("GetCardLatestFlow" | "GetCardFlowInfo" | "GetCardDetail")) => {
            Operation::Usage(iccid.unwrap_or_default())
        }
        (("GET" | "POST", []), Some("ListCardInfo")) => match iccid {
            Some(iccid) => Operation::Usage(iccid),
            None => Operation::UsageOfMany(Vec::new()),
        },
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    require_sign(exchange)?;
    let asked = operation.usage_sims().ok_or(Problem::BadRequest("InvalidAction.NotFound"))?;
    let action = parameter(exchange.call, "Action").unwrap_or_default();
    if action == "ListCardInfo" {
        return list(exchange, asked);
    }
    let iccid = operation.usage_sim().unwrap_or_default();
    if iccid.is_empty() {
        return Err(Problem::BadRequest("linkcard.check.IccidCanNotEmpty"));
    }
    exchange.require_known(iccid)?;
    match action.as_str() {
        "GetCardLatestFlow" => Ok(success(&json!(amount(exchange.read(iccid).used)))),
        "GetCardFlowInfo" => months(exchange, iccid),
        _ => Ok(success(&json!({
            "VsimCardInfo": card(exchange, &exchange.read(iccid)),
            "ListPsimCards": [],
        }))),
    }
}

fn problem(problem: Problem) -> Reply {
    // The form and the codes of the product are documented, those of the platform are in its manuals. Which
    // HTTP status a code has is in the metadata.
    let (status, code, message) = match problem {
        Problem::NoCredentials => (400, "IncompleteSignature", "The request signature is incomplete."),
        Problem::BadCredentials | Problem::TokenGone => {
            (400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
        }
        Problem::UnknownSim => (400, "linkcard.common.IccidNotExist", "The iccid does not exist."),
        Problem::BadRequest(code) => (400, code, "The request is wrong."),
        Problem::NoSuchCall => (404, "InvalidAction.NotFound", "Specified api is not found."),
        Problem::RateLimited => (400, "Throttling.User", "Request was denied due to user flow control."),
        Problem::Failure(status) => (status, "Service.InternalError", "The server had an error."),
    };
    Reply::json(
        status,
        &json!({
            "RequestId": request_id(code),
            "HostId": "linkcard.aliyuncs.com",
            "Code": code,
            "Message": message,
        }),
    )
}

/// A parameter of the query or of the form.
fn parameter(call: &Call<'_>, name: &str) -> Option<String> {
    call.query(name).or_else(|| call.form(name)).filter(|value| !value.is_empty())
}

fn require_sign(exchange: &Exchange<'_>) -> Result<(), Problem> {
    let call = exchange.call;
    let is = |name, value: &str| parameter(call, name).as_deref() == Some(value);
    let shown = parameter(call, "Signature").ok_or(Problem::NoCredentials)?;
    if !is("SignatureMethod", "HMAC-SHA1") || !is("SignatureVersion", "1.0") {
        return Err(Problem::NoCredentials);
    }
    if !is("Version", "2021-05-20") || !is("Format", "JSON") {
        return Err(Problem::BadRequest("InvalidVersion"));
    }
    if !is("AccessKeyId", USER) {
        return Err(Problem::BadRequest("InvalidAccessKeyId.NotFound"));
    }
    let time = parameter(call, "Timestamp").unwrap_or_default();
    let has_form = time.len() == 20 && time.ends_with('Z');
    let sent: Timestamp = time.parse().map_err(|_| Problem::BadRequest("IllegalTimestamp"))?;
    if !has_form || sent.as_second().abs_diff(exchange.now.seconds()) > CLOCK_WINDOW_SECONDS {
        return Err(Problem::BadRequest("IllegalTimestamp"));
    }
    let query = pairs(call.query.as_bytes());
    let parameters =
        query.chain(pairs(call.body)).map(|(name, value)| (name.into_owned(), value.into_owned()));
    if shown != sign(SECRET, call.method.as_str(), parameters.collect()) {
        return Err(Problem::BadCredentials);
    }
    let nonce = parameter(call, "SignatureNonce").ok_or(Problem::NoCredentials)?;
    if !exchange.state.is_new(&nonce) {
        exchange.state.ledger.violation(exchange.now, "a SignatureNonce was used twice");
        return Err(Problem::BadRequest("SignatureNonceUsed"));
    }
    Ok(())
}

/// The method, the path and the sorted parameters, each encoded. The parameters are encoded twice.
fn sign(secret: &str, method: &str, mut parameters: Vec<(String, String)>) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    parameters.retain(|(name, _)| name != "Signature");
    parameters.sort_unstable();
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let text = format!("{method}&%2F&{}", encoded(&pairs.join("&")));
    STANDARD.encode(hmac_sha1(&format!("{secret}&"), text.as_bytes()))
}

fn request_id(seed: &str) -> String {
    let (first, second) = (hash(seed), hash(seed).rotate_left(23));
    format!("{:08X}-{:04X}-4000-8000-{:012X}", first >> 32, first & 0xffff, second & 0xffff_ffff_ffff)
}

/// A success carries a message of an error as well: only `Success` and `Code` count.
fn success(data: &Value) -> Reply {
    Reply::ok(&json!({
        "RequestId": request_id(&data.to_string()),
        "Success": true,
        "Code": "200",
        "ErrorMessage": "InstanceId cannot be empty.",
        "LocalizedMessage": "InstanceId cannot be empty.",
        "Data": data,
    }))
}

fn amount(bytes: u64) -> String {
    match bytes {
        0 => "0KB".to_owned(),
        1..MIB => format!("{}KB", fixed(bytes, KIB, 2)),
        _ => format!("{}MB", fixed(bytes, MIB, 2)),
    }
}

fn list(exchange: &Exchange<'_>, asked: &[String]) -> Result<Reply, Problem> {
    let number = |name| parameter(exchange.call, name).and_then(|text| text.parse::<usize>().ok());
    let (Some(page), Some(size)) = (number("PageNo").filter(|page| *page > 0), number("PageSize")) else {
        return Err(Problem::BadRequest("MissingParameter"));
    };
    if !PAGE_SIZES.contains(&size) {
        return Err(Problem::BadRequest("IllegalParameter"));
    }
    let sims = &exchange.state.sims;
    let (numbers, total) = match asked {
        // What an unknown number gives is not documented. A filter that finds nothing gives an empty list.
        [iccid] if !exchange.knows(iccid) => (Vec::new(), 0),
        [iccid] => (vec![iccid.clone()], 1),
        _ => (sims.numbered_page(page, size).numbers, sims.listed()),
    };
    let numbers = numbers.iter().map(String::as_str);
    let cards = exchange.read_each(numbers, |usage| vec![card(exchange, usage)]);
    Ok(success(&json!({
        "PageNo": page,
        "PageSize": size,
        "PageCount": total.div_ceil(size),
        "Total": total,
        "List": cards,
    })))
}

fn card(exchange: &Exchange<'_>, usage: &Usage) -> Value {
    let now = at(exchange.now, CHINA);
    let end = month_away(&now, 1).saturating_sub(jiff::SignedDuration::from_secs(1));
    let number = hash(&usage.iccid) % 1_000_000_000;
    let total = topped_up(usage.used, PLAN);
    json!({
        "Status": if usage.used > 0 { "30" } else { "20" },
        "OsStatus": if usage.used > 0 { "100" } else { "20" },
        "DataType": "singlecard",
        "PeriodAddFlow": amount(usage.used),
        "PeriodRestFlow": amount(total - usage.used),
        "PeriodSmsUse": "0",
        "DataLevel": format!("{}MB", total / MIB),
        "CredentialType": "singlecard",
        "Period": "1101",
        "Iccid": usage.iccid,
        "Imsi": [format!("460080{number:09}")],
        "Msisdn": [format!("1440{number:09}")],
        "Vendor": "CMCC",
        "ApnName": "cmiot",
        "ActiveTime": "2026-01-02 03:04:05",
        "OpenAccountTime": "2026-01-02 03:04:05",
        "ExpireTime": plain_date(&end),
        "FlowLatestModifiedTime": plain_date(&now),
    })
}

/// Usage by month. Without a list of months it is the last two.
fn months(exchange: &Exchange<'_>, iccid: &str) -> Result<Reply, Problem> {
    let mut asked: Vec<String> =
        (1..).map_while(|index| parameter(exchange.call, &format!("DateList.{index}"))).take(99).collect();
    if asked.len() > MAX_MONTHS || asked.iter().any(|month| month.len() != 6) {
        return Err(Problem::BadRequest("IllegalParameter"));
    }
    let this = month_start(&at(exchange.now, CHINA));
    let named = |back: i32| month_away(&this, -back).strftime("%Y%m").to_string();
    if asked.is_empty() {
        asked = vec![named(0), named(1)];
    }
    let list: Vec<Value> = asked
        .iter()
        .map(|month| {
            let used = if *month == named(0) { exchange.read(iccid).used } else { hash(month) % PLAN };
            let day = json!({"Flow": amount(used), "Day": format!("{month}01")});
            json!({"FlowCount": amount(used), "Month": month, "ListDayFlow": [day]})
        })
        .collect();
    Ok(success(&json!({"ListVendorDetail": [], "ListCardMonthFlow": list, "ListPackageDTO": []})))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(query: &str) -> String {
        let pairs = pairs(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()));
        sign("testsecret", "GET", pairs.collect())
    }

    /// The first is of the platform's manual, the others were computed apart.
    #[test]
    fn parameters_are_sorted_and_encoded_twice() {
        let manual = "AccessKeyId=testid&Action=DescribeRegions&Format=XML&SignatureMethod=HMAC-SHA1\
                      &SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf&SignatureVersion=1.0\
                      &Timestamp=2016-02-23T12%3A46%3A24Z&Version=2014-05-26";
        assert_eq!(signed(manual), "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");
        let common = "AccessKeyId=testid&Format=JSON&Iccid=89860321000000015668&SignatureMethod=HMAC-SHA1\
                      &SignatureNonce=00000000-0000-4000-8000-000000000001&SignatureVersion=1.0\
                      &Timestamp=2026-06-30T12%3A46%3A24Z&Version=2021-05-20";
        let latest = format!("{common}&Action=GetCardLatestFlow&Signature=x");
        assert_eq!(signed(&latest), "yf5gDX+4Fr07YKyDnD8cmROWQPU=");
        let months = format!("{common}&Action=GetCardFlowInfo&DateList.1=202605&DateList.2=202606");
        assert_eq!(signed(&months), "s8y+CswKnQiE33v/1+QcMzpNfSs=");
    }
}
