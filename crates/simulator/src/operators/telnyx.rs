//! Telnyx: a static bearer; a list filtered by part of the ICCID; decimal strings with their unit.

use super::{Op, Operator, Problem, SECRET};
use crate::figures::{MB, topped_up, trimmed};
use crate::instance::{Exchange, Instance, neighbour};
use crate::sims::hash;
use crate::wire::{Call, Reply};
use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Telnyx;

impl Operator for Telnyx {
    fn name(&self) -> &'static str {
        "telnyx"
    }

    fn base_path(&self) -> &'static [&'static str] {
        &["v2"]
    }

    fn classify(&self, _: &Instance, call: &Call<'_>) -> Op {
        let (method, path) = call.route();
        match (method, path.as_slice()) {
            ("GET", ["sim_cards"]) => Op::Usage(call.query("filter[iccid]").unwrap_or_default()),
            _ => Op::Unknown,
        }
    }

    fn answer(&self, exchange: &Exchange<'_>, op: &Op) -> Reply {
        match exchange.call.bearer() {
            None => return self.problem(&Problem::NoCredentials),
            Some(key) if key != SECRET => return self.problem(&Problem::BadCredentials),
            Some(_) => {}
        }
        let Op::Usage(iccid) = op else { return self.problem(&Problem::NoSuchCall) };
        if iccid.is_empty() {
            return self.problem(&Problem::BadRequest("filter[iccid] is needed here"));
        }
        // The filter finds every number that contains the one asked for, in no useful order.
        let mut found = vec![element(&neighbour(iccid), 123_456_789)];
        if exchange.knows(iccid) {
            let figure = exchange.read(iccid);
            found.push(element(&figure.iccid, figure.used));
        }
        let meta = json!({"page_number": 1, "page_size": 20, "total_pages": 1, "total_results": found.len()});
        Reply::ok(&json!({"data": found, "meta": meta}))
    }

    fn problem(&self, problem: &Problem<'_>) -> Reply {
        // Of an error's keys only `detail` is documented for sure.
        let (status, code, title, detail) = match problem {
            Problem::NoCredentials | Problem::BadCredentials | Problem::TokenGone => {
                (401, "10009", "Authentication failed", "Could not understand the provided credentials.")
            }
            Problem::UnknownSim | Problem::NoSuchCall => {
                (404, "10005", "Resource not found", "The requested resource or URL could not be found.")
            }
            Problem::BadRequest(detail) => (400, "10015", "Bad request", *detail),
            Problem::RateLimited => (429, "10011", "Too many requests", "You have exceeded the rate limit."),
            Problem::Failure(status) => {
                (*status, "10007", "Unexpected error", "An unexpected error occurred.")
            }
        };
        Reply::json(status, &json!({"errors": [{"code": code, "title": title, "detail": detail}]}))
    }

    fn used_fields(&self) -> &'static [&'static str] {
        &["current_billing_period_consumed_data"]
    }
}

fn element(iccid: &str, used: u64) -> Value {
    let hash = hash(iccid);
    // Limits come in MB or in GB.
    let limit = match hash % 2 {
        0 => json!({"amount": trimmed(topped_up(used, 500 * MB), MB, 6), "unit": "MB"}),
        _ => json!({"amount": trimmed(topped_up(used, 1_000 * MB), 1_000 * MB, 6), "unit": "GB"}),
    };
    json!({
        "id": format!("{:08x}-0000-4000-8000-{:012x}", hash >> 32, hash & 0xffff_ffff_ffff),
        "record_type": "sim_card",
        "iccid": iccid,
        "eid": null,
        "type": "physical",
        "status": {"value": "enabled", "reason": "The SIM card is active and connectable."},
        "current_billing_period_consumed_data": {"amount": trimmed(used, MB, 6), "unit": "MB"},
        "data_limit": limit,
    })
}
