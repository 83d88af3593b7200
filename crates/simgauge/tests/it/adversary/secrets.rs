//! Looking for secrets wherever they could have got to. A server lives through everything that makes, uses
//! and refuses secrets, with every line logged that there is; then every line, every answer, the metrics, the
//! traces, the database, its copy and what the commands said are searched for each secret as it is, in hex,
//! in base64 and as addresses write it. Who makes a secret is shown it once: that is the one place.

use super::search::{Places, contains};
use crate::console::browser::{Browser, PASSWORD, admins};
use crate::support::call::sign_body;
use crate::support::collector::Collector;
use crate::support::process::Process;
use crate::support::receiver::{Mode, Receiver};
use crate::support::{Database, ICCID, OPERATOR, SECRET, TestServer, import, row, server};
use rstest::rstest;
use serde_json::{Value, json};
use simgauge::config::OperatorAccountConfig;
use simgauge::config::SecretSource;
use simgauge::demo::simulated_account;
use simgauge_operators::Catalog;
use simgauge_protocol::OperationName;
use simgauge_simulator::{Fault, FaultSpan, Simulator};
use simgauge_store::{AdminRole, Store};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const MISTYPED: &str = "mistyped password 4710";
const WRONG_KEY: &str = "wrong-operator-key-4711";
const DOWN_KEY: &str = "down-operator-key-4712";
const TLS_KEY: &str = "tls-operator-key-4713";
const DATABASE_PASSWORD: &str = "database-password-4714";
const BAD_SEALING_KEY: &str = "no-hex-digits-at-all-4715";
const HOOK_TOKEN: &str = "t0ken-of-the-hook-4716";
const GUESS: &str = "a-guessed-app-secret-4717";

/// A login at every operator that there is a definition for, and some that do not work.
fn operator_accounts(simulator: &Simulator) -> Vec<OperatorAccountConfig> {
    let root = format!("{}/", simulator.url());
    let catalog = Catalog::load(None).unwrap();
    let mut all: Vec<OperatorAccountConfig> = catalog
        .iter()
        .filter(|definition| Simulator::operators().contains(&definition.name()))
        .map(|definition| simulated_account(definition, &root))
        .collect();
    assert!(all.len() >= 10, "{}", all.len());
    let cisco = all.iter().find(|account| account.definition == OPERATOR).unwrap().clone();
    let own = |name: &str, base_url: String, key: &str| {
        let mut account =
            OperatorAccountConfig { name: name.into(), base_url: Some(base_url), ..cisco.clone() };
        account.secrets.insert("api_key".into(), SecretSource::Given(key.into()));
        account
    };
    let right = cisco.base_url.clone().unwrap();
    all.push(own("wrong", right.clone(), WRONG_KEY));
    all.push(own("down", "http://127.0.0.1:1".into(), DOWN_KEY));
    all.push(own("no-tls", right.replace("http:", "https:"), TLS_KEY));
    all
}

fn number(lane: usize) -> String {
    format!("8986000000000007{lane:03}")
}

/// Refreshes a card of each account, all at once; answers how each ended.
async fn refreshed(server: &TestServer, places: &mut Places, first: usize) -> Vec<Value> {
    let mut ids = Vec::new();
    for (lane, account) in server.config.operator_accounts.iter().enumerate() {
        let answer = server.refresh_sim(&number(first + lane)).await;
        places.answer(&account.name, &answer);
        ids.push(answer.refresh_id());
    }
    let mut reports = Vec::new();
    for (id, account) in ids.iter().zip(&server.config.operator_accounts) {
        let report = server.ended(id, PATIENCE).await;
        places.add(&account.name, report.to_string());
        reports.push(report);
    }
    reports
}

/// Refreshes that succeed and that fail in each way, and notifications that do.
async fn operators_and_receivers(server: &TestServer, places: &mut Places, receiver: &Receiver) {
    let accounts = &server.config.operator_accounts;
    let reports = refreshed(server, places, 0).await;
    let good = reports.iter().filter(|report| report["state"] == "succeeded").count();
    assert!(good >= 8, "only {good} operators answered");
    for (account, report) in accounts.iter().zip(&reports) {
        match account.name.as_str() {
            "wrong" => assert_eq!(report["reason"], "auth", "{report}"),
            "down" | "no-tls" => assert_eq!(report["reason"], "temporary", "{report}"),
            _ => {}
        }
    }
    // Each again, with operators that misbehave in one way or another.
    let faults = [
        Fault::Nonsense,
        Fault::HangUp,
        Fault::Status(500),
        Fault::AuthExpired,
        Fault::WrongCard,
        Fault::Redirect("https://127.0.0.1:1/".into()),
    ];
    for (name, fault) in Simulator::operators().iter().zip(faults.iter().cycle()) {
        server.simulator.set_fault(name, None, fault.clone(), FaultSpan::Forever);
    }
    let reports = refreshed(server, places, accounts.len()).await;
    let failed = reports.iter().filter(|report| report["state"] == "failed").count();
    assert!(failed >= accounts.len() - 2, "only {failed} failed");
    receiver.wait(PATIENCE, |list| list.len() >= 2 * accounts.len()).await;
}

/// Calls with right and wrong signs, of every operation.
async fn callers(server: &TestServer, places: &mut Places) {
    for operation in OperationName::ALL {
        for (appkey, secret) in [("k", SECRET), ("k", GUESS), ("nobody", GUESS), ("off", SECRET)] {
            let mut body = server.signed_as(appkey, json!({ "iccid": ICCID, "eid": "1", "refreshId": "1" }));
            body.as_object_mut().unwrap().shift_remove("sign");
            let answer = server.post(operation.path(), sign_body(body, secret).to_string()).await;
            places.answer(operation.short(), &answer);
        }
        for odd in ["{", "[]", "{\"appkey\":\"k\"}", "\"\\ud800\""] {
            places.answer(operation.short(), &server.post(operation.path(), odd).await);
        }
    }
    for path in [
        "/openapi.json",
        "/docs/",
        "/docs/sign",
        "/healthz",
        "/readyz",
        "/metrics",
        "/nothing",
        "/console/login",
    ] {
        let page = server.request(reqwest::Method::GET, path).send().await.unwrap();
        places.add(path, format!("{:?} {}", page.headers().clone(), page.text().await.unwrap()));
    }
}

/// Everything that an admin can see and do; answers the secrets that were made, each shown once.
async fn admin(server: &TestServer, places: &mut Places) -> Vec<String> {
    let mut eve = Browser::new(server);
    places.page("log-in, mistyped", &eve.log_in("ann", MISTYPED).await);
    places.page("log-in, unknown", &eve.log_in("nobody", MISTYPED).await);
    let mut ann = Browser::of(server, "ann").await;
    let csrf = ann.get("/console").await.csrf();
    let mut secrets = vec![ann.cookies["simgauge_session"].clone(), csrf.clone()];
    let made = ann.submit(
        "/console/apps",
        "/console/apps",
        &[("account", "acme"), ("appkey", "made"), ("label", "x")],
    );
    let made = made.await.expect(200);
    secrets.push(shown(&made.text));
    places.page("shown once: made in the console", &made);
    let rotated =
        ann.submit("/console/apps", "/console/apps/made/rotate", &[("keep", "1")]).await.expect(200);
    secrets.push(shown(&rotated.text));
    places.page("shown once: rotated in the console", &rotated);
    for path in [
        "/console",
        "/console/cards",
        "/console/cards.csv",
        "/console/refreshes",
        "/console/refreshes.csv",
        "/console/operators",
        "/console/operators.csv",
        "/console/apps",
        "/console/apps.csv",
        "/console/notifications",
        "/console/notifications.csv",
        "/console/import",
        "/console/nothing",
    ] {
        let page = ann.get(path).await;
        places.page(&format!("page {path}"), &page);
    }
    for lane in 0..server.config.operator_accounts.len() {
        places
            .page("page of a card", &ann.get(&format!("/console/cards/{}", number(lane))).await.expect(200));
    }
    places.page("page, forged", &ann.post("/console/apps/k/rotate", &[("csrf", "x")]).await.expect(403));
    secrets
}

/// The secret on a page that shows one: 64 hex digits that are no token of the page's.
fn shown(page: &str) -> String {
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut words =
        page.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() == 64 && *word != csrf);
    words.next_back().expect("a secret").to_owned()
}

/// Commands that make secrets, use them, fail at them; answers the secrets that were made.
fn commands(process: &Process, places: &mut Places) -> Vec<String> {
    let mut secrets = Vec::new();
    for line in [
        "--json app create --account acme --appkey cli1",
        "--json app create --account acme --appkey cli2 --sign-type hmac-sha256",
        "--json app rotate cli1 --keep-old 1h",
        "--json app rotate cli1",
    ] {
        let said = process.simgauge(line, &[]);
        let made: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{line}: {said:?}"));
        secrets.push(made["secret"].as_str().unwrap().to_owned());
        places.said(&format!("shown once: {line}"), &said);
    }
    let checks = ["wrong", "down", "no-tls", "demo-cisco-control-center"];
    let checks = checks.map(|name| format!("operator check --live {name} --iccid {ICCID}"));
    for line in checks.iter().map(String::as_str).chain([
        "--json secrets rotate-key",
        "--json app list",
        "--json account list",
        "--json admin list",
        "--json operator list",
        "--json notification list",
        "--json audit export",
        "app rotate nobody",
        "--help",
    ]) {
        places.said(line, &process.simgauge(line, &[]));
    }
    let address = format!("postgres://someone:{DATABASE_PASSWORD}@127.0.0.1:1/x");
    let wrong = [
        ("SIMGAUGE__STORE__URL", address.clone()),
        ("SIMGAUGE__STORE__URL", address.replace("postgres", "mysql")),
        ("SIMGAUGE__STORE__URL", address.replace(":1/", ":port/")),
        ("SIMGAUGE__STORE__URL", address.replace("/x", "/x?sslmode=nonsense")),
        ("SIMGAUGE__STORE__URL", address.replace("127.0.0.1:1", "nobody.invalid")),
        ("SIMGAUGE_KEY", BAD_SEALING_KEY.to_owned()),
    ];
    let tries = wrong.iter().flat_map(|(name, value)| ["app list", "serve"].map(|line| (line, *name, value)));
    // Some take their time to give up, so all at once.
    std::thread::scope(|scope| {
        let running: Vec<_> = tries
            .map(|(line, name, value)| (name, scope.spawn(move || process.simgauge(line, &[(name, value)]))))
            .collect();
        for (name, command) in running {
            let said = command.join().unwrap();
            assert!(!said.status.success(), "{name}: {said:?}");
            places.said(&format!("{name}, wrong"), &said);
        }
    });
    secrets
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_nowhere(
    #[values(("text", Database::Sqlite), ("json", Database::Postgres))] (format, database): (&str, Database),
) {
    let collector = Collector::start().await;
    let receiver = Receiver::start().await;
    receiver.set(Mode::Answer(500));
    let mut server = server()
        .database(database)
        .configure(|config| {
            config.notify.allow_private = true;
            config.notify.allow_http = true;
        })
        .start()
        .await;
    server.config.operator_accounts = operator_accounts(&server.simulator);
    admins(&server, &[("ann", AdminRole::Full)]).await;
    let mut rows = Vec::new();
    // Two cards at each: one while it behaves, one while it does not.
    let accounts = server.config.operator_accounts.iter();
    for (lane, account) in accounts.clone().chain(accounts).enumerate() {
        let card = simgauge_store::ImportRow {
            operator_account: account.name.clone(),
            ..row(&number(lane), &number(lane), "acme")
        };
        rows.push(card);
    }
    import(server.store(), &rows).await;
    let mut settings = server.store().notification_prefs("acme").await.unwrap();
    settings.url = Some(receiver.url().replace("t0ken", HOOK_TOKEN));
    server.store().set_notification_prefs(&settings).await.unwrap();
    let mut places = Places::default();
    debug_texts(&server, &mut places).await;
    server.stop().await;

    let dir = tempfile::tempdir().unwrap();
    let metrics = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let environment = [
        ("SIMGAUGE__LOG__FILTER", "trace"),
        ("SIMGAUGE__LOG__FORMAT", format),
        ("SIMGAUGE__LOG__SLOW_CALL_MS", "1"),
        ("SIMGAUGE__METRICS__LISTEN", &metrics),
        ("SIMGAUGE__TRACE__ENDPOINT", &collector.url),
        ("SIMGAUGE__REFRESH__DEADLINE_SECONDS", "1"),
        ("SIMGAUGE__REFRESH__FIRST_PAUSE_SECONDS", "0.2"),
        ("SIMGAUGE__NOTIFY__POLL_SECONDS", "0.05"),
        ("RUST_BACKTRACE", "full"),
    ];
    let process = Process::serve_in(&server, dir.path(), &server.config.store.url, &environment);
    server.url = process.url.clone();
    let keys_before = std::fs::read_to_string(&server.config.secrets.key_file).unwrap();
    let of_admins = admin(&server, &mut places).await;
    let of_apps = commands(&process, &mut places);
    callers(&server, &mut places).await;
    operators_and_receivers(&server, &mut places, &receiver).await;
    admin_again(&server, &mut places).await;
    let keys_after = std::fs::read_to_string(&server.config.secrets.key_file).unwrap();

    let scraped = reqwest::get(format!("http://{metrics}/metrics")).await.unwrap().text().await.unwrap();
    assert!(scraped.contains("simgauge_"), "{scraped}");
    places.add("metrics", scraped);
    stored(&server, &process, &mut places, dir.path()).await;
    let url = server.config.store.url.clone();
    assert!(process.terminate());
    places.add("traces", format!("{:?}", collector.received()));
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "log") {
            let log = std::fs::read(&path).unwrap();
            assert!(String::from_utf8_lossy(&log).contains("TRACE"), "everything is logged");
            places.add("log", log);
        }
    }
    if let Some(file) = url.strip_prefix("sqlite://") {
        places.add("database file at rest", std::fs::read(file).unwrap());
    }
    search(&places, &of_admins, &of_apps, [keys_before, keys_after]);
}

/// The values that hold secrets, as somebody prints them while looking for a fault.
async fn debug_texts(server: &TestServer, places: &mut Places) {
    let store = server.store();
    let sealer = server.config.sealer().unwrap();
    places.add("debug: configuration", format!("{:?} {:#?}", server.config, server.config));
    places.add("debug: sealer", format!("{sealer:?}"));
    places.add("debug: apps", format!("{:?}", store.apps().await.unwrap()));
    places.add("debug: admins", format!("{:?}", store.admins().await.unwrap()));
    places.add("debug: notify settings", format!("{:?}", store.all_notification_prefs().await.unwrap()));
    let sealed = sealer.seal(SECRET, "k").unwrap();
    let damaged = sealer.open(&sealed[1..], "k").unwrap_err();
    places.add("errors", format!("{damaged:?} {damaged:#}"));
    let address = format!("postgres://someone:{DATABASE_PASSWORD}@127.0.0.1:1/x");
    let unreachable = Store::connect(&address, 1).await.unwrap_err();
    places.add("errors", format!("{unreachable:?} {unreachable}"));
}

/// The pages once more, now that everything has failed.
async fn admin_again(server: &TestServer, places: &mut Places) {
    let mut ann = Browser::of(server, "ann").await;
    for path in
        ["/console", "/console/operators", "/console/notifications", "/console/refreshes?state=failed"]
    {
        let page = ann.get(path).await.expect(200);
        places.page(&format!("page {path}"), &page);
    }
}

/// The database: its files while it is open, its copy, or what PostgreSQL holds.
async fn stored(server: &TestServer, process: &Process, places: &mut Places, dir: &std::path::Path) {
    let url = &server.config.store.url;
    for (table, rows) in server.all_rows().await {
        places.add(format!("table {table}"), rows.join("\n"));
    }
    if let Some(file) = url.strip_prefix("sqlite://") {
        let copy = dir.join("copy.db");
        let said = process.simgauge(&format!("backup {}", copy.display()), &[]);
        assert!(said.status.success(), "{said:?}");
        places.add("copy of the database", std::fs::read(copy).unwrap());
        for end in ["", "-wal", "-shm"] {
            places.add(format!("database file{end}"), std::fs::read(format!("{file}{end}")).unwrap());
        }
    }
}

fn search(places: &Places, of_admins: &[String], of_apps: &[String], keys: [String; 2]) {
    // The search itself works: what is no secret is found everywhere.
    for place in ["log", "table card", "page /console/cards", "traces"] {
        let text = number(0);
        assert!(
            places.0.iter().any(|(name, bytes)| name == place && contains(bytes, text.as_bytes())),
            "{place}"
        );
    }
    let hits = std::cell::RefCell::new(Vec::new());
    let look = |secret: &str, except: &[&str]| hits.borrow_mut().extend(places.hits(secret, except));
    for never in [
        SECRET,
        "sim-secret",
        WRONG_KEY,
        DOWN_KEY,
        TLS_KEY,
        PASSWORD,
        MISTYPED,
        DATABASE_PASSWORD,
        BAD_SEALING_KEY,
        GUESS,
    ] {
        look(never, &[]);
    }
    // Where to post has to be known when the time comes.
    look(HOOK_TOKEN, &["table account", "database file", "copy of the database"]);
    let [session, csrf, in_console @ ..] = of_admins else { panic!("{of_admins:?}") };
    look(session, &[]);
    // Whoever has the session has its token in each form.
    look(csrf, &["page", "shown once"]);
    for made in in_console.iter().chain(of_apps) {
        assert_eq!(
            places
                .0
                .iter()
                .filter(|(name, bytes)| name.starts_with("shown once") && contains(bytes, made.as_bytes()))
                .count(),
            1
        );
        look(made, &["shown once"]);
    }
    for key in keys.iter().flat_map(|keys| keys.split_whitespace()) {
        assert!(key.len() >= 64, "a key");
        look(key, &[]);
        let bytes = hex::decode(key).unwrap();
        let raw = places
            .0
            .iter()
            .filter(|(_, place)| contains(place, &bytes))
            .map(|(name, _)| format!("{name}: a key's bytes"));
        hits.borrow_mut().extend(raw);
    }
    let size: usize = places.0.iter().map(|(_, bytes)| bytes.len()).sum();
    println!(
        "{} places, {} KiB, {} secrets",
        places.0.len(),
        size / 1024,
        11 + of_admins.len() + of_apps.len() + 2
    );
    assert!(hits.borrow().is_empty(), "{:#?}", hits.borrow());
}
