//! Things Mobile: a form with user and token, answered in XML with HTTP 200. Bytes.
//!
//! Sources: mburumaxwell/thingsmobile-dotnet@d100829 and lucamora/tmclient@2655da0, clients that follow the
//! operator's PDF (calls, samples, codes, one call a second);
//! <https://scribd.com/document/737246540/ThingsMobile-API-v1-39> (history of the PDF).

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{MB, at, plain_date, year_start};
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route, count_up_to};
use crate::xml::{element, fields, text};
use simgauge_domain::limits::{Bucket, Scope};

const MAX_LIST_PAGE: usize = 500;
const MAX_CDR_PAGE: usize = 2_000;
/// The limit that is quoted from the PDF concerns this call only.
const LIST_PACE: Bucket = bucket(Scope::Credential, 1, 1);

pub(super) static THINGS_MOBILE: Operator = Operator {
    base_path: &["services", "business-api"],
    lists_sims: true,
    tells_retry_after: false,
    ..Operator::new("things_mobile", &["monthlyTraffic"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["simStatus"]) => Operation::Usage(call.form("iccid").unwrap_or_default()),
        ("POST", ["simListLite"]) => Operation::UsageOfMany(Vec::new()),
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let call = exchange.call;
    operation.usage_sims().ok_or(Problem::NoSuchCall)?;
    let (Some(user), Some(token)) = (call.form("username"), call.form("token")) else {
        return Err(Problem::NoCredentials);
    };
    if user != USER || token != SECRET {
        return Err(Problem::BadCredentials);
    }
    match operation {
        Operation::Usage(iccid) if iccid.is_empty() => Err(Problem::BadRequest("iccid")),
        Operation::Usage(iccid) => {
            let size = count_up_to(MAX_CDR_PAGE, MAX_CDR_PAGE, call.form("pageSize"));
            size.ok_or(Problem::BadRequest("pageSize"))?;
            exchange.require_known(iccid)?;
            Ok(success(&sim(exchange, iccid, true)))
        }
        _ => {
            exchange.require_pace("simListLite", &LIST_PACE)?;
            list(exchange)
        }
    }
}

fn problem(problem: Problem) -> Reply {
    let (code, message) = match problem {
        Problem::NoCredentials => (30, "user error: missing credentials".to_owned()),
        Problem::BadCredentials | Problem::TokenGone => (30, "user error: token mismatch".to_owned()),
        Problem::UnknownSim => (40, "sim error: sim not found".to_owned()),
        Problem::BadRequest(field) => (20, format!("input error: {field}")),
        Problem::RateLimited => (60, "api call limit exceeded".to_owned()),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(_) => (10, "generic error".to_owned()),
    };
    let status = if let Problem::Failure(status) = problem { status } else { 200 };
    let parts = [text("done", false), text("errorCode", code), text("errorMessage", message)];
    Reply::xml(status, element("result", &parts.concat()))
}

fn success(sims: &str) -> Reply {
    Reply::xml(200, element("result", &[text("done", true), element("sims", sims)].concat()))
}

/// A page of all SIMs. Whether the first page is 0 or 1 is not known: here it is 1.
fn list(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let number = |name, most, usual| {
        count_up_to(most, usual, exchange.call.form(name)).ok_or(Problem::BadRequest(name))
    };
    let (page, size) = (number("page", usize::MAX, 1)?, number("pageSize", MAX_LIST_PAGE, MAX_LIST_PAGE)?);
    let numbers = exchange.state.sims.numbered_page(page, size).numbers;
    Ok(success(&numbers.iter().map(|iccid| sim(exchange, iccid, false)).collect::<String>()))
}

fn sim(exchange: &Exchange<'_>, iccid: &str, is_full: bool) -> String {
    let usage = exchange.read(iccid);
    let start = year_start(&at(exchange.now, 0), 0);
    let used = usage.used.to_string();
    let is_used = usage.used > 0;
    let mut parts = vec![
        ("activationDate", if is_used { plain_date(&start) } else { String::new() }),
        ("balance", "30".to_owned()),
        ("expirationDate", plain_date(&year_start(&start, 2))),
        ("iccid", usage.iccid.clone()),
        // A SIM that was never connected has an empty date.
        ("lastConnectionDate", if is_used { plain_date(&at(exchange.now, 0)) } else { String::new() }),
        ("monthlyTraffic", used.clone()),
        ("msisdn", format!("4479{:08}", hash(&usage.iccid) % 100_000_000)),
        ("name", "name".to_owned()),
        ("plan", "default".to_owned()),
        ("status", if is_used { "active" } else { "to-activate" }.to_owned()),
        ("tag", "tag & more".to_owned()),
        ("type", "AllInOne Sim".to_owned()),
    ];
    if is_full {
        parts.extend([
            ("blockSimMonthly", "1".to_owned()),
            ("dailyTraffic", (usage.used / 30).to_string()),
            ("monthlyTrafficThreshold", (usage.used / MB + 1).saturating_mul(2 * MB).to_string()),
            ("totalTraffic", used),
            ("totalTrafficThreshold", "0".to_owned()),
            ("cdrs", String::new()),
        ]);
    }
    fields("sim", &parts)
}
