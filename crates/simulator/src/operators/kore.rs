//! KORE Super SIM (once Twilio's): OAuth2 with a form. SIM, billing period and usage take three calls. Bytes.

use crate::credentials::require_client;
use crate::exchange::Exchange;
use crate::format::{at, month_away, month_start, rfc3339};
use crate::operation::{Operation, Problem};
use crate::operator::Operator;
use crate::sims::hash;
use crate::state::OperatorState;
use crate::wire::{Call, Reply, Route};
use jiff::Timestamp;
use serde_json::{Value, json};

const ACCOUNT: &str = "AC00000000000000000000000000000001";

pub(super) static KORE: Operator = Operator {
    base_path: &["v1"],
    log_in,
    ..Operator::new("kore_super_sim", &["data_total"], operation, answer, problem)
};

fn operation(_: &OperatorState, call: &Call<'_>, route: Route<'_>) -> Operation {
    match route {
        ("POST", ["api-services", "v1", "auth", "token"]) => Operation::Login,
        ("GET", ["Sims"]) => Operation::Lookup(call.query("Iccid").unwrap_or_default()),
        ("GET", ["Sims", sid, "BillingPeriods"]) => Operation::Lookup(iccid_of(sid).unwrap_or_default()),
        ("GET", ["UsageRecords"]) => {
            Operation::Usage(call.query("Sim").and_then(|sid| iccid_of(&sid)).unwrap_or_default())
        }
        _ => Operation::Unknown,
    }
}

fn log_in(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    require_client(|name| exchange.call.form(name), "grant_type must be client_credentials")?;
    Ok(Reply::ok(&json!({
        "access_token": exchange.new_token("eyJhbGciOiJSUzI1NiJ9."),
        "expires_in": exchange.config.token_ttl_seconds,
        "token_type": "Bearer",
        "scope": "supersim-api",
    })))
}

fn answer(exchange: &Exchange<'_>, operation: &Operation) -> Result<Reply, Problem> {
    exchange.require_token(exchange.call.bearer())?;
    match operation {
        Operation::Lookup(iccid) if exchange.call.segments.len() == 1 => Ok(sims(exchange, iccid)),
        Operation::Lookup(iccid) | Operation::Usage(iccid) if !exchange.knows(iccid) => {
            Err(Problem::UnknownSim)
        }
        Operation::Lookup(iccid) => Ok(billing_periods(exchange, iccid)),
        Operation::Usage(iccid) => Ok(usage(exchange, iccid)),
        _ => Err(Problem::NoSuchCall),
    }
}

fn problem(problem: Problem) -> Reply {
    // The numbers are examples. The real API may leave out `code` and `more_info`.
    let (status, code, message) = match problem {
        Problem::BadCredentials => (401, 83_001, "Invalid client or Invalid client credentials"),
        Problem::NoCredentials | Problem::TokenGone => (401, 83_002, "Unauthorized"),
        Problem::UnknownSim | Problem::NoSuchCall => (404, 83_404, "The requested resource was not found"),
        Problem::BadRequest(detail) => (400, 83_000, detail),
        Problem::RateLimited => (429, 83_429, "Too Many Requests"),
        Problem::Failure(status) => (status, 83_500, "Internal Server Error"),
    };
    let more = format!("https://docs.korewireless.com/errors/{code}");
    Reply::json(status, &json!({"status": status, "message": message, "code": code, "more_info": more}))
}

fn list(key: &str, items: &[Value]) -> Reply {
    let meta = json!({"page": 0, "page_size": 50, "key": key, "next_page_url": null});
    Reply::ok(&json!({key: items, "meta": meta}))
}

fn sims(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    if !exchange.knows(iccid) {
        return list("sims", &[]);
    }
    let sim = json!({
        "sid": sid_of(iccid),
        "account_sid": ACCOUNT,
        "iccid": exchange.shown(iccid),
        "unique_name": null,
        "status": "active",
        "fleet_sid": null,
    });
    list("sims", &[sim])
}

fn billing_periods(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    let now = at(exchange.now, 0);
    let period = |back: i32| {
        let (start, end) = (month_away(&now, back), month_away(&now, back + 1));
        json!({
            "sid": format!("HB{:032x}", start.timestamp().as_second()),
            "account_sid": ACCOUNT,
            "sim_sid": sid_of(iccid),
            "start_time": rfc3339(&start),
            "end_time": rfc3339(&end),
            "period_type": "active",
        })
    };
    list("billing_periods", &[period(0), period(-1)])
}

/// Usage in the window asked for. By default it begins one month ago, within the last billing period.
fn usage(exchange: &Exchange<'_>, iccid: &str) -> Reply {
    let now = at(exchange.now, 0);
    let time = |name| exchange.call.query(name).and_then(|text| text.parse::<Timestamp>().ok());
    let month = month_start(&now);
    let start = time("StartTime").unwrap_or_else(|| {
        now.checked_sub(jiff::Span::new().months(1)).map_or(month.timestamp(), |back| back.timestamp())
    });
    let end = time("EndTime").unwrap_or(now.timestamp());
    let mut used = if end > month.timestamp() { exchange.read(iccid).used } else { 0 };
    if start < month.timestamp() {
        used += 1 + hash(iccid) % 100_000_000;
    }
    if used == 0 {
        return list("usage_records", &[]);
    }
    let up = used / 3;
    let record = json!({
        "account_sid": ACCOUNT,
        "sim_sid": sid_of(&exchange.shown(iccid)),
        "network_sid": null,
        "fleet_sid": null,
        "iso_country": null,
        "period": {"start_time": start.to_string(), "end_time": end.to_string()},
        "data_upload": up,
        "data_download": used - up,
        "data_total": used,
        "data_total_billed": 0,
        "billed_unit": null,
    });
    list("usage_records", &[record])
}

/// A SIM's id: `HS`, the length of the ICCID, the ICCID, zeros up to 32.
fn sid_of(iccid: &str) -> String {
    format!("HS{:02}{:0<30}", iccid.len(), iccid.to_ascii_lowercase())
}

fn iccid_of(sid: &str) -> Option<String> {
    let rest = sid.strip_prefix("HS")?;
    let length: usize = rest.get(..2)?.parse().ok()?;
    Some(rest.get(2..2 + length)?.to_ascii_uppercase())
}
