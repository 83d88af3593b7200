//! Control of the simulator over HTTP, for people and other processes.

use crate::credentials::{SECRET, USER};
use crate::faults::{Fault, FaultScope, FaultSpan};
use crate::instance::Instance;
use crate::operators;
use crate::output;
use crate::shared::Shared;
use crate::sims::UNKNOWN_PREFIX;
use crate::stats::Stats;
use crate::wire::{Reply, pairs};
use axum::body::{Body, to_bytes};
use http::{Method, Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const MAX_BODY_BYTES: usize = 64 * 1024;

/// Every fault by its name over HTTP, with the field that it takes.
const FAULTS: &[(&str, &str)] = &[
    ("delay", "millis"),
    ("status", "status"),
    ("rate_limited", "retryAfterSeconds (optional)"),
    ("hang_up", ""),
    ("nonsense", ""),
    ("empty_body", ""),
    ("auth_expired", ""),
    ("wrong_card", ""),
    ("huge", ""),
    ("trickle", ""),
    ("hang", ""),
    ("redirect", "location"),
    ("missing_used", ""),
    ("unchanged", ""),
];

/// Why a control call was not carried out.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("the body must be JSON as described at /_sim: {0}")]
    Body(String),
    #[error("operator: there is no {0:?}; see /_sim for those there are")]
    Operator(String),
    #[error("fault: there is no {0:?}; see /_sim for those there are")]
    Fault(String),
    #[error("{field}: {must}")]
    Field { field: &'static str, must: &'static str },
    #[error("not here; see /_sim")]
    NotHere,
    #[error("this path takes {0}")]
    Method(&'static str),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FaultOrder {
    operator: String,
    iccid: Option<String>,
    #[serde(default)]
    login: bool,
    fault: String,
    millis: Option<u64>,
    status: Option<u16>,
    retry_after_seconds: Option<u64>,
    location: Option<String>,
    seconds: Option<u64>,
    count: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UsageOrder {
    operator: String,
    iccid: String,
    add_bytes: Option<u64>,
    set_bytes: Option<u64>,
    unknown: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdsOrder {
    operator: String,
}

pub(crate) async fn handle(shared: &Arc<Shared>, request: Request<Body>) -> Response<Body> {
    let reply = match answer(shared, request).await {
        Ok(value) => Reply::ok(&value),
        Err(error) => {
            let status = match error {
                ControlError::NotHere => 404,
                ControlError::Method(_) => 405,
                _ => 400,
            };
            Reply::json(status, &json!({"error": error.to_string()}))
        }
    };
    output::plain(reply)
}

pub(crate) fn no_such_operator(name: &str) -> Response<Body> {
    let error = ControlError::Operator(name.to_owned());
    output::plain(Reply::json(404, &json!({"error": error.to_string()})))
}

async fn answer(shared: &Arc<Shared>, request: Request<Body>) -> Result<Value, ControlError> {
    let path = request.uri().path().trim_end_matches('/').to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let method = request.method().clone();
    match (path.as_str(), &method) {
        ("" | "/_sim", &Method::GET) => Ok(about(shared)),
        ("/_sim/stats", &Method::GET) => stats(shared, asked_operator(&query)),
        ("/_sim/faults", &Method::POST) => set_fault(shared, read(request).await?),
        ("/_sim/faults", &Method::DELETE) => clear_faults(shared, asked_operator(&query)),
        ("/_sim/usage", &Method::POST) => set_usage(shared, read(request).await?),
        ("/_sim/ids", &Method::POST) => change_ids(shared, &read(request).await?),
        ("" | "/_sim" | "/_sim/stats", _) => Err(ControlError::Method("GET")),
        ("/_sim/faults", _) => Err(ControlError::Method("POST or DELETE")),
        ("/_sim/usage" | "/_sim/ids", _) => Err(ControlError::Method("POST")),
        _ => Err(ControlError::NotHere),
    }
}

async fn read<T: DeserializeOwned>(request: Request<Body>) -> Result<T, ControlError> {
    let bytes = to_bytes(request.into_body(), MAX_BODY_BYTES)
        .await
        .map_err(|_| ControlError::Body(format!("larger than {MAX_BODY_BYTES} bytes, or cut off")))?;
    serde_json::from_slice(&bytes).map_err(|error| ControlError::Body(error.to_string()))
}

fn asked_operator(query: &str) -> Option<String> {
    pairs(query.as_bytes()).find(|(name, _)| name == "operator").map(|(_, value)| value.into_owned())
}

fn find(shared: &Shared, operator: &str) -> Result<Arc<Instance>, ControlError> {
    shared.instance(operator).ok_or_else(|| ControlError::Operator(operator.to_owned()))
}

fn about(shared: &Shared) -> Value {
    let faults: Vec<Value> =
        FAULTS.iter().map(|(name, takes)| json!({"fault": name, "takes": takes})).collect();
    let config = &shared.config;
    json!({
        "name": "simgauge operator simulator",
        "what": "Speaks the operators' APIs. Operator X is served below /X plus its documented \
                 paths; /X@TAG is an independent copy with its own limits, faults, counts and SIMs.",
        "operators": operators::names().collect::<Vec<_>>(),
        "credentials": {"user": USER, "secret": SECRET},
        "unknownSims": format!("ICCIDs that start with {UNKNOWN_PREFIX}"),
        "growthBytesPerSecond": config.growth_bytes_per_second,
        "stepBytes": config.step_bytes,
        "enforceLimits": config.enforce_limits,
        "now": shared.now(),
        "control": {
            "GET /_sim/stats": "?operator=NAME for one; without, all that were used",
            "POST /_sim/faults": {
                "operator": "NAME or NAME@TAG",
                "iccid": "optional: only this SIM",
                "login": "optional: true for log-ins only",
                "fault": faults,
                "seconds or count": "optional: how long; without, until cleared",
            },
            "DELETE /_sim/faults": "?operator=NAME for one; without, all",
            "POST /_sim/usage": {
                "operator": "NAME",
                "iccid": "ICCID",
                "one of": ["addBytes", "setBytes", "unknown"],
            },
            "POST /_sim/ids": {
                "operator": "NAME: gives every SIM another id, where the operator has ids of its own",
            },
        },
    })
}

fn stats(shared: &Shared, operator: Option<String>) -> Result<Value, ControlError> {
    match operator {
        Some(name) => Ok(json!(Stats::of(&find(shared, &name)?))),
        None => {
            let all: Vec<_> = shared.used_instances().iter().map(Stats::of).collect();
            Ok(json!({ "operators": all }))
        }
    }
}

fn set_fault(shared: &Shared, order: FaultOrder) -> Result<Value, ControlError> {
    let instance = find(shared, &order.operator)?;
    let missing = |field| ControlError::Field { field, must: "this fault needs it" };
    let fault = match order.fault.as_str() {
        "delay" => Fault::Delay(Duration::from_millis(order.millis.ok_or_else(|| missing("millis"))?)),
        "status" => match order.status.ok_or_else(|| missing("status"))? {
            status @ 200..=599 => Fault::Status(status),
            _ => return Err(ControlError::Field { field: "status", must: "must be 200 to 599" }),
        },
        "rate_limited" => Fault::RateLimited { retry_after: order.retry_after_seconds },
        "hang_up" => Fault::HangUp,
        "nonsense" => Fault::Nonsense,
        "empty_body" => Fault::EmptyBody,
        "auth_expired" => Fault::AuthExpired,
        "wrong_card" => Fault::WrongCard,
        "huge" => Fault::Huge,
        "trickle" => Fault::Trickle,
        "hang" => Fault::Hang,
        "redirect" => Fault::Redirect(order.location.ok_or_else(|| missing("location"))?),
        "missing_used" => Fault::MissingUsed,
        "unchanged" => Fault::Unchanged,
        _ => return Err(ControlError::Fault(order.fault)),
    };
    let span = match (order.seconds, order.count) {
        (Some(_), Some(_)) => {
            return Err(ControlError::Field {
                field: "seconds",
                must: "is given in place of count, not with it",
            });
        }
        (Some(seconds), None) => FaultSpan::Until(shared.now().after(Duration::from_secs(seconds))),
        (None, Some(count)) => FaultSpan::Count(count),
        (None, None) => FaultSpan::Forever,
    };
    let scope = match (order.iccid, order.login) {
        (Some(_), true) => {
            return Err(ControlError::Field { field: "login", must: "a log-in is not about one SIM" });
        }
        (Some(iccid), false) => FaultScope::Sim((instance.operator.canonical)(&iccid).to_owned()),
        (None, true) => FaultScope::Login,
        (None, false) => FaultScope::Operator,
    };
    instance.state.faults.set(scope, fault, span);
    Ok(json!({"done": true}))
}

fn clear_faults(shared: &Shared, operator: Option<String>) -> Result<Value, ControlError> {
    match operator {
        Some(name) => find(shared, &name)?.state.faults.clear(),
        None => shared.used_instances().iter().for_each(|instance| instance.state.faults.clear()),
    }
    Ok(json!({"done": true}))
}

fn change_ids(shared: &Shared, order: &IdsOrder) -> Result<Value, ControlError> {
    find(shared, &order.operator)?.state.change_ids();
    Ok(json!({"done": true}))
}

fn set_usage(shared: &Shared, order: UsageOrder) -> Result<Value, ControlError> {
    let instance = find(shared, &order.operator)?;
    let sim = (instance.operator.canonical)(&order.iccid);
    let now = shared.now();
    match (order.add_bytes, order.set_bytes, order.unknown) {
        (Some(bytes), None, None) => instance.state.sims.inject(sim, bytes),
        (None, Some(bytes), None) => instance.state.sims.set(sim, bytes, now),
        (None, None, Some(unknown)) => instance.state.sims.set_unknown(sim, unknown),
        _ => {
            return Err(ControlError::Field {
                field: "addBytes, setBytes, unknown",
                must: "exactly one of them is needed",
            });
        }
    }
    Ok(json!({"usedBytes": instance.state.sims.peek(sim, |sim| sim.used(&shared.config, now))}))
}
