//! Each rule of the audit is broken once. The rows are written by hand on the product's schema.

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use simgauge_faults::audit::{Expected, audit};

const SCHEMA: &str = include_str!("../../../crates/store/schema/sqlite.sql");

/// Two cards. The first was refreshed and read, the second waits.
const SOUND: &str = "
INSERT INTO account (name, language, created_at, notify_url) VALUES ('acme', 'en', 0, 'http://x.test/');
INSERT INTO card (id, number, kind, account, status, label, accepted_at, last_refresh, overage)
    VALUES (1, '8986001', 'sim', 'acme', 'ACTIVATED_NAME', '', 1000, 'r1', 30);
INSERT INTO card (id, number, kind, account, status, label)
    VALUES (2, '8986002', 'sim', 'acme', 'ACTIVATED_NAME', '');
INSERT INTO profile (id, card, iccid, own_number, operator_account) VALUES (1, 1, '8986001', 1, 'lane');
INSERT INTO profile (id, card, iccid, own_number, operator_account) VALUES (2, 2, '8986002', 1, 'lane');
INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, state, remaining, finished_at)
    VALUES ('r1', 1, 'acme', 'k', 's', 1000, 'succeeded', '', 2000);
INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, previous, state, remaining)
    VALUES ('r2', 1, 'acme', 'k', 's', 301000, 'r1', 'queued', '1');
INSERT INTO refresh (id, card, account, appkey, sign, accepted_at, state, remaining)
    VALUES ('r3', 2, 'acme', 'k', 's', 1000, 'running', '2');
INSERT INTO task (lane, account, refresh, profile, card) VALUES ('lane', 'acme', 'r2', 1, 1);
INSERT INTO task (lane, account, refresh, profile, card) VALUES ('lane', 'acme', 'r3', 2, 2);
INSERT INTO package (card, code, name, total, booked, created_at) VALUES (1, 'p', 'P', 70, 70, 0);
INSERT INTO reading (card, profile, began_at, synced_at, period_kind, period_key, used, delta, kind, cycle)
    VALUES (1, 1, 1500, 1600, 'month', '2026-11', 90, 90, 'first', 0);
INSERT INTO daily (card, day, profile, cycle, delta, readings) VALUES (1, '2025-01-01', 1, 0, 10, 2);
INSERT INTO booking (card, began_at, profile, line, package, bytes) VALUES (1, 1500, 1, 0, 'p', 70);
INSERT INTO booking (card, began_at, profile, line, package, bytes) VALUES (1, 1500, 1, 1, NULL, 30);
INSERT INTO notification (seq, id, account, card, event, body, created_at, waiting_since, next_at)
    VALUES (1, 'n1', 'acme', 1, 'usage.refreshed', '{\"refreshId\":\"r1\"}', 2000, 2000, 2000);
";

/// What breaks a rule, and words of the violation that has to be found.
const BREAKS: &[(&str, &str)] = &[
    ("DELETE FROM refresh WHERE id = 'r1'", "an answered refresh is there: refresh r1"),
    ("UPDATE card SET number = '8986009' WHERE id = 1", "an answered refresh is of its card: refresh r1"),
    ("UPDATE refresh SET state = 'lost' WHERE id = 'r3'", "known state: refresh r3: 'lost'"),
    (
        "UPDATE refresh SET remaining = '' WHERE id = 'r3'",
        "waits has something to wait for and no end: refresh r3",
    ),
    (
        "UPDATE refresh SET finished_at = 5 WHERE id = 'r2'",
        "waits has something to wait for and no end: refresh r2",
    ),
    ("UPDATE refresh SET finished_at = NULL WHERE id = 'r1'", "ended waits for nothing"),
    ("UPDATE refresh SET remaining = '1' WHERE id = 'r1'", "ended waits for nothing"),
    ("UPDATE refresh SET state = 'failed' WHERE id = 'r1'", "reason NULL"),
    ("DELETE FROM task WHERE refresh = 'r3'", "refresh r3 (running) of card 2: profile 2 has no task"),
    ("UPDATE refresh SET state = 'succeeded', remaining = '' WHERE id = 'r3'", "its refresh is succeeded"),
    ("UPDATE task SET refresh = 'r9' WHERE refresh = 'r3'", "its refresh is missing"),
    (
        "INSERT INTO task (lane, account, refresh, profile, card) VALUES ('b', 'acme', 'r3', 2, 2)",
        "has 2 tasks",
    ),
    ("UPDATE card SET last_refresh = 'r9' WHERE id = 1", "card 1: last_refresh r9"),
    ("UPDATE refresh SET previous = 'r3' WHERE id = 'r2'", "refresh r2: previous r3"),
    ("UPDATE card SET overage = -1 WHERE id = 2", "card 2: overage -1"),
    ("UPDATE refresh SET accepted_at = 300999 WHERE id = 'r2'", "refreshes r1 and r2, 299999 ms apart"),
    ("UPDATE package SET booked = 69", "packages and overage 99, bookings 100, readings 100"),
    ("DELETE FROM booking WHERE line = 1", "packages and overage 100, bookings 70, readings 100"),
    ("DELETE FROM daily", "packages and overage 100, bookings 100, readings 90"),
    ("DELETE FROM notification", "refresh r1 (succeeded) of account acme: told 0 times"),
    (
        "INSERT INTO notification (id, account, card, event, body, created_at, waiting_since)
         SELECT 'n2', account, card, event, body, 0, 0 FROM notification",
        "told 2 times",
    ),
    (
        "UPDATE notification SET event = 'usage.refresh_failed'",
        "what is told of a refresh has happened: notification n1",
    ),
    ("UPDATE notification SET next_at = NULL", "the oldest is 1, with a time none"),
    ("UPDATE audit SET detail = 'x' WHERE seq = 2", "entry 2 (account.quota, acme) was changed"),
    ("DELETE FROM audit WHERE seq = 1", "entry 2 follows entry 0"),
    ("DELETE FROM audit WHERE seq = 2", "the head is Some(2), the last entry 1"),
    ("DELETE FROM account", "the file is sound: card"),
];

fn store() -> (tempfile::TempDir, Connection) {
    let dir = tempfile::tempdir().expect("folder");
    let store = Connection::open(dir.path().join("a.db")).expect("opens");
    store.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY").expect("fast");
    store.execute_batch(SCHEMA).expect("schema");
    store.execute_batch(SOUND).expect("rows");
    let mut previous = String::new();
    for (seq, action) in [(1, "account.create"), (2, "account.quota")] {
        let text = |field: &str| format!("{}:{field}", field.len());
        let fields = [&previous, &seq.to_string(), "7", "cli:root", action, "acme", ""];
        previous = hex::encode(Sha256::digest(fields.map(text).concat()));
        let insert = "INSERT INTO audit VALUES (?1, 7, 'cli:root', ?2, 'acme', '', ?3)";
        store.execute(insert, rusqlite::params![seq, action, previous]).expect("entry");
    }
    store.execute("UPDATE audit_head SET seq = 2, hash = ?1", [&previous]).expect("head");
    (dir, store)
}

fn found(breaking: &str, expected: &Expected) -> Vec<String> {
    let (dir, store) = store();
    store.execute_batch(&format!("PRAGMA foreign_keys = OFF; {breaking}")).expect(breaking);
    drop(store);
    let violations = audit(&dir.path().join("a.db"), expected).expect("can be read");
    violations.iter().map(ToString::to_string).collect()
}

fn expected() -> Expected {
    Expected { answered: vec![("r1".into(), "8986001".into())], cards: 2, ..Expected::default() }
}

#[test]
fn a_sound_store_has_no_violation() {
    assert_eq!(found("", &expected()), Vec::<String>::new());
}

#[test]
fn every_rule_is_seen_broken() {
    for (breaking, words) in BREAKS {
        let found = found(breaking, &expected());
        assert!(found.iter().any(|one| one.contains(words)), "{breaking}: {words:?} is not in {found:#?}");
    }
    let more = Expected { cards: 3, ..expected() };
    assert_eq!(found("", &more), ["imported cards are there: 2 of 3"]);
}

/// Bytes near 2^63 add up to more than the database can add.
#[test]
fn sums_beyond_64_bits_are_compared() {
    let huge = i64::MAX - 5;
    let same = format!(
        "UPDATE package SET booked = {huge}; UPDATE card SET overage = {huge} WHERE id = 1;
         UPDATE booking SET bytes = {huge}; UPDATE reading SET delta = {huge};
         UPDATE daily SET delta = {huge}"
    );
    assert_eq!(found(&same, &expected()), Vec::<String>::new());
    let found = found(&format!("{same} - 1"), &expected());
    let twice = i128::from(huge) * 2;
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with(&format!("bookings {twice}, readings {}", twice - 1)), "{found:?}");
}
