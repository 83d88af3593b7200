//! Packages, history and books: over several periods, through the open API and through the program itself.

mod acts;

use crate::support::{
    Database, EID, EID_PROFILES, ICCID, OPERATOR, OTHERS_ICCID, TestServer, import, row, server,
};
use rstest::rstest;
use serde_json::{Value, json};
use simgauge::config::SecretSource;
use simgauge_domain::period::BillingDay;
use simgauge_store::ImportRow;

const MB: u64 = 1_000_000;
const CARD_HISTORY: &str = "/api/v3/card/usageHistory";
const ESIM_HISTORY: &str = "/api/v3/cloudesim/usageHistory";

/// The bytes on each package, by code: which one counts first depends on the time.
fn booked_by_code(card: &Value) -> Vec<(String, u64)> {
    let mut all = booked(card);
    all.sort_unstable();
    all
}

/// The bytes on each package.
fn booked(card: &Value) -> Vec<(String, u64)> {
    let packages = card["packages"].as_array().unwrap().iter();
    packages.map(|own| (text(&own["code"]), own["usedBytes"].as_u64().unwrap())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What each reading was, and what it counted.
fn counted(history: &Value) -> Vec<(String, i64)> {
    let readings = history["readings"].as_array().unwrap().iter();
    readings.map(|one| (text(&one["kind"]), one["deltaBytes"].as_i64().unwrap())).collect()
}

/// Three billing cycles on two packages: May's, and one for the whole year.
async fn three_cycles(server: &TestServer) -> Value {
    for line in [
        format!(
            "package add --iccid {ICCID} --code may --name May --total 10MB --valid-from 2030-05-01 --valid-to 2030-06-01"
        ),
        format!(
            "package add --iccid {ICCID} --code year --name All_of_2030 --total 30000000 \
             --valid-from 2030-01-01_00:00:00 --valid-to 2031-01-01T00:00:00+08:00"
        ),
    ] {
        let output = server.simgauge(&line).await;
        assert_eq!(output.code, Some(0), "{}", output.error);
    }
    let booked = booked_by_code;
    let on = |may: u64, year: u64| vec![("may".to_owned(), may), ("year".to_owned(), year)];
    server.travel_to_2030(5, 10, 12, 0);
    assert_eq!(booked(&server.used(OPERATOR, ICCID, 4 * MB).await), on(4 * MB, 0));
    // 8 more: 6 of them fit on May's package.
    server.travel_to_2030(5, 10, 12, 6);
    assert_eq!(booked(&server.used(OPERATOR, ICCID, 12 * MB).await), on(10 * MB, 2 * MB));
    // A new cycle: all of its 5 count, and May's package is over.
    server.travel_to_2030(6, 11, 12, 0);
    assert_eq!(booked(&server.used(OPERATOR, ICCID, 5 * MB).await), on(10 * MB, 7 * MB));
    // The operator takes half a megabyte back.
    server.travel_to_2030(6, 11, 12, 6);
    assert_eq!(
        booked(&server.used(OPERATOR, ICCID, 4_500_000).await),
        on(10 * MB, 7 * MB),
        "not yet believed"
    );
    server.travel_to_2030(6, 11, 12, 37);
    assert_eq!(booked(&server.used(OPERATOR, ICCID, 4_500_000).await), on(10 * MB, 6_500_000));
    // 40 in July: 23.5 fit on the year's package, 16.5 nowhere.
    server.travel_to_2030(7, 12, 12, 0);
    server.used(OPERATOR, ICCID, 40 * MB).await
}

fn cycles_begin_on_the_first(config: &mut simgauge::config::Config) {
    config.operator_accounts[0].billing_day = BillingDay::new(1);
}

#[rstest]
#[tokio::test]
async fn usage_of_several_periods_is_booked_shown_and_reconciled(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).configure(cycles_begin_on_the_first).start().await;
    let card = three_cycles(&server).await;
    packages_and_overage_are_shown(&card);
    the_history_is_shown_whole_and_in_pages(&server).await;
    // The program on the same store: everything agrees, until somebody changes a row.
    let output = server.simgauge("usage reconcile").await;
    assert!(output.code == Some(0) && output.out.ends_with("all agree\n"), "{}{}", output.out, output.error);
    let listed = server.simgauge(&format!("package list --iccid {ICCID} --json")).await.json(0);
    // The program goes by this machine's clock, to which all of this lies ahead.
    assert_eq!(booked_by_code(&listed), booked_by_code(&card));
    assert_eq!(&listed["overageBytes"], &json!(16_500_000));
    a_changed_package_is_reported(&server).await;
    a_changed_reading_is_reported(&server).await;
    for wrong in ["usage reconcile --card 8988", "usage reconcile --account nobody"] {
        let output = server.simgauge(wrong).await;
        assert!(
            output.code == Some(1) && output.error.starts_with("error: there is no "),
            "{}",
            output.error
        );
    }
}

fn packages_and_overage_are_shown(card: &Value) {
    let may = json!({
        "code": "may", "name": "May", "state": "expired", "usedBytes": 10 * MB, "totalBytes": 10 * MB,
        "remainingBytes": 0,
        // To the end of the first of June in Shanghai.
        "validFrom": 1_903_795_200, "validTo": 1_906_473_600 + 86_400,
    });
    assert_eq!(card["packages"][1], may, "one that is over keeps its history");
    assert_eq!(
        (&card["packages"][0]["remainingBytes"], &card["packages"][0]["state"]),
        (&json!(0), &json!("used_up"))
    );
    assert_eq!(card["overageBytes"], 16_500_000);
    assert_eq!(
        (&card["usage"]["usedBytes"], &card["usage"]["period"]["kind"]),
        (&json!(40 * MB), &json!("billing_cycle"))
    );
}

/// What each of the five readings of [`three_cycles`] counted, the newest first.
fn five_readings() -> Vec<(String, i64)> {
    [
        ("new_period", 40_000_000),
        ("correction", -500_000),
        ("new_period", 5_000_000),
        ("same_period", 8_000_000),
        ("first", 4_000_000),
    ]
    .map(|(kind, delta)| (kind.to_owned(), delta))
    .to_vec()
}

async fn the_history_is_shown_whole_and_in_pages(server: &TestServer) {
    let history = server.history(CARD_HISTORY, json!({ "iccid": ICCID })).await;
    assert_eq!(counted(&history), five_readings());
    let days = json!([
        { "day": "2030-05-10", "usedBytes": 12 * MB },
        { "day": "2030-06-11", "usedBytes": 4_500_000 },
        { "day": "2030-07-12", "usedBytes": 40 * MB },
    ]);
    assert_eq!((&history["days"], &history["nextBefore"]), (&days, &Value::Null));

    let first = server.history(CARD_HISTORY, json!({ "iccid": ICCID, "pageSize": 2 })).await;
    let next = |page: &Value| json!({ "iccid": ICCID, "pageSize": "2", "before": page["nextBefore"] });
    let second = server.history(CARD_HISTORY, next(&first)).await;
    let third = server.history(CARD_HISTORY, next(&second)).await;
    assert_eq!([&first["days"], &second["days"], &third["days"]], [&days, &json!([]), &json!([])]);
    let pages = [counted(&first), counted(&second), counted(&third)];
    assert_eq!((pages.concat(), pages[2].len()), (five_readings(), 1));
    assert_eq!(third["nextBefore"], Value::Null);
}

async fn a_changed_package_is_reported(server: &TestServer) {
    server.run_raw("UPDATE package SET booked = booked - 1 WHERE code = 'year'").await;
    let report = server.simgauge("usage reconcile --account acme --json").await.json(1);
    assert_eq!((&report["differenceCount"], &report["differingCards"]), (&json!(1), &json!(1)));
    let difference = &report["differences"][0];
    assert_eq!((&difference["kind"], &difference["card"]), (&json!("books"), &json!(ICCID)));
    let sums = [&difference["ledgerBytes"], &difference["bookedBytes"], &difference["countedBytes"]];
    assert_eq!(sums, [&json!(56_499_999), &json!(56_500_000), &json!(56_500_000)]);
    assert_eq!(counted(difference), five_readings(), "the readings that explain it");
    assert_eq!(server.simgauge("usage reconcile --account other").await.code, Some(0));
    server.run_raw("UPDATE package SET booked = booked + 1 WHERE code = 'year'").await;
}

async fn a_changed_reading_is_reported(server: &TestServer) {
    server.run_raw("UPDATE reading SET delta = delta - 7 WHERE used = 40000000").await;
    let output = server.simgauge(&format!("usage reconcile --card {ICCID}")).await;
    assert_eq!(output.code, Some(1));
    for part in [
        "hold 56,500,000 bytes, the books add up to 56,500,000 bytes, the readings to 56,499,993 bytes",
        "add up to 39,999,993 bytes, the operator's last figure is 40,000,000 bytes",
        "1 card with 1 profile that was read: 2 differences on 1 card",
    ] {
        assert!(output.out.contains(part), "{part}: {}", output.out);
    }
    let few = server.simgauge("usage reconcile --limit 1 --json").await.json(1);
    assert_eq!((few["differences"].as_array().unwrap().len(), &few["differenceCount"]), (1, &json!(2)));
}

#[tokio::test]
async fn a_cloud_esims_history_has_its_profiles_and_is_its_accounts() {
    let server = server().start().await;
    for (travel, usage) in [(0, [100, 10]), (400, [150, 40]), (800, [300, 40])] {
        server.travel_to(travel);
        for (iccid, bytes) in EID_PROFILES.into_iter().zip(usage) {
            server.simulator.set_usage(OPERATOR, iccid, bytes);
        }
        let body = server.signed(json!({ "eid": EID, "wait": 8 }));
        let answer = server.post("/api/v3/cloudesim/refreshUsage", body.to_string()).await;
        assert_eq!(answer.expect("200")["state"], "succeeded");
    }
    let mut before = Value::Null;
    let mut deltas = Vec::new();
    for last in [false, false, false, true] {
        let page = server.history(ESIM_HISTORY, json!({ "eid": EID, "pageSize": 2, "before": before })).await;
        let readings = page["readings"].as_array().unwrap();
        assert_eq!(readings.len(), if last { 0 } else { 2 }, "each refresh read both profiles: {page}");
        let mut both: Vec<(String, i64)> =
            readings.iter().map(|one| (text(&one["iccid"]), one["deltaBytes"].as_i64().unwrap())).collect();
        both.sort();
        deltas.extend(both.into_iter().map(|(_, delta)| delta));
        let total: i64 =
            page["days"].as_array().unwrap().iter().map(|day| day["usedBytes"].as_i64().unwrap()).sum();
        assert_eq!(total, if before.is_null() { 340 } else { 0 });
        before = page["nextBefore"].clone();
    }
    assert_eq!((deltas, before), (vec![150, 0, 50, 30, 100, 10], Value::Null));
    assert_eq!(server.simgauge("usage reconcile").await.code, Some(0));

    let ask = async |path: &str, fields: Value| server.post(path, server.signed(fields).to_string()).await;
    let theirs = ask(CARD_HISTORY, json!({ "iccid": OTHERS_ICCID })).await;
    theirs.expect("404");
    assert_eq!(theirs.body, ask(CARD_HISTORY, json!({ "iccid": "8986000000000000999" })).await.body);
    ask(CARD_HISTORY, json!({ "iccid": EID })).await.expect("404");
    ask(ESIM_HISTORY, json!({ "eid": ICCID })).await.expect("404");
    for (field, wrong) in [
        ("before", json!("x")),
        ("before", json!(-1)),
        ("before", json!(1.5)),
        ("before", json!("9223372036854775808")),
        ("pageSize", json!(0)),
        ("pageSize", json!(501)),
        ("pageSize", json!("two")),
        ("pageSize", json!([1])),
    ] {
        let mut fields = json!({ "iccid": ICCID });
        fields[field] = wrong;
        let answer = ask(CARD_HISTORY, fields).await;
        answer.expect("400");
        assert!(answer.message().contains(field), "{}", answer.message());
    }
    ask(ESIM_HISTORY, json!({ "iccid": ICCID })).await.expect("400");
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    server.post(CARD_HISTORY, body.clone()).await.expect("200");
    server.post(CARD_HISTORY, body).await.expect("409");
}

/// Where the platform sells no packages of its own, the operator's bundles are the packages.
#[tokio::test]
async fn an_operators_bundles_are_the_packages() {
    const OPERATOR: &str = "esim_go";
    const CARD: &str = "8986000000000000777";
    const GB: u64 = 1_000_000_000;
    let server = server()
        .configure(|config| {
            let mut bundles = config.operator_accounts[0].clone();
            bundles.name = "bundles".into();
            bundles.definition = OPERATOR.into();
            let base = bundles.base_url.unwrap().replace(crate::support::OPERATOR, OPERATOR);
            bundles.base_url = Some(format!("{base}/v2.5"));
            bundles.secrets = [("api_key".to_owned(), SecretSource::Given("sim-secret".into()))].into();
            config.operator_accounts.push(bundles);
        })
        .start()
        .await;
    let rows = [ImportRow { operator_account: "bundles".into(), ..row(CARD, CARD, "acme") }];
    import(server.store(), &rows).await;
    server.travel_to_2030(5, 10, 12, 0);
    let card = server.used(OPERATOR, CARD, GB / 2).await;
    let used: Vec<u64> = booked(&card).into_iter().map(|(_, used)| used).collect();
    assert_eq!(used, [GB / 2, 0], "the one in use, the one that waits: {card}");
    assert_eq!(card["packages"][0]["remainingBytes"], GB / 2);
    assert_eq!((&card["overageBytes"], &card["usage"]["period"]["kind"]), (&Value::Null, &json!("bundle")));

    // The first is used up, half a gigabyte of the second is.
    server.travel_to_2030(5, 10, 12, 6);
    let card = server.used(OPERATOR, CARD, GB + GB / 2).await;
    assert_eq!(card["packages"].as_array().unwrap().len(), 3, "{card}");
    assert_eq!(booked(&card).into_iter().map(|(_, used)| used).sum::<u64>(), GB + GB / 2);
    let history = server.history(CARD_HISTORY, json!({ "iccid": CARD })).await;
    let deltas: Vec<i64> = counted(&history).into_iter().map(|(_, delta)| delta).collect();
    assert_eq!(deltas, [1_000_000_000, 500_000_000]);
    let agree = server.simgauge("usage reconcile --json").await.json(0);
    assert_eq!((&agree["differences"], &agree["profiles"]), (&json!([]), &json!(1)));
    server.run_raw("UPDATE reading SET delta = delta + 1").await;
    let report = server.simgauge(&format!("usage reconcile --card {CARD} --json")).await.json(1);
    let kinds: Vec<&Value> =
        report["differences"].as_array().unwrap().iter().map(|difference| &difference["kind"]).collect();
    assert_eq!(kinds, ["books", "operator"]);
    assert_eq!(report["differences"][1]["operatorBytes"], GB + GB / 2);
    assert_eq!(report["differences"][1]["operatorAccount"], "bundles");
}

#[tokio::test]
async fn the_program_shows_a_history() {
    let server = server().start().await;
    for (travel, bytes) in [(0, 1_500_000), (301, 1_430_000), (602, 4_200_000)] {
        server.travel_to(travel);
        server.used(OPERATOR, ICCID, bytes).await;
    }
    // The program goes by this machine's clock.
    server.travel_to(0);
    let line = format!("usage --iccid {ICCID} --history --json --limit");
    let all = server.simgauge(&format!("{line} 10000")).await.json(0);
    assert_eq!(
        counted(&all),
        [
            ("same_period".to_owned(), 2_770_000),
            ("correction".to_owned(), -70_000),
            ("first".to_owned(), 1_500_000)
        ]
    );
    assert_eq!(all["nextBefore"], Value::Null);
    let latest = server.simgauge(&format!("{line} 2")).await.json(0);
    assert_eq!(latest["readings"].as_array().unwrap().len(), 2);
    assert!(latest["nextBefore"].is_string(), "{latest}");
    assert_eq!(latest["days"], all["days"]);

    let shown = server.simgauge(&format!("usage --iccid {ICCID} --history")).await;
    assert_eq!(shown.code, Some(0), "{}", shown.error);
    for part in ["4.2 MB (4,200,000 bytes)  +2.8 MB", "-70.0 kB", "correction", "first", "DAY "] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let theirs = server.simgauge(&format!("usage --iccid {OTHERS_ICCID} --history")).await;
    assert!(theirs.code == Some(1) && theirs.error.contains("code 404"), "{}", theirs.error);
}
