//! Tuge (TGT): a JSON log-in. Usage goes by the operator's order, not by ICCID. MB in texts.
//!
//! Sources: eight independent clients of "Global-eSIM API 2.0" (calls, fields, codes), two of which quote the
//! document. It could not be read itself.

use crate::credentials::{SECRET, USER};
use crate::exchange::Exchange;
use crate::format::{MIB, at, fixed, rfc3339, topped_up, year_start};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use serde_json::{Value, json};

const PACKAGE: u64 = 1_000 * MIB;
/// The beginning of an order's number.
const ORDER: &str = "SE";

pub(super) static TUGE: Operator = Operator {
    base_path: &["openapi"],
    log_in,
    ..Operator::new("tuge", &["dataUsage"], operation, answer, problem)
};

fn operation(state: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    let field = |name: &str| call.json()[name].as_str().unwrap_or_default().to_owned();
    let by_order = || {
        let number = field("orderNo");
        let id = number.strip_prefix(ORDER).and_then(|id| id.parse().ok());
        id.and_then(|id| state.number_of(id)).unwrap_or_default()
    };
    match route {
        ("POST", ["oauth", "token"]) => Operation::Login,
        ("POST", ["eSIMApi", "v2", "order", "usage"]) => Operation::Usage(by_order()),
        ("POST", ["eSIMApi", "v2", "order", "orders"]) => match field("iccid") {
            iccid if iccid.is_empty() => Operation::Lookup(by_order()),
            iccid => Operation::Lookup(iccid),
        },
        _ => Operation::Unknown,
    }
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let body = exchange.call.json();
    if body["accountId"] != USER || body["secret"] != SECRET {
        return Err(Problem::BadCredentials);
    }
    Ok(success(&json!({
        "accessToken": exchange.new_token(""),
        "expires": exchange.config.token_ttl_seconds,
    })))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    exchange.require_token(exchange.call.bearer())?;
    match operation {
        Operation::Lookup(iccid) if !exchange.knows(iccid) => Ok(success(&json!({ "list": [] }))),
        Operation::Lookup(iccid) => Ok(success(&json!({ "list": orders(exchange, iccid) }))),
        Operation::Usage(iccid) => {
            exchange.require_known(iccid)?;
            Ok(success(&usage(exchange, iccid)))
        }
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // HTTP stays 200. 2003, 2004 and 5032 are clients', the others are ours.
    let (status, code, sub_code, message) = match problem {
        Problem::BadCredentials => (200, "2001", "2001", "Account or secret is wrong"),
        Problem::NoCredentials => (200, "2003", "2003", "Token invalid"),
        Problem::TokenGone => (200, "2004", "2004", "Token expired"),
        Problem::UnknownSim => (200, "4001", "5032", "Order not found"),
        Problem::BadRequest(detail) => (200, "3001", "3001", detail),
        Problem::RateLimited => (429, "9002", "9002", "Too many requests"),
        Problem::NoSuchCall => return Reply::html(404, "404 Not Found"),
        Problem::Failure(status) => (status, "9999", "9999", "System error"),
    };
    Reply::json(status, &json!({"code": code, "msg": message, "subCode": sub_code, "subMsg": message}))
}

fn success(data: &Value) -> Reply {
    Reply::ok(&json!({"code": "0000", "msg": "success", "data": data}))
}

/// The order in use, and one that has expired before it.
fn orders(exchange: &Exchange<'_>, iccid: &str) -> Vec<Value> {
    let start = year_start(&at(exchange.now, 0), 0);
    let shown = exchange.shown(iccid);
    let order = |id: u64, status: &str, years: i32| {
        json!({
            "orderNo": format!("{ORDER}{id}"),
            "qrCode": "LPA:1$rsp.example.com$ACT123",
            "cardInfo": {"iccid": shown},
            "orderStatus": status,
            "profileStatus": "Enabled",
            "activatedStartTime": rfc3339(&year_start(&start, years)),
            "activatedEndTime": rfc3339(&year_start(&start, years + 1)),
        })
    };
    let expired = hash(&format!("the order before {iccid}")) >> 11;
    vec![order(expired, "EXPIRED", -1), order(exchange.state.id_of(iccid), "INUSE", 0)]
}

fn usage(exchange: &Exchange<'_>, iccid: &str) -> Value {
    let usage = exchange.read(iccid);
    let amount = |bytes| fixed(bytes, MIB, 2);
    let used = amount(usage.used);
    // Packages without a limit are among them.
    if hash(&usage.iccid).is_multiple_of(4) {
        return json!({"dataUsage": used, "dataTotal": "unlimited", "dataResidual": "unlimited"});
    }
    let total = topped_up(usage.used, PACKAGE);
    json!({"dataUsage": used, "dataTotal": amount(total), "dataResidual": amount(total - usage.used)})
}
