//! What the two interfaces of China Telecom share: access numbers, and the answer to a question about
//! traffic.

use crate::exchange::Exchange;
use crate::format::{CHINA, MIB, at, day_share, days, fixed};
use crate::operation::Problem;
use crate::sims::{hash, without_check_digit};
use crate::state::OperatorState;
use crate::wire::Reply;
use crate::xml::{element, text};
use jiff::civil::Date;

/// The number that goes with a SIM: thirteen digits.
pub(super) fn access_number(state: &OperatorState, iccid: &str) -> u64 {
    state.remember(1_410_000_000_000 + hash(iccid) % 10_000_000_000, iccid)
}

/// The SIM that a call names by one of its numbers.
pub(super) fn sim_of(state: &OperatorState, iccid: Option<String>, access_number: Option<String>) -> String {
    match (iccid, access_number) {
        (Some(iccid), None) => without_check_digit(&iccid).to_owned(),
        (None, Some(number)) => number.parse().ok().and_then(|id| state.number_of(id)).unwrap_or_default(),
        _ => String::new(),
    }
}

/// A period from `yyyyMMdd` to `yyyyMMdd`, both included. It may not leave its month.
pub(super) fn period(first: Option<String>, last: Option<String>) -> Result<(Date, Date), Problem> {
    let date = |text: Option<String>| Date::strptime("%Y%m%d", text.unwrap_or_default()).ok();
    match (date(first), date(last)) {
        (Some(first), Some(last)) if first <= last && first.first_of_month() == last.first_of_month() => {
            Ok((first, last))
        }
        _ => Err(Problem::BadRequest("起止时间必须在同一自然月内")),
    }
}

/// The month up to today.
pub(super) fn this_month(exchange: &Exchange<'_>) -> (Date, Date) {
    let today = at(exchange.now, CHINA).date();
    (today.first_of_month(), today)
}

/// The traffic of a SIM in a period, with two decimals and its unit in one text.
pub(super) fn ticket(exchange: &Exchange<'_>, iccid: &str, (first, last): (Date, Date)) -> Reply {
    let usage = exchange.read(iccid);
    let today = at(exchange.now, CHINA).date();
    let used: u64 = days(first, last).map(|day| day_share(usage.used, day, today)).sum();
    let parts = [
        text("CHARGE_CNT_CH", "0元"),
        element("DURATION_CNT_CH", ""),
        text("IRESULT", 0),
        element("TOTALCOUNT", ""),
        element("TOTALPAGE", ""),
        text("TOTAL_BYTES_CNT", format!("{}MB", fixed(used, MIB, 2))),
        text("GROUP_TRANSACTIONID", format!("1000000{}", exchange.now.0)),
        text("number", access_number(exchange.state, &usage.iccid)),
    ];
    let name = "web:NEW_DATA_TICKET_QRsp";
    let found =
        format!("<{name} xmlns:web=\"http://www.example.org/webservice\">{}</{name}>", parts.concat());
    Reply::xml(200, element("root", &found))
}
