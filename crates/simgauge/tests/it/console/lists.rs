//! Lists: found, paged, exported, and safe whatever people called their cards.

use super::browser::{Browser, admins};
use crate::support::{
    Database, EID, EID_PROFILES, ICCID, LANE, OPERATOR, OTHERS_ICCID, TestServer, import, row, server,
};
use rstest::rstest;
use simgauge_store::AdminRole;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
const NASTY: &str = "=cmd|' /C calc'!A0 <script>alert(1)</script> \"'&";

async fn ann(server: &TestServer) -> Browser {
    admins(server, &[("ann", AdminRole::Full)]).await;
    Browser::of(server, "ann").await
}

#[rstest]
#[tokio::test]
async fn cards_are_found_and_filtered(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let server = server().database(database).start().await;
    let mut ann = ann(&server).await;
    server.ended(&server.refresh_sim(ICCID).await.refresh_id(), TIMEOUT).await;
    let found = async |ann: &mut Browser, query: &str| {
        let text = ann.get(&format!("/console/cards{query}")).await.expect(200).text;
        [ICCID, EID, OTHERS_ICCID].map(|number| text.contains(&format!("/console/cards/{number}\"")))
    };
    for (query, expected) in [
        ("", [true, true, true]),
        ("?q=898830865010052499", [true, false, false]),
        (&format!("?q={EID}"), [false, true, false]),
        // An eSIM is found by the ICCID of a profile.
        (&format!("?q={}", EID_PROFILES[1]), [false, true, false]),
        // In another spelling, and with its check digit.
        ("?q=8988-3086+5010+0524+999f", [true, false, false]),
        ("?q=89883086501005249997", [true, false, false]),
        ("?q=nothing", [false, false, false]),
        ("?account=other", [false, false, true]),
        ("?operator=main", [true, true, true]),
        ("?operator=nowhere", [false, false, false]),
        ("?status=RETIRED_NAME", [false, false, false]),
        ("?status=ACTIVATED_NAME", [true, true, true]),
        ("?age=never", [false, true, true]),
        ("?age=1h&account=acme", [false, true, false]),
    ] {
        assert_eq!(found(&mut ann, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_people_type_is_shown_as_text_and_no_spreadsheet_runs_it() {
    let server = server().start().await;
    let mut ann = ann(&server).await;
    let nasty = simgauge_store::ImportRow { label: NASTY.into(), ..row(ICCID, ICCID, "acme") };
    import(server.store(), &[nasty]).await;
    for path in ["/console/cards", "/console/cards?q=%3Dcmd", &format!("/console/cards/{ICCID}")] {
        let text = ann.get(path).await.expect(200).text;
        assert!(text.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{path}: {text}");
        assert!(!text.contains("<script>alert"), "{path}");
    }
    // Also what comes from the address.
    for path in [
        "/console/cards?q=%3Cscript%3Ealert(1)%3C/script%3E&account=%22%3E%3Cimg%20src=x%3E",
        "/console/refreshes?card=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&until=%22%3E%3Cb%3E",
        "/console?done=%3Cscript%3Ealert(1)%3C/script%3E&problem=you+owe+us+money",
        "/console/login?next=%22%3E%3Cscript%3Ealert(1)",
    ] {
        let text = ann.get(path).await.text.to_lowercase();
        for bad in ["<script>alert", "<img", "\"><b>", "you owe us"] {
            assert!(!text.contains(bad), "{path}: {bad}");
        }
    }
    let csv = ann.get("/console/cards.csv").await.expect(200);
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"cards.csv\"");
    assert!(csv.text.contains(",\"'=cmd|'"), "{}", csv.text);
    assert!(csv.text.starts_with("number,kind,account,status,label,"));
    assert_eq!(csv.text.lines().count(), 4);
}

#[rstest]
#[tokio::test]
async fn lists_are_paged_by_key_and_exported_whole(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    let mut ann = ann(&server).await;
    let numbers = server.add_cards(120).await;
    for number in &numbers {
        server.refresh_sim(number).await.expect("200");
    }
    for (path, rows) in [("/console/cards?account=acme", 122), ("/console/refreshes", 120)] {
        let mut seen = std::collections::BTreeSet::new();
        let (mut next, mut pages) = (Some(path.to_owned()), 0);
        while let Some(path) = next {
            let text = ann.get(&path).await.expect(200).text;
            pages += 1;
            let found = text.split("class=\"mono\" href=\"/console/cards/").skip(1);
            for number in found.map(|rest| rest.split('"').next().unwrap().to_owned()) {
                assert!(seen.insert(number), "twice");
            }
            next = text.split_once("\" rel=\"next\"").map(|(before, _)| {
                before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&").replace("&#38;", "&")
            });
        }
        assert_eq!((seen.len(), pages), (rows, 3), "{path}");
        let csv = ann
            .get(
                &path.replace("/console/cards", "/console/cards.csv").replace("/refreshes", "/refreshes.csv"),
            )
            .await;
        assert_eq!(csv.text.lines().count(), rows + 1, "{path}");
    }
    for path in ["/console/operators.csv", "/console/apps.csv", "/console/notifications.csv"] {
        assert!(
            ann.get(path).await.expect(200).headers["content-type"].to_str().unwrap().starts_with("text/csv")
        );
    }
    let text = ann.get(&format!("/console/refreshes?card={}", numbers[7])).await.expect(200).text;
    assert_eq!(text.matches("class=\"mono\" href=\"/console/cards/").count(), 1);
}

#[tokio::test]
async fn failures_are_told_in_plain_words_and_minutes_are_counted() {
    let server = server().start().await;
    let mut ann = ann(&server).await;
    // A card that the operator does not know.
    import(server.store(), &[row("8944000000000000009", "8944000000000000009", "acme")]).await;
    server.simulator.set_unknown(OPERATOR, "8944000000000000009", true);
    let id = server.refresh_sim("8944000000000000009").await.refresh_id();
    assert_eq!(server.ended(&id, TIMEOUT).await["state"], "failed");
    server.ended(&server.refresh_sim(ICCID).await.refresh_id(), TIMEOUT).await;
    let text = ann.get("/console/refreshes?state=failed").await.expect(200).text;
    assert!(text.contains("The operator does not know this SIM.") && text.contains("8944000000000000009"));
    assert!(!text.contains(&format!("/console/cards/{ICCID}\"")));
    let text = ann.get("/console/cards/8944000000000000009").await.expect(200).text;
    assert!(text.contains("The last refresh failed") && text.contains("Check the ICCID"), "{text}");
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    while !ann.get("/console").await.expect(200).text.contains("2 ended, 1 of them failed") {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let text = ann.get("/console/operators").await.expect(200).text;
    assert!(
        text.contains(LANE) && text.contains("1,000 calls in") || text.contains("1000 calls in"),
        "{text}"
    );
}
