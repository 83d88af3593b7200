//! The kinds of calls, how often each is made, and which codes it may get. Any other code is a finding.

use super::world::{Customer, World};
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use simgauge_protocol::Body;
use simgauge_protocol::sign::{self, Scope};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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

const REFRESH_CODES: &[&str] = &["200", "429", "503"];
const DONE: &[&str] = &["200"];
/// A page of the console or the documentation. It has only a status.
const PAGE: &[&str] = &["200"];
/// The caller does not wait for an answer.
const NO_ANSWER: &[&str] = &["gone"];

/// Kind, share of all calls in thousandths, expected codes.
pub(super) const KINDS: &[(Kind, u32, &[&str])] = &[
    (Kind::Refresh, 230, REFRESH_CODES),
    (Kind::RefreshAndWait, 50, REFRESH_CODES),
    (Kind::RefreshTwice, 30, &["429", "503"]),
    (Kind::RefreshResent, 30, REFRESH_CODES),
    (Kind::RefreshAndLeave, 10, NO_ANSWER),
    (Kind::RefreshOverQuota, 50, REFRESH_CODES),
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
    (Kind::HalfHead, 15, NO_ANSWER),
    (Kind::HalfBody, 15, NO_ANSWER),
    (Kind::Console, 15, PAGE),
    (Kind::ConsoleEvents, 5, NO_ANSWER),
    (Kind::Document, 10, PAGE),
];

/// The paths of an operation, for physical cards and for cloud eSIMs.
pub(super) type Paths = (&'static str, &'static str);

pub(super) const REFRESH: Paths = ("/api/v3/card/refreshUsage", "/api/v3/cloudesim/refreshUsage");
pub(super) const CARD: Paths = ("/api/v3/card/getCardsInfo", "/api/v3/cloudesim/get");
pub(super) const LIST: Paths = ("/api/v3/card/getAllCardInfo", "/api/v3/cloudesim/list");
pub(super) const HISTORY: Paths = ("/api/v3/card/usageHistory", "/api/v3/cloudesim/usageHistory");

/// The beginnings of requests that are never completed.
pub(super) const HALF_HEAD: &[u8] = b"POST /api/v3/card/refreshUsage HTTP/1.1\r\nHost: so";
pub(super) const HALF_BODY: &[u8] =
    b"POST /api/v3/card/refreshUsage HTTP/1.1\r\nHost: soak\r\nContent-Length: 200\r\n\r\n{\"app";

/// Bodies that no operation accepts.
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
/// Pages that stay open and receive changes.
pub(super) const CONSOLE_EVENTS: &[&str] =
    &["/console/events", "/console/refreshes/events", "/console/operators/events"];
/// Pages for everybody.
pub(super) const DOCUMENTS: &[&str] = &["/openapi.json", "/docs/sign", "/healthz", "/readyz"];

/// A card with its customer.
pub(super) struct Target<'a> {
    pub(super) customer: &'a Customer,
    pub(super) number: &'a str,
    cloud_esim: bool,
}

impl<'a> Target<'a> {
    /// A random card of a customer.
    pub(super) fn any(customer: &'a Customer) -> Self {
        let cloud_esim = rand::random_range(0..10) == 0;
        let numbers = if cloud_esim { &customer.cloud_esims } else { &customer.sims };
        let number = numbers.choose(&mut rand::rng()).map_or("", String::as_str);
        Self { customer, number, cloud_esim }
    }

    /// The path of an operation for this kind of card.
    pub(super) fn path(&self, paths: Paths) -> &'static str {
        if self.cloud_esim { paths.1 } else { paths.0 }
    }

    pub(super) fn fields(&self) -> Value {
        if self.cloud_esim { json!({ "eid": self.number }) } else { json!({ "iccid": self.number }) }
    }
}

/// A random customer other than the one with a quota.
pub(super) fn any_customer(world: &World) -> &Customer {
    world.customers[..super::world::HASTY].choose(&mut rand::rng()).unwrap_or(&world.customers[0])
}

pub(super) fn signed(customer: &Customer, fields: Value) -> String {
    signed_as(&customer.appkey, &customer.secret, unix_seconds(), fields)
}

pub(super) fn signed_as(appkey: &str, secret: &str, timestamp: u64, fields: Value) -> String {
    // Counted, because random ones would repeat within a second.
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
