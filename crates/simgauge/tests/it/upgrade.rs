//! A store of the first edition is brought over by the program, and the program shows what was in it.

use crate::support::process::Process;
use crate::support::program::{CommandOutput, run};
use crate::support::{Database, new_postgres_database, server};
use rstest::rstest;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A card with two packages, corrections, and readings that were folded into days.
const METERED: &str = "8986040000000000001";
/// A cloud eSIM with three profiles and one package.
const EID: &str = "89049032000001000000000000000013";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/tests/fixtures/first-edition").join(name)
}

/// What a statement answers on the old SQLite store, by the fixtures' README.
fn expected(statement: &str) -> u64 {
    let readme = std::fs::read_to_string(fixture("README.md")).unwrap();
    let begin = format!("| `{statement}` | ");
    let row = readme.lines().find_map(|line| line.strip_prefix(&begin)).expect(statement);
    row.split(' ').next().unwrap().parse().unwrap()
}

/// A copy of the first edition's store, and what the program needs to work on another one.
struct Upgrade {
    dir: TempDir,
    new: String,
    key_file: String,
}

impl Upgrade {
    async fn begin(target: Database) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::copy(fixture("store.db"), path("old.db")).unwrap();
        std::fs::write(path("key"), "5a".repeat(32)).unwrap();
        let new = match target {
            Database::Sqlite => format!("sqlite://{}", path("new.db")),
            Database::Postgres => new_postgres_database().await,
        };
        let key_file = path("key");
        Self { dir, new, key_file }
    }

    fn old(&self) -> String {
        format!("sqlite://{}", self.dir.path().join("old.db").display())
    }

    /// Runs a command on a store.
    async fn run_on(&self, store: &str, line: &str) -> CommandOutput {
        let environment = [("SIMGAUGE__STORE__URL", store), ("SIMGAUGE__SECRETS__KEY_FILE", &self.key_file)];
        run(line.split_whitespace().map(str::to_owned), &environment).await
    }

    async fn run(&self, line: &str) -> CommandOutput {
        self.run_on(&self.new, line).await
    }

    async fn migrate(&self) {
        let line = format!("--json migrate --from {} --to {}", self.old(), self.new);
        let copied = self.run(&line).await.json(0);
        assert_eq!(copied["agrees"], true, "{copied}");
        for table in copied["tables"].as_array().unwrap() {
            assert_eq!(table["agrees"], true, "{table}");
        }
    }
}

fn sum(list: &[Value], field: &str) -> u64 {
    list.iter().filter_map(|one| one[field].as_u64()).sum()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_the_first_edition_is_brought_over(
    #[values(Database::Sqlite, Database::Postgres)] target: Database,
) {
    let upgrade = Upgrade::begin(target).await;
    upgrade.migrate().await;
    // It can be run again.
    upgrade.migrate().await;

    let reconciled = upgrade.run("usage reconcile").await;
    assert_eq!(reconciled.code, Some(0), "{}{}", reconciled.out, reconciled.error);
    // 22 profiles, of which 11 have usage.
    assert_eq!(reconciled.out, "18 cards with 11 profiles that were read: all agree\n");
    // Where `audit verify` of the first edition said that the chain ends.
    let anchor = "28:1908228975e9f6eec9e2ea293e4e415a988719d42e17428958c404c39a014767";
    let verified = upgrade.run(&format!("--json audit verify --anchor {anchor}")).await.json(0);
    let entries = expected("SELECT count(*) FROM audit");
    assert_eq!(verified, json!({ "valid": true, "entries": entries, "anchor": anchor }));

    let cards = upgrade.run("--json card list").await.json(0);
    let cards = cards.as_array().unwrap();
    assert_eq!(cards.len() as u64, expected("SELECT count(*) FROM card"));
    let cloud_esims = cards.iter().filter(|card| card["kind"] == "cloud_esim").count();
    assert_eq!(cloud_esims as u64, expected("SELECT count(*) FROM card WHERE kind = 'cloud_esim'"));
    let profiles: Vec<Value> =
        cards.iter().flat_map(|card| card["profiles"].as_array().unwrap()).cloned().collect();
    assert_eq!(profiles.len() as u64, expected("SELECT count(*) FROM profile"));
    assert_eq!(sum(&profiles, "usedBytes"), expected("SELECT sum(used) FROM profile"));
    assert_eq!(sum(&profiles, "totalBytes"), expected("SELECT sum(total) FROM profile"));

    let of_sim = upgrade.run(&format!("--json package list --iccid {METERED}")).await.json(0);
    let of_esim = upgrade.run(&format!("--json package list --eid {EID}")).await.json(0);
    let packages = [&of_sim, &of_esim].map(|list| list["packages"].as_array().unwrap().clone()).concat();
    assert_eq!(packages.len() as u64, expected("SELECT count(*) FROM package"));
    assert_eq!(sum(&packages, "usedBytes"), expected("SELECT sum(booked) FROM package"));
    assert_eq!(sum(&packages, "totalBytes"), expected("SELECT sum(total) FROM package"));
    // 190,000 bytes, of which 160,000 fit on its two packages.
    assert_eq!(of_sim["overageBytes"], 30_000);
}

/// Customers' programs get the old usage from a server on the new store.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_see_the_usage_that_was_brought_over(
    #[values(Database::Sqlite, Database::Postgres)] target: Database,
) {
    let upgrade = Upgrade::begin(target).await;
    upgrade.migrate().await;
    // The key that sealed the old apps' secrets is lost.
    let app = upgrade.run("--json app create --account acme --appkey new-app").await.json(0);
    let mut template = server().start().await;
    template.stop().await;
    template.config.secrets.key_file = upgrade.key_file.clone().into();
    let process = Process::serve_with(&template, upgrade.dir.path(), &upgrade.new);
    let usage = async |line: &str| {
        let secret = app["secret"].as_str().unwrap();
        let caller = [
            ("SIMGAUGE_URL", process.url.as_str()),
            ("SIMGAUGE_APPKEY", "new-app"),
            ("SIMGAUGE_SECRET", secret),
        ];
        run(line.split_whitespace().map(str::to_owned), &caller).await.json(0)
    };

    let card = usage(&format!("--json usage --iccid {METERED}")).await;
    assert_eq!(card["usage"]["usedBytes"], 190_000);
    // 30,000 without the 1,000 that were used before its first package.
    assert_eq!(card["overageBytes"], 29_000);
    let booked: Vec<(&str, u64)> = card["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| (own["code"].as_str().unwrap(), own["usedBytes"].as_u64().unwrap()))
        .collect();
    assert_eq!(booked, [("more", 60_000), ("base", 100_000)]);
    let history = usage(&format!("--json usage --iccid {METERED} --history")).await;
    let readings = history["readings"].as_array().unwrap();
    assert_eq!(readings.len(), 1, "the others were folded into days");
    assert_eq!((&readings[0]["usedBytes"], &readings[0]["deltaBytes"]), (&json!(190_000), &json!(19_000)));
    assert_eq!(sum(history["days"].as_array().unwrap(), "usedBytes"), 190_000);
    let esim = usage(&format!("--json usage --eid {EID}")).await;
    assert_eq!(esim["usage"]["usedBytes"], 8_500, "2,000 + 2,500 + 4,000");
    assert!(process.terminate());
}

#[rstest]
#[case::serve("serve")]
#[case::migrate("migrate")]
#[case::another_command("card list")]
#[tokio::test]
async fn the_old_store_itself_is_refused_with_what_to_do(#[case] line: &str) {
    let upgrade = Upgrade::begin(Database::Sqlite).await;
    let before = std::fs::read(fixture("store.db")).unwrap();
    let refused = upgrade.run_on(&upgrade.old(), line).await;
    assert_eq!(refused.code, Some(1), "{}", refused.out);
    for part in ["first edition", "simgauge migrate --from OLD --to NEW"] {
        assert!(refused.error.contains(part), "{part}: {}", refused.error);
    }
    let after = std::fs::read(upgrade.dir.path().join("old.db")).unwrap();
    assert!(before == after, "nothing was written");
}
