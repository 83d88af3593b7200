//! Two accounts on one platform: whatever one of them sends, it learns nothing of the other and moves nothing
//! of theirs.

use crate::support::call::sign_body;
use crate::support::receiver::Receiver;
use crate::support::{Database, EID, ICCID, LANE, OPERATOR, OTHERS_ICCID, SECRET, TestServer, server};
use crate::support::{import, row};
use rstest::rstest;
use serde_json::{Value, json};
use simgauge::config::Config;
use simgauge_domain::card_kind::CardKind;
use simgauge_protocol::OperationName;
use simgauge_protocol::cursor::cursor_after;
use simgauge_store::{ImportRow, NewPackage};
use std::collections::BTreeMap;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(20);
const THEIR_SECRET: &str = "the other account's secret";
const THEIR_EID: &str = "22222222222222222222222222";
const THEIR_PROFILE: &str = "8986000000000000027";
const THEIR_PACKAGE: &str = "THEIRS2026";

/// What an operation's field is for, as far as ids go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// One id.
    Id,
    /// Ids separated by commas.
    Ids,
    /// A place in a list.
    Place,
    /// A place in a list, made of an id.
    Cursor,
    /// No id.
    Nothing,
}

/// Whoever adds a field to an operation says here what it takes, so that no id is left untried.
fn takes(field: &str) -> Takes {
    match field {
        "iccid" | "eid" | "refreshId" => Takes::Id,
        "iccids" | "eids" => Takes::Ids,
        "before" => Takes::Place,
        "cursor" => Takes::Cursor,
        "wait" | "pageNum" | "pageSize" | "cardStatus" => Takes::Nothing,
        other => panic!("the field {other} is new: which ids of another account can be put there?"),
    }
}

/// A call that has everything but the field under attack.
fn rest_of(operation: OperationName) -> Value {
    match operation {
        OperationName::RefreshUsage(_) => json!({ "wait": 1 }),
        OperationName::GetCard(_) | OperationName::ListCards(_) | OperationName::GetRefresh => json!({}),
        OperationName::UsageHistory(_) => json!({ "pageSize": 500 }),
    }
}

/// An id of the same shape that nobody has.
fn nobodys(id: &str) -> String {
    let turned = |c: char| match c {
        '0'..='8' => char::from(u8::try_from(c).unwrap() + 1),
        '9' => '0',
        'a'..='y' | 'A'..='Y' => char::from(u8::try_from(c).unwrap() + 1),
        other => other,
    };
    let middle = id.len() / 2;
    id.char_indices().map(|(at, c)| if at.abs_diff(middle) < 3 { turned(c) } else { c }).collect()
}

/// An answer without what differs between any two calls: the id that was asked for, times and nonces.
async fn answer(server: &TestServer, operation: OperationName, body: &Value, id: &str) -> String {
    let response =
        server.request(reqwest::Method::POST, operation.path()).body(body.to_string()).send().await.unwrap();
    let mut headers: BTreeMap<String, String> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    for moving in ["date", "x-request-id", "content-length"] {
        assert!(headers.remove(moving).is_some(), "{moving}");
    }
    let status = response.status();
    let mut text = response.text().await.unwrap().replace(&format!("appkey={id}&"), "appkey=#&");
    // Shorter ones are parts of words.
    if id.len() > 8 {
        text = text.replace(id, "#");
    }
    format!("{status} {headers:?} {}", without_times(&text))
}

/// Without runs of 5 digits (nonces), 10 digits (seconds) and ages.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let is_moving = matches!(digits.len(), 5 | 10) || out.ends_with("\"ageSeconds\":");
        out.push_str(if is_moving && !digits.is_empty() { "*" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out
}

/// Everything of the other account that has a name.
struct Theirs {
    ids: Vec<String>,
    /// Marks of pages of their histories.
    places: Vec<i64>,
    refreshes: [String; 2],
}

fn as_they(server: &TestServer, fields: &Value) -> Value {
    let mut body = server.signed_as("k2", fields.clone());
    body.as_object_mut().unwrap().shift_remove("sign");
    sign_body(body, THEIR_SECRET)
}

async fn they_refresh(server: &TestServer, path: &str, fields: &Value) -> String {
    let accepted = server.post(path, as_they(server, fields).to_string()).await;
    assert_eq!(accepted.expect("200")["state"], "succeeded", "{accepted:?}");
    accepted.refresh_id()
}

const CARD_REFRESH: &str = "/api/v3/card/refreshUsage";
const ESIM_REFRESH: &str = "/api/v3/cloudesim/refreshUsage";

/// Gives the other account something of everything that an account can have.
async fn furnish_them(server: &TestServer, receiver: &Receiver) -> Theirs {
    let store = server.store();
    let esim = ImportRow { kind: CardKind::CloudEsim, ..row(THEIR_EID, THEIR_PROFILE, "other") };
    import(store, &[esim]).await;
    let package = NewPackage {
        card: OTHERS_ICCID.into(),
        code: THEIR_PACKAGE.into(),
        name: "ten gigabytes".into(),
        total: Some(10_000_000_000),
        valid_from: None,
        valid_to: None,
    };
    store.add_package(&package, server.clock.now()).await.unwrap();
    let mut settings = store.notification_prefs("other").await.unwrap();
    settings.url = Some(receiver.url());
    store.set_notification_prefs(&settings).await.unwrap();
    // A second reading, so that their history has a place to go on from.
    they_refresh(server, CARD_REFRESH, &json!({ "iccid": OTHERS_ICCID, "wait": 8 })).await;
    server.travel_to(301);
    let refreshes = [
        they_refresh(server, CARD_REFRESH, &json!({ "iccid": OTHERS_ICCID, "wait": 8 })).await,
        they_refresh(server, ESIM_REFRESH, &json!({ "eid": THEIR_EID, "wait": 8 })).await,
    ];
    let received = receiver.wait_taken(3, TIMEOUT).await;
    let notifications = store.notifications(Some("other"), None, 10).await.unwrap();
    let mut ids: Vec<String> =
        [OTHERS_ICCID, THEIR_EID, THEIR_PROFILE, THEIR_PACKAGE].map(str::to_owned).to_vec();
    ids.extend(refreshes.iter().cloned());
    ids.extend(notifications.into_iter().map(|one| one.id));
    ids.extend(received.iter().map(|one| one.text("eventId").to_owned()));
    // What is no id of any field, and may be taken for one.
    ids.extend(["other", "k2", LANE, "t0ken"].map(str::to_owned));
    ids.sort();
    ids.dedup();
    let history = json!({ "iccid": OTHERS_ICCID, "pageSize": 1 });
    let history = server.post("/api/v3/card/usageHistory", as_they(server, &history).to_string()).await;
    let place = history.expect("200")["nextBefore"].as_str().expect("two readings").parse().unwrap();
    Theirs { ids, places: vec![place, place + 1], refreshes }
}

fn may_post_to_this_machine(config: &mut Config) {
    config.notify.allow_private = true;
    config.notify.allow_http = true;
    config.notify.poll_seconds = 0.05;
}

async fn two_accounts(database: Database) -> (TestServer, Receiver, Theirs) {
    let mut server = server().database(database).configure(may_post_to_this_machine).start().await;
    let sealed = server.config.sealer().unwrap().seal(THEIR_SECRET, "k2").unwrap();
    server.store().set_app_secret("k2", &sealed, None).await.unwrap();
    // Secrets are known at once to who starts anew.
    server.stop().await;
    server.start().await;
    let receiver = Receiver::start().await;
    let theirs = furnish_them(&server, &receiver).await;
    server.ended(&server.refresh_sim(ICCID).await.refresh_id(), TIMEOUT).await;
    (server, receiver, theirs)
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_of_another_account_are_ids_that_do_not_exist(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let (server, receiver, theirs) = two_accounts(database).await;
    // Nothing is cooling any more: whatever got through would be seen.
    server.travel_to(602);
    let rows = server.rows().await;
    let asked = server.simulator.stats(OPERATOR).requests;
    let notified = receiver.received().len();
    let mut pairs = 0;
    for operation in OperationName::ALL {
        for (name, theirs, nobodys, id) in attempts(operation, &theirs) {
            let mut answers = Vec::new();
            for (value, id) in [(&theirs, &id.0), (&nobodys, &id.1)] {
                let mut fields = rest_of(operation);
                // The other fields that it cannot do without are the caller's own.
                for field in operation.fields().iter().filter(|field| field.required && field.name != name) {
                    fields[field.name] = json!(if field.name == "eid" { EID } else { ICCID });
                }
                fields[name] = value.clone();
                answers.push(answer(&server, operation, &server.signed(fields), id).await);
            }
            assert_eq!(answers[0], answers[1], "{} {name} {theirs}", operation.short());
            assert!(!answers[0].contains("\"500\""), "{}", answers[0]);
            pairs += 1;
        }
    }
    // Nine operations, each with every id in every field for ids.
    assert!(pairs >= OperationName::ALL.len() * theirs.ids.len(), "only {pairs}");
    server.assert_rows(&rows).await;
    assert_eq!(server.simulator.stats(OPERATOR).requests, asked, "the operator was asked");
    assert_eq!(receiver.received().len(), notified, "somebody was notified");
    they_have_what_is_theirs(&server, &theirs).await;
    println!("{pairs} pairs of calls, {} ids", theirs.ids.len());
}

/// A field, what to put there of theirs and of nobody's, and the id that differs.
fn attempts(
    operation: OperationName,
    theirs: &Theirs,
) -> Vec<(&'static str, Value, Value, (String, String))> {
    let mut all = Vec::new();
    for field in operation.fields() {
        let own = if field.name == "eids" { EID } else { ICCID };
        for id in &theirs.ids {
            let other = nobodys(id);
            assert!(*id != other && !theirs.ids.contains(&other), "{id}");
            let pair = (id.clone(), other.clone());
            match takes(field.name) {
                Takes::Id => all.push((field.name, json!(id), json!(other), pair)),
                Takes::Ids => {
                    for list in ["ID", "OWN,ID", "ID,OWN", "OWN,ID,ID,OWN"] {
                        let of = |id: &str| json!(list.replace("ID", id).replace("OWN", own));
                        all.push((field.name, of(id), of(&other), pair.clone()));
                    }
                }
                Takes::Cursor => {
                    let OperationName::ListCards(kind) = operation else { panic!("only lists have cursors") };
                    let cursor = |id: &str| json!(cursor_after(kind, &id.replace('-', "")));
                    all.push((field.name, cursor(id), cursor(&other), pair));
                }
                Takes::Place | Takes::Nothing => {}
            }
        }
        if takes(field.name) == Takes::Place {
            // The caller's own history, from a place in theirs: as from a place where nobody has anything.
            let far = theirs.places.iter().map(|place| (place, place + 7));
            all.extend(far.map(|(place, other)| {
                (field.name, json!(place), json!(other), (place.to_string(), other.to_string()))
            }));
        }
    }
    all
}

/// The ids were good ones all the time, and no cooldown was used up.
async fn they_have_what_is_theirs(server: &TestServer, theirs: &Theirs) {
    let call = async |path: &str, fields: Value| {
        server.post(path, as_they(server, &fields).to_string()).await.expect("200").to_string()
    };
    for (path, fields) in [
        ("/api/v3/card/getCardsInfo", json!({ "iccid": OTHERS_ICCID })),
        ("/api/v3/cloudesim/get", json!({ "eid": THEIR_EID })),
        ("/api/v3/card/getAllCardInfo", json!({ "iccids": OTHERS_ICCID })),
        ("/api/v3/cloudesim/list", json!({ "eids": THEIR_EID })),
        ("/api/v3/card/usageHistory", json!({ "iccid": OTHERS_ICCID })),
        ("/api/v3/cloudesim/usageHistory", json!({ "eid": THEIR_EID })),
        ("/api/v3/refresh/get", json!({ "refreshId": theirs.refreshes[0] })),
        ("/api/v3/refresh/get", json!({ "refreshId": theirs.refreshes[1] })),
        (CARD_REFRESH, json!({ "iccid": OTHERS_ICCID })),
        (ESIM_REFRESH, json!({ "eid": THEIR_EID })),
    ] {
        let text = call(path, fields).await;
        assert!(text.len() > 40, "{path}: {text}");
    }
}

/// What a call states beside its sign (the account, the app, the address to notify) changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naming_the_other_account_does_not_help() {
    let (server, receiver, theirs) = two_accounts(Database::Sqlite).await;
    server.travel_to(602);
    let (rows, notified) = (server.rows().await, receiver.received().len());
    let extra = json!({
        "account": "other", "accountId": "other", "tenant": "other", "customer": "other", "appKey": "k2",
        "notify_url": "https://example.com/", "notifyUrl": "https://example.com/", "admin": true,
    });
    for operation in OperationName::ALL {
        let mut fields = rest_of(operation);
        let field = operation.fields().into_iter().find(|field| takes(field.name) != Takes::Nothing).unwrap();
        let id = match field.name {
            "eid" | "eids" => THEIR_EID,
            "refreshId" => &theirs.refreshes[0],
            _ => OTHERS_ICCID,
        };
        fields[field.name] = json!(id);
        let plain = answer(&server, operation, &server.signed(fields.clone()), id).await;
        fields.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let named = answer(&server, operation, &server.signed(fields), id).await;
        assert_eq!(plain, named, "{}", operation.short());
    }
    server.assert_rows(&rows).await;
    assert_eq!(receiver.received().len(), notified);
}

/// Who does not have the secret cannot find out whose appkey it is, not even by the language of the
/// answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_secret_cannot_tell_which_appkeys_exist() {
    let (server, ..) = two_accounts(Database::Sqlite).await;
    for operation in OperationName::ALL {
        let number = json!({ "iccid": OTHERS_ICCID, "eid": THEIR_EID, "refreshId": "x" });
        // Well-formed, and wrong in each way that is found out before the sign is.
        let broken = [
            json!({}),
            json!({ "nonce": 1 }),
            json!({ "timestamp": "now" }),
            json!({ "signType": "MD5" }),
            json!({ "iccid": [], "eid": [], "refreshId": [], "pageNum": [] }),
            json!({ "timestamp": 1_000_000_000 }),
        ];
        for broken in broken {
            let ask = async |appkey: &str| {
                let mut fields = number.clone();
                fields.as_object_mut().unwrap().extend(broken.as_object().unwrap().clone());
                let mut body = server.signed_as(appkey, fields);
                body.as_object_mut().unwrap().shift_remove("sign");
                answer(&server, operation, &sign_body(body, "a guess"), appkey).await
            };
            let (exists, rotated, nobody) = (ask("k2").await, ask("off").await, ask("zz").await);
            assert_eq!(exists, nobody, "{} {broken}", operation.short());
            assert_eq!(rotated, nobody, "{} {broken}", operation.short());
        }
    }
    assert_ne!(THEIR_SECRET, SECRET);
}
