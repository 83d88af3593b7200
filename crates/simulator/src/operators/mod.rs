//! The operators, one file each: their calls, their answers, their errors.

mod airalo;
mod cisco;
mod emnify;
mod esim_go;
mod huawei;
mod kore;
mod nce;
mod oapi;
mod onelink;
mod simboss;
mod soracom;
mod telnyx;

use super::instance::{Exchange, Instance};
use super::limits::{Budget, unlimited};
use super::wire::{Call, Reply};
use simgauge_domain::limits::Limits;
use std::fmt::Debug;

/// What a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// A log-in.
    Login,
    /// A call on the way to the usage of this SIM, or beside it.
    Lookup(String),
    /// The call that gives the usage of this SIM.
    Usage(String),
    /// Nothing this operator has.
    Unknown,
}

impl Op {
    pub(super) fn sim(&self) -> Option<&str> {
        match self {
            Self::Lookup(sim) | Self::Usage(sim) => Some(sim),
            Self::Login | Self::Unknown => None,
        }
    }
}

/// What is wrong with a call, to be said in the operator's own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem<'a> {
    /// No credentials at all.
    NoCredentials,
    /// Wrong ones.
    BadCredentials,
    /// The log-in has run out.
    TokenGone,
    /// No such SIM.
    UnknownSim,
    /// The request is wrong.
    BadRequest(&'a str),
    /// No such path or method.
    NoSuchCall,
    /// Too many calls.
    RateLimited,
    /// Any other HTTP status, on demand.
    Failure(u16),
}

/// One operator's API.
pub(super) trait Operator: Debug + Send + Sync {
    /// The name in the URL.
    fn name(&self) -> &'static str;

    /// The documented path of the base URL: may stand in a call's path or be left out.
    fn base_path(&self) -> &'static [&'static str] {
        &[]
    }

    /// The documented limits.
    fn limits(&self) -> Limits {
        unlimited()
    }

    /// The number a SIM is kept under.
    fn canonical<'a>(&self, iccid: &'a str) -> &'a str {
        iccid
    }

    /// What the call is about.
    fn classify(&self, instance: &Instance, call: &Call<'_>) -> Op;

    /// The token the call shows, where this operator has tokens.
    fn shown_token(&self, _call: &Call<'_>) -> Option<String> {
        None
    }

    /// Answers the call: checks the credentials, then does what is asked.
    fn answer(&self, exchange: &Exchange<'_>, op: &Op) -> Reply;

    /// An error in this operator's shape.
    fn problem(&self, problem: &Problem<'_>) -> Reply;

    /// The fields that hold the used bytes, for the fault that renames them.
    fn used_fields(&self) -> &'static [&'static str];

    /// Whether a refusal for too many calls says how long to wait.
    fn tells_retry_after(&self) -> bool {
        true
    }

    /// Tells what is left of the limit, where this operator does.
    fn tell_budget(&self, reply: Reply, _budget: &Budget) -> Reply {
        reply
    }
}

/// The user, app id or client id that every operator accepts.
pub(super) const USER: &str = "sim-user";
/// The password, secret or key that every operator accepts.
pub(super) const SECRET: &str = "sim-secret";

/// Every operator, in the order they are shown.
pub(super) static OPERATORS: &[&dyn Operator] = &[
    &cisco::Cisco,
    &nce::Nce,
    &telnyx::Telnyx,
    &soracom::Soracom,
    &esim_go::EsimGo,
    &airalo::Airalo,
    &simboss::Simboss,
    &onelink::OneLink,
    &emnify::Emnify,
    &kore::Kore,
    &huawei::Huawei,
    &oapi::Oapi,
];

/// The operator of that name.
pub(super) fn find(name: &str) -> Option<&'static dyn Operator> {
    OPERATORS.iter().copied().find(|operator| operator.name() == name)
}
