//! China Telecom's old interface m2m_ec: everything in the query, a chained cipher as sign, answers in XML.
//!
//! Sources: ten independent clients, one of which quotes the operator's tables (methods, 500 calls a minute,
//! cutting of the key, order of what is signed) and two of which recorded answers. The documents could not be
//! read.

use super::telecom_ticket::{period, sim_of, this_month, ticket};
use crate::credentials::{INTERFACE_KEY, SECRET, USER};
use crate::des_chain::encrypt;
use crate::exchange::Exchange;
use crate::format::{CHINA, at};
use crate::operation::{Operation, Problem};
use crate::operator::{Operator, bucket};
use crate::sims::without_check_digit;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use crate::xml::{element, text};
use simgauge_domain::limits::Scope;

const METHODS: [&str; 3] = ["queryTraffic", "queryTrafficOfToday", "queryTrafficByDate"];

pub(super) static CHINA_TELECOM_M2M: Operator = Operator {
    base_path: &["m2m_ec"],
    buckets: &[bucket(Scope::Credential, 500, 60)],
    canonical: without_check_digit,
    ..Operator::new("china_telecom_m2m", &["TOTAL_BYTES_CNT"], operation, answer, problem)
};

fn operation(state: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let method = parameter(call, "method").unwrap_or_default();
    match route {
        ("GET" | "POST", ["query.do"]) if METHODS.contains(&method.as_str()) => {
            Operation::Usage(sim_of(state, parameter(call, "iccid"), parameter(call, "access_number")))
        }
        _ => Operation::Unknown,
    }
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    let iccid = operation.usage_sim().ok_or(Problem::NoSuchCall)?;
    let call = exchange.call;
    require_sign(call)?;
    let today = at(exchange.now, CHINA).date();
    let period = match parameter(call, "method").as_deref() {
        Some("queryTraffic") => this_month(exchange),
        Some("queryTrafficOfToday") => (today, today),
        _ => period(parameter(call, "startDate"), parameter(call, "endDate"))?,
    };
    exchange.require_known(iccid)?;
    Ok(ticket(exchange, iccid, period))
}

fn problem(problem: Problem) -> Reply {
    // `IRESULT` other than 0 with a text in `SMSG` is documented. The numbers and the texts are ours, but for
    // 9000.
    let (status, code, message) = match problem {
        Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => (200, 1, "签名验证失败"),
        Problem::UnknownSim => (200, 2, "号码不存在"),
        Problem::BadRequest(detail) => (200, 3, detail),
        Problem::RateLimited => (200, 4, "访问过于频繁"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(status) => {
            let parts = [text("RspCode", 9_000), text("RspDesc", "系统异常")];
            let response = [element("Response", &parts.concat()), element("GROUP_TRANSACTIONID", "")];
            return Reply::xml(status, element("SvcCont", &response.concat()));
        }
    };
    let parts = [text("IRESULT", code), text("SMSG", message)];
    Reply::xml(status, element("root", &element("NEW_DATA_TICKET_QRsp", &parts.concat())))
}

/// A parameter of the query (GET) or of the form (POST).
fn parameter(call: &Call<'_>, name: &str) -> Option<String> {
    call.query(name).or_else(|| call.form(name)).filter(|value| !value.is_empty())
}

fn require_sign(call: &Call<'_>) -> Result<(), Problem> {
    let parameter = |name| parameter(call, name);
    let (Some(user), Some(password), Some(shown)) =
        (parameter("user_id"), parameter("passWord"), parameter("sign"))
    else {
        return Err(Problem::NoCredentials);
    };
    let number = parameter("iccid").or_else(|| parameter("access_number")).unwrap_or_default();
    let method = parameter("method").unwrap_or_default();
    let keys = keys();
    let expected = encrypt(&signed_text(vec![&number, &user, SECRET, &method]), keys);
    if user != USER || password != encrypt(SECRET, keys) || shown != expected {
        return Err(Problem::BadCredentials);
    }
    Ok(())
}

/// Three characters of the interface key are a key each.
fn keys() -> [&'static str; 3] {
    [&INTERFACE_KEY[..3], &INTERFACE_KEY[3..6], &INTERFACE_KEY[6..]]
}

/// What is signed: the values sorted, capital letters first. What else is asked (`needDtl`, dates) is not
/// signed.
fn signed_text(mut values: Vec<&str>) -> String {
    values.sort_unstable();
    values.join(",")
}

#[cfg(test)]
mod tests {
    use super::signed_text;

    #[test]
    fn capital_letters_come_first() {
        let text = |password| signed_text(vec!["8986110000000000001", "testuser", password, "queryTraffic"]);
        assert_eq!(text("secret12"), "8986110000000000001,queryTraffic,secret12,testuser");
        assert_eq!(text("Passw0rd"), "8986110000000000001,Passw0rd,queryTraffic,testuser");
    }
}
