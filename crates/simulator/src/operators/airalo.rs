//! Airalo: OAuth2; whole MB; answers are cached for twenty minutes and limited per SIM.

use super::{Op, Operator, Problem, SECRET, USER};
use crate::figures::{MB, at, plain_date, topped_up, year_start};
use crate::instance::{Exchange, Instance};
use crate::limits::{Budget, bucket};
use crate::wire::{Call, Reply};
use serde_json::json;
use simgauge_domain::limits::{Limits, Scope};

#[derive(Debug)]
pub(super) struct Airalo;

impl Operator for Airalo {
    fn name(&self) -> &'static str {
        "airalo"
    }

    fn limits(&self) -> Limits {
        let buckets =
            vec![bucket(Scope::Credential, 5, 1), bucket(Scope::Iccid, 10, 60), bucket(Scope::Login, 3, 60)];
        Limits { buckets, max_concurrent: u32::MAX, min_refresh_seconds: 0 }
    }

    fn classify(&self, _: &Instance, call: &Call<'_>) -> Op {
        let (method, path) = call.route();
        match (method, path.as_slice()) {
            ("POST", ["v2", "token"]) => Op::Login,
            ("GET", ["v2", "sims", iccid, "usage"]) => Op::Usage((*iccid).to_owned()),
            _ => Op::Unknown,
        }
    }

    fn shown_token(&self, call: &Call<'_>) -> Option<String> {
        call.bearer().map(str::to_owned)
    }

    fn answer(&self, exchange: &Exchange<'_>, op: &Op) -> Reply {
        let iccid = match op {
            Op::Login => return self.log_in(exchange),
            Op::Usage(iccid) => iccid,
            _ => return self.problem(&Problem::NoSuchCall),
        };
        if !exchange.has_token(exchange.call.bearer()) {
            return self.problem(&Problem::TokenGone);
        }
        if !exchange.knows(iccid) {
            return self.problem(&Problem::UnknownSim);
        }
        let used = exchange.read_cached(iccid).used / MB;
        let total = topped_up(used, 1_024);
        Reply::ok(&json!({
            "data": {
                "remaining": total - used,
                "total": total,
                "expired_at": plain_date(&year_start(&at(exchange.now, 0), 2)),
                "is_unlimited": false,
                "status": "ACTIVE",
                "remaining_voice": 0,
                "remaining_text": 0,
                "total_voice": 0,
                "total_text": 0,
            },
            "meta": {"message": "success"},
        }))
    }

    fn problem(&self, problem: &Problem<'_>) -> Reply {
        let with_meta =
            |status, message: &str| Reply::json(status, &json!({"data": [], "meta": {"message": message}}));
        match problem {
            Problem::BadCredentials => with_meta(401, "Authentication failed"),
            Problem::NoCredentials | Problem::TokenGone => with_meta(401, "This action is unauthorized."),
            // `data` changes its type here: a list instead of an object.
            Problem::UnknownSim | Problem::NoSuchCall => with_meta(404, "messages.resource_not_found"),
            Problem::BadRequest(detail) => with_meta(422, detail),
            Problem::RateLimited => Reply::json(429, &json!({"message": "Too Many Attempts."})),
            Problem::Failure(status) => Reply::json(*status, &json!({"message": "Server Error"})),
        }
    }

    fn used_fields(&self) -> &'static [&'static str] {
        &["remaining"]
    }

    fn tell_budget(&self, reply: Reply, budget: &Budget) -> Reply {
        reply.with("x-ratelimit-limit", budget.limit).with("x-ratelimit-remaining", budget.remaining)
    }
}

impl Airalo {
    fn log_in(&self, exchange: &Exchange<'_>) -> Reply {
        // The body's encoding is not said for sure: JSON or a form.
        let json = exchange.call.json();
        let field = |name: &str| match json.get(name) {
            Some(value) => value.as_str().map(str::to_owned),
            None => exchange.call.form(name),
        };
        if field("grant_type").as_deref() != Some("client_credentials") {
            return self.problem(&Problem::BadRequest("The grant type field is required."));
        }
        if field("client_id").as_deref() != Some(USER) || field("client_secret").as_deref() != Some(SECRET) {
            return self.problem(&Problem::BadCredentials);
        }
        Reply::ok(&json!({
            "data": {
                "token_type": "Bearer",
                "expires_in": exchange.config.token_ttl_seconds,
                "access_token": exchange.new_token("eyJ0eXAiOiJKV1Qi."),
            },
            "meta": {"message": "success"},
        }))
    }
}
