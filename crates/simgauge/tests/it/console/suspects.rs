//! Readings that are not believed: people see them, and have them booked or dropped.

use super::browser::{Browser, Page, admins};
use crate::support::{Database, ICCID, LANE, OPERATOR, OTHERS_ICCID, TestServer, server};
use rstest::rstest;
use serde_json::{Value, json};
use simgauge_store::{AdminRole, SuspectFilter, SuspectView};

const PATH: &str = "/console/suspects";

/// Where the usage of these cards fell from 5,000 bytes to 100, six minutes apart.
async fn fallen(database: Database, cards: &[String]) -> (TestServer, Browser) {
    let server = server().database(database).start().await;
    server.add_cards(u32::try_from(cards.len()).unwrap()).await;
    for (minute, used) in [(0, 5_000), (6, 100)] {
        server.travel_to_2030(5, 10, 12, minute);
        for card in cards {
            server.used(OPERATOR, card, used).await;
        }
    }
    admins(&server, &[("ann", AdminRole::Full), ("bob", AdminRole::ReadOnly)]).await;
    let ann = Browser::of(&server, "ann").await;
    (server, ann)
}

fn added(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("89860000000001{n:05}")).collect()
}

async fn waiting(server: &TestServer) -> Vec<SuspectView> {
    server.store().waiting_suspects(&SuspectFilter::default(), None, 100).await.unwrap()
}

/// The fields of the form that decides about a reading.
fn form(suspect: &SuspectView) -> [(&'static str, String); 2] {
    [("profile", suspect.profile.to_string()), ("began_at", suspect.began_at.0.to_string())]
}

/// Presses a button of a page about a reading.
async fn decide(browser: &mut Browser, from: &str, path: &str, suspect: &SuspectView) -> Page {
    let page = browser.get(from).await.expect(200);
    assert!(page.text.contains(&format!("action=\"{path}\"")), "{path}: {}", page.text);
    let fields = form(suspect);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for (name, value) in &fields {
        assert!(page.text.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{name}: {}", page.text);
    }
    browser.submit(from, path, &fields).await.expect(303)
}

async fn used(server: &TestServer, card: &str) -> Value {
    server.card(card).await.expect("200")["usage"]["usedBytes"].clone()
}

/// What admins did, the newest first: action, subject, actor.
async fn audited(server: &TestServer) -> Vec<(String, String, String)> {
    let listed = server.simgauge("audit list --json").await.json(0);
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let entries = listed.as_array().unwrap().iter();
    entries.map(|one| (text(one, "action"), text(one, "subject"), text(one, "actor"))).collect()
}

#[rstest]
#[tokio::test]
async fn what_is_held_is_shown_accepted_and_reversed(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let (server, mut ann) = fallen(database, &[ICCID.to_owned()]).await;
    let overview = ann.get("/console").await.expect(200).text;
    assert!(
        overview.contains("<a href=\"/console/suspects\">1 readings are not believed and wait."),
        "{overview}"
    );
    let text = ann.get(PATH).await.expect(200).text;
    for says in [
        ICCID,
        LANE,
        "acme",
        "100 B",
        "5.0 kB",
        "The usage fell, and the operator does not say why.",
        "booked by itself",
        "in 23 h",
        "data-confirm=\"Book the reading of 100 B",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
    let csv = ann.get("/console/suspects.csv").await.expect(200).text;
    assert!(
        csv.contains(&format!("{LANE},{ICCID},{ICCID},acme,")) && csv.contains(",100,5000,fall,"),
        "{csv}"
    );

    let suspect = waiting(&server).await.remove(0);
    let accepted = decide(&mut ann, PATH, &format!("{PATH}/accept"), &suspect).await;
    assert_eq!(accepted.location(), format!("{PATH}?done=suspect_accepted&count=1"));
    let text = ann.get(accepted.location()).await.expect(200).text;
    assert!(text.contains("The reading is booked.") && text.contains("No reading waits"), "{text}");
    assert_eq!(used(&server, ICCID).await, 100);
    assert!(!ann.get("/console").await.expect(200).text.contains("not believed"));

    // The same page in another window: it no longer waits.
    let fields = form(&suspect);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let late = ann.submit(PATH, &format!("{PATH}/reject"), &fields).await.expect(303);
    assert_eq!(late.location(), format!("{PATH}?problem=suspect_gone"));
    assert!(ann.get(late.location()).await.text.contains("no longer waits"));

    // The period that was assumed is taken back on the card's page.
    let card = format!("/console/cards/{ICCID}");
    let text = ann.get(&card).await.expect(200).text;
    assert!(text.contains("A new period was assumed"), "{text}");
    let reversed = ann.submit(&card, &format!("{card}/reverse-period"), &[]).await.expect(303);
    assert_eq!(reversed.location(), format!("{card}?done=period_reversed"));
    let text = ann.get(reversed.location()).await.expect(200).text;
    assert!(text.contains("is taken back") && !text.contains("reverse-period"), "{text}");
    let again = ann.submit(&card, &format!("{card}/reverse-period"), &[]).await.expect(303);
    assert_eq!(again.location(), format!("{card}?problem=not_reversed"));

    let audit = audited(&server).await;
    for (action, subject) in [("reading.accept", ICCID), ("period.reverse", ICCID)] {
        let entry = (action.to_owned(), subject.to_owned(), "console:ann".to_owned());
        assert_eq!(audit.iter().filter(|one| **one == entry).count(), 1, "{entry:?}: {audit:?}");
    }
    assert!(!audit.iter().any(|(action, ..)| action == "reading.reject"), "{audit:?}");
    let reconciled = server.simgauge("usage reconcile").await;
    assert!(reconciled.out.ends_with("all agree\n"), "{}{}", reconciled.out, reconciled.error);
}

#[rstest]
#[tokio::test]
async fn the_page_of_a_card_rejects_its_own_only(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let cards = added(2);
    let (server, mut ann) = fallen(database, &cards).await;
    let page = format!("/console/cards/{}", cards[0]);
    let suspects = waiting(&server).await;
    let of = |card: &String| suspects.iter().find(|one| one.number == *card).unwrap();
    let text = ann.get(&page).await.expect(200).text;
    assert!(text.contains("Not certain") && text.contains("5.0 kB"), "{text}");
    // Another card's reading is not decided here.
    let fields = form(of(&cards[1]));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    ann.submit(&page, &format!("{page}/suspects/accept"), &fields).await.expect(404);
    ann.submit(&page, &format!("{page}/suspects/forget"), &fields).await.expect(404);
    ann.submit(&page, &format!("{page}/suspects/accept"), &[("profile", "x")]).await.expect(404);
    assert_eq!(waiting(&server).await, suspects);

    let rejected = decide(&mut ann, &page, &format!("{page}/suspects/reject"), of(&cards[0])).await;
    assert_eq!(rejected.location(), format!("{page}?done=suspect_rejected"));
    let text = ann.get(rejected.location()).await.expect(200).text;
    assert!(text.contains("nothing was booked") && !text.contains("Not certain"), "{text}");
    let card = server.card(&cards[0]).await.expect("200").clone();
    assert_eq!((&card["usage"]["usedBytes"], &card["usage"]["warning"]), (&json!(5_000), &Value::Null));
    let left: Vec<_> = waiting(&server).await.into_iter().map(|one| one.number).collect();
    assert_eq!(left, cards[1..]);
    let entry = ("reading.reject".to_owned(), cards[0].clone(), "console:ann".to_owned());
    assert!(audited(&server).await.contains(&entry));
}

#[rstest]
#[tokio::test]
async fn all_of_an_operator_account_are_decided_at_once(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let cards = added(3);
    let (server, mut ann) = fallen(database, &cards).await;
    // Without a filter nobody is offered to decide all, and a form without a lane means none.
    assert!(!ann.get(PATH).await.expect(200).text.contains("/lane\""));
    ann.submit(PATH, &format!("{PATH}/accept/lane"), &[]).await.expect(404);
    let elsewhere = ann.get(&format!("{PATH}?lane=nowhere")).await.expect(200).text;
    assert!(elsewhere.contains("No reading of this operator account waits."), "{elsewhere}");
    let none = ann.submit(PATH, &format!("{PATH}/accept/lane"), &[("lane", "nowhere")]).await.expect(303);
    assert_eq!(none.location(), format!("{PATH}?done=suspects_accepted&count=0"));
    assert_eq!(waiting(&server).await.len(), 3);

    let of_lane = format!("{PATH}?lane={LANE}");
    let text = ann.get(&of_lane).await.expect(200).text;
    assert!(text.contains(&format!("data-confirm=\"Drop every reading of {LANE} that waits?")), "{text}");
    let rejected = ann.submit(&of_lane, &format!("{PATH}/reject/lane"), &[("lane", LANE)]).await.expect(303);
    assert_eq!(rejected.location(), format!("{PATH}?done=suspects_rejected&count=3"));
    assert!(ann.get(rejected.location()).await.text.contains("3 readings are dropped"));
    assert_eq!(waiting(&server).await, []);
    for card in &cards {
        assert_eq!(used(&server, card).await, 5_000);
        let entry = ("reading.reject".to_owned(), card.clone(), "console:ann".to_owned());
        assert!(audited(&server).await.contains(&entry), "{card}");
    }
}

#[rstest]
#[tokio::test]
async fn the_list_is_paged_without_gaps(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let cards = added(53);
    let (_server, mut ann) = fallen(database, &cards).await;
    for filter in ["", "?lane=main"] {
        let first = ann.get(&format!("{PATH}{filter}")).await.expect(200).text;
        let (before, _) = first.split_once("\" rel=\"next\"").expect("a next page");
        let next = before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
        let second = ann.get(&next).await.expect(200).text;
        let shown = |text: &str, card: &String| text.contains(&format!("/console/cards/{card}\""));
        for (nth, card) in cards.iter().enumerate() {
            assert_eq!((shown(&first, card), shown(&second, card)), (nth < 50, nth >= 50), "{filter} {nth}");
        }
        assert!(!second.contains("rel=\"next\""));
    }
    let csv = ann.get("/console/suspects.csv?lane=main").await.expect(200).text;
    assert_eq!(csv.lines().count(), 1 + cards.len());
}

#[tokio::test]
async fn who_may_only_look_sees_what_is_held_and_decides_nothing() {
    let (server, ann) = fallen(Database::Sqlite, &[ICCID.to_owned()]).await;
    let mut bob = Browser::of(&server, "bob").await;
    let suspects = waiting(&server).await;
    let card = format!("/console/cards/{ICCID}");
    for path in [PATH, &format!("{PATH}?lane={LANE}"), &card] {
        let text = bob.get(path).await.expect(200).text;
        assert!(text.contains("The usage fell") && text.contains("booked by itself"), "{path}: {text}");
        for button in ["/accept", "/reject", "reverse-period"] {
            assert!(!text.contains(button), "{path} offers {button}");
        }
    }
    let fields = form(&suspects[0]);
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.push(("lane", LANE));
    for path in [
        format!("{PATH}/accept"),
        format!("{PATH}/reject/lane"),
        format!("{card}/suspects/accept"),
        format!("{card}/reverse-period"),
    ] {
        bob.submit("/console", &path, &fields).await.expect(403);
    }
    // A full admin's form without the token of the session.
    let mut ann = ann;
    ann.post(&format!("{PATH}/accept"), &fields).await.expect(403);
    assert_eq!(waiting(&server).await, suspects);
    assert!(!audited(&server).await.iter().any(|(action, ..)| action.starts_with("reading.")));
}

#[tokio::test]
async fn what_an_address_says_is_text_and_both_languages_are_there() {
    let (server, mut ann) = fallen(Database::Sqlite, &[ICCID.to_owned()]).await;
    let nasty = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for query in [
        format!("lane={nasty}"),
        format!("after_lane={nasty}&after_time=1&after_profile=1"),
        format!("after_lane=a&after_time={nasty}&after_profile=9"),
        format!("done={nasty}&count={nasty}"),
    ] {
        let text = ann.get(&format!("{PATH}?{query}")).await.expect(200).text;
        assert!(!text.contains("<script>alert"), "{query}: {text}");
    }
    // One who wants to be told otherwise gets a number and no more.
    let text = ann.get(&format!("{PATH}?done=suspects_accepted&count=3%3Cb%3E")).await.expect(200).text;
    assert!(text.contains("3 readings are booked."), "{text}");
    ann.submit(PATH, "/console/preferences", &[("language", "zh")]).await.expect(303);
    let text = ann.get(PATH).await.expect(200).text;
    for says in ["可疑读数", "用量变小", "采信", "丢弃", "自动计入"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(server.store().waiting_unit_changes().await.unwrap().is_empty());
    let others = ann.get(&format!("/console/cards/{OTHERS_ICCID}")).await.expect(200).text;
    assert!(!others.contains("待确认"), "{others}");
}
