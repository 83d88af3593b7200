//! The kinds of calls that are made, how often, and what may be answered to each. Any other answer is a finding.

use super::world::{Customer, World};
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use simgauge_protocol::Body;
use simgauge_protocol::sign::{self, Scope};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Refresh,
    RefreshAndWait,
    RefreshTwice,
    RefreshResent,
    RefreshAndLeave,
    RefreshOverQuota,
    Card,
    List,
    History,
    RefreshReport,
    ReadReplayed,
    ForeignCard,
    WrongSign,
    UnknownAppkey,
    OldTimestamp,
    BadBody,
    TooLarge,
    NoPath,
    WrongMethod,
    HalfHead,
    HalfBody,
    Console,
    ConsoleEvents,
    Document,
}

const REFRESH: &[&str] = &["200", "429", "503"];
const DONE: &[&str] = &["200"];
/// A page of the console or of the documentation, which has a status only.
const PAGE: &[&str] = &["200"];
/// Nobody waits for an answer.
const NOTHING: &[&str] = &["gone"];

/// Kind, share of all calls in thousandths, codes that are right.
pub(super) const KINDS: &[(Kind, u32, &[&str])] = &[
    (Kind::Refresh, 230, REFRESH),
    (Kind::RefreshAndWait, 50, REFRESH),
    (Kind::RefreshTwice, 30, &["429", "503"]),
    (Kind::RefreshResent, 30, REFRESH),
    (Kind::RefreshAndLeave, 10, NOTHING),
    (Kind::RefreshOverQuota, 50, REFRESH),
    (Kind::Card, 200, DONE),
    (Kind::List, 40, DONE),
    (Kind::History, 50, DONE),
    (Kind::RefreshReport, 100, DONE),
    (Kind::ReadReplayed, 15, &["409"]),
    (Kind::ForeignCard, 20, &["404"]),
    (Kind::WrongSign, 30, &["401"]),
    (Kind::UnknownAppkey, 15, &["401"]),
    (Kind::OldTimestamp, 10, &["401"]),
    (Kind::BadBody, 40, &["400"]),
    (Kind::TooLarge, 10, &["413"]),
    (Kind::NoPath, 5, &["404"]),
    (Kind::WrongMethod, 5, &["405"]),
    (Kind::HalfHead, 15, NOTHING),
    (Kind::HalfBody, 15, NOTHING),
    (Kind::Console, 15, PAGE),
    (Kind::ConsoleEvents, 5, NOTHING),
    (Kind::Document, 10, PAGE),
];

/// Bodies that no operation takes.
pub(super) const BAD_BODIES: &[&str] = &[
    "",
    "{",
    "[]",
    "null",
    "{}",
    "{\"appkey\":\"a\",\"appkey\":\"b\"}",
    "{\"appkey\":{}}",
    "{\"appkey\":1,\"timestamp\":\"x\",\"nonce\":null,\"iccid\":[1]}",
    "iccid=8986000000000000001",
    "<xml>8986</xml>",
    "{\"appkey\":\"\\ud800\",\"timestamp\":1}",
    "\u{0}\u{1}\u{2}",
];

/// Pages that the admin looks at.
pub(super) const CONSOLE_PAGES: &[&str] = &[
    "/console",
    "/console/cards",
    "/console/cards?q=8986",
    "/console/refreshes",
    "/console/refreshes.csv",
    "/console/operators",
    "/console/apps",
    "/console/notifications",
    "/console/import",
];
/// Pages that stay open and are told of changes.
pub(super) const CONSOLE_EVENTS: &[&str] =
    &["/console/events", "/console/refreshes/events", "/console/operators/events"];
/// Pages for everybody.
pub(super) const DOCUMENTS: &[&str] = &["/openapi.json", "/docs/sign", "/healthz", "/readyz"];

/// A card with whose it is.
pub(super) struct Target<'a> {
    pub(super) customer: &'a Customer,
    pub(super) number: &'a str,
    cloud_esim: bool,
}

impl<'a> Target<'a> {
    /// Any card of a customer.
    pub(super) fn any(customer: &'a Customer) -> Self {
        let cloud_esim = rand::random_range(0..10) == 0;
        let numbers = if cloud_esim { &customer.cloud_esims } else { &customer.sims };
        let number = numbers.choose(&mut rand::rng()).map_or("", String::as_str);
        Self { customer, number, cloud_esim }
    }

    /// The path of an operation about it: those of physical cards and of cloud eSIMs.
    pub(super) fn path(&self, sim: &'static str, cloud_esim: &'static str) -> &'static str {
        if self.cloud_esim { cloud_esim } else { sim }
    }

    /// Its number as a field.
    pub(super) fn fields(&self) -> Value {
        if self.cloud_esim { json!({ "eid": self.number }) } else { json!({ "iccid": self.number }) }
    }
}

/// Some customer but the one with a quota.
pub(super) fn any_customer(world: &World) -> &Customer {
    world.customers[..super::world::HASTY].choose(&mut rand::rng()).unwrap_or(&world.customers[0])
}

/// A signed body.
pub(super) fn signed(customer: &Customer, fields: Value) -> String {
    signed_as(&customer.appkey, &customer.secret, unix_seconds(), fields)
}

/// The same with everything free.
pub(super) fn signed_as(appkey: &str, secret: &str, timestamp: u64, fields: Value) -> String {
    // In turn: random ones would meet within a second.
    static NONCES: AtomicU32 = AtomicU32::new(0);
    let nonce = 10_000 + NONCES.fetch_add(1, Ordering::Relaxed) % 90_000;
    let mut body = json!({ "appkey": appkey, "timestamp": timestamp, "nonce": nonce });
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
    if let Ok(parsed) = Body::parse(body.to_string().as_bytes()) {
        body["sign"] = sign::sign(&parsed, Scope::Request, secret).into();
    }
    body.to_string()
}

pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_thousandths_of_all() {
        assert_eq!(KINDS.iter().map(|(_, share, _)| share).sum::<u32>(), 1000);
    }
}
