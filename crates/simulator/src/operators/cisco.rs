//! Cisco IoT Control Center: Basic, one call, bytes of the billing cycle.

use super::{Op, Operator, Problem, SECRET, USER};
use crate::instance::{Exchange, Instance};
use crate::limits::bucket;
use crate::sims::hash;
use crate::wire::{Call, Reply};
use serde_json::json;
use simgauge_domain::limits::{Limits, Scope};

#[derive(Debug)]
pub(super) struct Cisco;

impl Operator for Cisco {
    fn name(&self) -> &'static str {
        "cisco_control_center"
    }

    fn limits(&self) -> Limits {
        let buckets = vec![bucket(Scope::Credential, 5, 1)];
        Limits { buckets, max_concurrent: 1, min_refresh_seconds: 0 }
    }

    fn classify(&self, _: &Instance, call: &Call<'_>) -> Op {
        match call.route() {
            ("GET", path) => match path.as_slice() {
                ["rws", "api", "v1", "devices", iccid, "ctdUsages"] => Op::Usage((*iccid).to_owned()),
                _ => Op::Unknown,
            },
            _ => Op::Unknown,
        }
    }

    fn answer(&self, exchange: &Exchange<'_>, op: &Op) -> Reply {
        let Op::Usage(iccid) = op else { return self.problem(&Problem::NoSuchCall) };
        match exchange.call.basic() {
            None => return self.problem(&Problem::NoCredentials),
            Some((user, key)) if user != USER || key != SECRET => {
                return self.problem(&Problem::BadCredentials);
            }
            Some(_) => {}
        }
        if !exchange.knows(iccid) {
            return self.problem(&Problem::UnknownSim);
        }
        let figure = exchange.read(iccid);
        let number = hash(&figure.iccid) % 1_000_000_000;
        let answer = Reply::ok(&json!({
            "iccid": figure.iccid,
            "imsi": format!("001010{number:09}"),
            "msisdn": format!("10{number:09}"),
            "imei": format!("350000{number:09}"),
            "status": "ACTIVATED",
            "ratePlan": "Plan A",
            "communicationPlan": "Comm A",
            "ctdDataUsage": figure.used,
            "ctdSMSUsage": 0,
            "ctdVoiceUsage": 0,
            "ctdSessionCount": 3,
            "overageLimitReached": false,
            "overageLimitOverride": "DEFAULT",
        }));
        latin1(answer)
    }

    fn problem(&self, problem: &Problem<'_>) -> Reply {
        let (status, code, message) = match problem {
            Problem::NoCredentials => {
                return latin1(Reply::json(401, &json!({"errorMessage": "Authorization header is missing"})));
            }
            Problem::BadCredentials | Problem::TokenGone => (401, "10000001", "Invalid credentials"),
            // Code and text as remembered by third parties: the vendor's list could not be read.
            Problem::UnknownSim => (404, "20000001", "Resource not found"),
            Problem::BadRequest(_) => (400, "10000003", "Invalid request"),
            // The console's host and unknown paths answer with a page.
            Problem::NoSuchCall => return Reply::html(404, "HTTP Status 404 - Not Found"),
            // Third-party knowledge as well: the vendor documents the limits, not the refusal.
            Problem::RateLimited => (429, "40000029", "Rate limit exceeded"),
            Problem::Failure(status) => (*status, "30000001", "Unknown error"),
        };
        latin1(Reply::json(status, &json!({"errorMessage": message, "errorCode": code})))
    }

    fn used_fields(&self) -> &'static [&'static str] {
        &["ctdDataUsage"]
    }

    fn tells_retry_after(&self) -> bool {
        false
    }
}

/// Control Center does not answer in UTF-8.
fn latin1(mut reply: Reply) -> Reply {
    reply.content_type = "application/json;charset=ISO-8859-1";
    reply
}
