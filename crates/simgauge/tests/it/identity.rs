//! One SIM, one identity: the spellings that people and programs send, over HTTP and at the command line.

use crate::support::{Database, TestServer, import, row, server};
use rstest::rstest;
use serde_json::json;
use simgauge_admin::import::{CardImport, CardImportSummary, ErrorsTarget, ImportOptions};
use simgauge_admin::{Actor, Administration};
use std::io::Cursor;
use std::time::Duration;

const NUMBER: &str = "8986061000001000015";
/// With the check digit of all its digits: another SIM's number.
const LONGER: &str = "89860610000010000159";
const LETTERED: &str = "898600D6991330004146";

async fn listed(server: &TestServer, iccids: &str) -> Vec<String> {
    let body = server.signed(json!({ "iccids": iccids })).to_string();
    let answer = server.post("/api/v3/card/getAllCardInfo", body).await;
    let cards = answer.expect("200")["list"].as_array().unwrap().clone();
    cards.iter().map(|card| card["iccid"].as_str().unwrap().to_owned()).collect()
}

#[rstest]
#[tokio::test]
async fn every_spelling_is_one_sim_with_one_cooldown(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    import(server.store(), &[row(NUMBER, NUMBER, "acme"), row(LETTERED, LETTERED, "acme")]).await;
    let first = server.refresh_sim("8986 0610-0000 1000 015f").await;
    first.expect("200");
    for spelling in [
        NUMBER,
        "898606100000100001",
        LONGER,
        "8986061000001000015F",
        "8986-0610-0000-1000-015",
        " 8986061000001000015\u{200b}",
        "８９８６０６１００００01000015",
    ] {
        server.refresh_sim(spelling).await.expect("429");
        assert_eq!(server.card(spelling).await.expect("200")["iccid"], NUMBER, "{spelling}");
        assert_eq!(listed(&server, spelling).await, [NUMBER], "{spelling}");
    }
    let report = server.ended(&first.refresh_id(), Duration::from_secs(10)).await;
    assert_eq!(report["iccid"], NUMBER);
    // Letters: exact, in either case.
    server.refresh_sim("898600d6991330004146").await.expect("200");
    server.refresh_sim(LETTERED).await.expect("429");
    server.refresh_sim("898600D699133000414").await.expect("404");
    // A wrong check digit is another number.
    server.refresh_sim("89860610000010000158").await.expect("404");
}

async fn import_file(server: &TestServer, lines: &str, how: CardImport) -> CardImportSummary {
    let admin = Administration::new(server.store(), Actor::command_line("tester"), server.clock.clone());
    let text = format!("iccid,eid,account,operator_account,status,label\n{lines}");
    let dir = tempfile::tempdir().unwrap();
    let errors = ErrorsTarget::Path(dir.path().join("errors.csv"));
    let options = ImportOptions { errors, shown_rows: 9, progress: &|_| {} };
    admin.import_cards(Box::new(Cursor::new(text.into_bytes())), &[], how, options).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn a_number_that_could_be_two_sims_is_refused_and_both_are_named(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    import(server.store(), &[row(LONGER, LONGER, "acme")]).await;
    assert_eq!(server.card(NUMBER).await.expect("200")["iccid"], LONGER);
    let line = format!("{NUMBER},,acme,main,,\n");
    let refused = import_file(&server, &line, CardImport::default()).await;
    let (at, reason) = &refused.file.first_bad[0];
    assert!(*at == 2 && reason.contains(LONGER) && reason.contains("--distinct"), "{reason}");
    let how = CardImport { distinct: true, ..CardImport::default() };
    assert_eq!(import_file(&server, &line, how).await.file.imported, 1);
    let body = server.signed(json!({ "iccids": NUMBER })).to_string();
    for answer in [
        server.refresh_sim(NUMBER).await,
        server.card(NUMBER).await,
        server.post("/api/v3/card/getAllCardInfo", body).await,
    ] {
        let detail = answer.expect("400");
        assert_eq!(*detail, json!({ "reason": "ambiguous_number", "numbers": [NUMBER, LONGER] }));
        assert!(answer.message().contains(LONGER), "{}", answer.message());
    }
    server.refresh_sim(LONGER).await.expect("200");
    let admin = Administration::new(server.store(), Actor::command_line("tester"), server.clock.clone());
    let error = admin.card(NUMBER).await.unwrap_err().to_string();
    assert!(error.contains(NUMBER) && error.contains(LONGER), "{error}");
    assert_eq!(admin.card(&format!("={NUMBER}")).await.unwrap().number, NUMBER);
}

#[tokio::test]
async fn a_customers_sim_is_not_another_customers_profile() {
    let server = server().start().await;
    import(server.store(), &[row(NUMBER, NUMBER, "other")]).await;
    let eid = "89049032123451234512345678901235";
    let lines = format!("{NUMBER},{eid},acme,main,,\n8986 0610 0000 1000 015,,acme,main,,\n");
    let summary = import_file(&server, &lines, CardImport::default()).await;
    assert_eq!((summary.file.imported, summary.file.bad), (0, 2));
    for (at, (line, reason)) in (2..).zip(&summary.file.first_bad) {
        assert!(*line == at && reason.contains("\"other\""), "{reason}");
    }
}

#[tokio::test]
async fn numbers_that_a_spreadsheet_rounded_are_refused_unless_they_are_to_be_kept() {
    let server = server().start().await;
    let number = "8986061234567890000";
    let lines = format!("{number},,acme,main,,\n{LETTERED},,acme,main,,\n{number},,acme,main,,\n");
    let summary = import_file(&server, &lines, CardImport::default()).await;
    assert_eq!(summary.file.imported, 1);
    let reasons: Vec<&String> = summary.file.first_bad.iter().map(|(_, reason)| reason).collect();
    assert!(reasons[0].contains("rounded by a spreadsheet") && reasons[0].contains("--keep-rounded"));
    assert!(reasons[1].contains(number) && reasons[1].contains("line 2"), "{}", reasons[1]);
    let how = CardImport { keep_rounded: true, ..CardImport::default() };
    assert_eq!(import_file(&server, &format!("{number},,acme,main,,\n"), how).await.file.imported, 1);
}

#[rstest]
#[tokio::test]
async fn an_import_without_status_and_label_keeps_both(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    let first = format!("{NUMBER},,acme,main,DEACTIVATED_NAME,Truck 7\n");
    import_file(&server, &first, CardImport::default()).await;
    import_file(&server, &format!("{NUMBER},,acme,main,,\n"), CardImport::default()).await;
    let card = server.card(NUMBER).await.expect("200").clone();
    assert_eq!((&card["cardStatus"], &card["label"]), (&json!("DEACTIVATED_NAME"), &json!("Truck 7")));
    let admin = Administration::new(server.store(), Actor::command_line("tester"), server.clock.clone());
    let entries = admin.newest_audit_entries(2).await.unwrap();
    assert!(entries[0].detail.ends_with("changes=0") && entries[1].detail.contains("new=1"), "{entries:?}");
}
