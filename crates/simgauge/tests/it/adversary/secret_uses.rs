//! Everything that makes, uses and refuses secrets. What it answers, prints or logs goes to the places that
//! are searched.

use super::search::Places;
use crate::console::browser::{Browser, PASSWORD};
use crate::support::call::sign_body;
use crate::support::process::Process;
use crate::support::receiver::Receiver;
use crate::support::{ICCID, OPERATOR, SECRET, TestServer};
use serde_json::{Value, json};
use simgauge::config::{OperatorAccountConfig, SecretSource};
use simgauge::demo::simulated_account;
use simgauge_operators::Catalog;
use simgauge_protocol::OperationName;
use simgauge_simulator::{Fault, FaultSpan, Simulator};
use simgauge_store::Store;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);
const MISTYPED: &str = "mistyped password 4710";
const WRONG_KEY: &str = "wrong-operator-key-4711";
const DOWN_KEY: &str = "down-operator-key-4712";
const TLS_KEY: &str = "tls-operator-key-4713";
const DATABASE_PASSWORD: &str = "database-password-4714";
const BAD_SEALING_KEY: &str = "no-hex-digits-at-all-4715";
pub const HOOK_TOKEN: &str = "t0ken-of-the-hook-4716";
const GUESS: &str = "a-guessed-app-secret-4717";

/// Secrets that stand nowhere in clear, not even once.
pub const NEVER_SHOWN: [&str; 10] = [
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
];

/// A login at every operator that there is a definition for, and some that do not work.
pub fn operator_accounts(simulator: &Simulator) -> Vec<OperatorAccountConfig> {
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

pub fn number(lane: usize) -> String {
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
        let report = server.ended(id, TIMEOUT).await;
        places.add(&account.name, report.to_string());
        reports.push(report);
    }
    reports
}

/// Refreshes that succeed and that fail in each way, and notifications that do.
pub async fn operators_and_receivers(server: &TestServer, places: &mut Places, receiver: &Receiver) {
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
    receiver.wait(TIMEOUT, |list| list.len() >= 2 * accounts.len()).await;
}

/// Calls with right and wrong signs, of every operation.
pub async fn callers(server: &TestServer, places: &mut Places) {
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
pub async fn admin_sees_and_acts(server: &TestServer, places: &mut Places) -> Vec<String> {
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
        "/console/suspects",
        "/console/suspects.csv",
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
pub fn commands(process: &Process, places: &mut Places) -> Vec<String> {
    let mut secrets = Vec::new();
    for line in [
        "--json app create --account acme --appkey cli1",
        "--json app create --account acme --appkey cli2 --sign-type hmac-sha256",
        "--json app rotate cli1 --keep-old 1h",
        "--json app rotate cli1",
    ] {
        let output = process.simgauge(line, &[]);
        let made: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{line}: {output:?}"));
        secrets.push(made["secret"].as_str().unwrap().to_owned());
        places.output(&format!("shown once: {line}"), &output);
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
        places.output(line, &process.simgauge(line, &[]));
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
            let output = command.join().unwrap();
            assert!(!output.status.success(), "{name}: {output:?}");
            places.output(&format!("{name}, wrong"), &output);
        }
    });
    secrets
}

/// The values that hold secrets, as somebody prints them while looking for a fault.
pub async fn debug_texts(server: &TestServer, places: &mut Places) {
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
pub async fn admin_again(server: &TestServer, places: &mut Places) {
    let mut ann = Browser::of(server, "ann").await;
    for path in
        ["/console", "/console/operators", "/console/notifications", "/console/refreshes?state=failed"]
    {
        let page = ann.get(path).await.expect(200);
        places.page(&format!("page {path}"), &page);
    }
}
