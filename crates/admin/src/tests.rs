//! Actions on a real store, by what they answer and what the audit says of them.

use crate::{Actor, AdminError, Administration, NewApp, NotifyApp, NotifyChange, ReconcileScope};
use secrecy::ExposeSecret as _;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::target_policy::TargetPolicy;
use simgauge_protocol::Language;
use simgauge_protocol::sign::SignType;
use simgauge_service::apps::AppDirectory;
use simgauge_service::clock::Clock;
use simgauge_service::secrets::Sealer;
use simgauge_store::{AdminRole, ImportRow, Store, StoredQuota};
use std::time::Duration;
use tempfile::TempDir;

async fn opened() -> (Store, TempDir) {
    let dir = tempfile::tempdir().expect("folder");
    let url = format!("sqlite://{}", dir.path().join("store.db").display());
    let store = Store::connect(&url, 2).await.expect("store");
    store.migrate().await.expect("migrated");
    (store, dir)
}

fn new_app(appkey: &str) -> NewApp {
    NewApp {
        account: "acme".into(),
        appkey: Some(appkey.into()),
        label: String::new(),
        sign_type: SignType::Sha1,
    }
}

#[tokio::test]
async fn every_change_is_audited_in_the_name_of_its_actor() {
    let (store, _dir) = opened().await;
    let admin = Administration::new(&store, Actor::console("alice"), Clock::default());
    let sealer = Sealer::new(&[7; 32]);
    admin.create_account("acme", Language::En).await.expect("account");
    admin.create_app(new_app("k"), &sealer).await.expect("app");
    admin.rotate_app("k", Some(Duration::from_secs(60)), &sealer).await.expect("rotated");
    admin.set_app_networks("k", &["192.0.2.0/24".parse().expect("network")]).await.expect("networks");
    admin.set_app_quota("k", Some(StoredQuota { per_second: 1, burst: 1 })).await.expect("quota");
    admin.set_app_disabled("k", true).await.expect("disabled");
    admin.set_account_quota("acme", None).await.expect("quota");
    admin.create_admin("bob", &"correct horse".into(), AdminRole::Full).await.expect("admin");
    admin.set_admin_password("bob", &"correct horse 2".into()).await.expect("password");
    admin.set_admin_disabled("bob", true).await.expect("disabled");
    admin.pause_lane("main", "their maintenance").await.expect("paused");
    admin.resume_lane("main").await.expect("resumed");
    let entries = admin.audit_entries_after(0).await.expect("entries");
    let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "account.create",
            "app.create",
            "app.rotate",
            "app.allow",
            "app.quota",
            "app.disable",
            "account.quota",
            "admin.create",
            "admin.password",
            "admin.disable",
            "lane.pause",
            "lane.resume",
        ]
    );
    assert!(entries.iter().all(|entry| entry.actor == "console:alice"), "{entries:?}");
    assert_eq!(admin.verify_audit(None).await.expect("verified").expect("whole").seq, 12);
}

#[tokio::test]
async fn a_process_goes_by_its_own_change_of_an_app_at_once() {
    let (store, _dir) = opened().await;
    let sealer = Sealer::new(&[7; 32]);
    let quota = StoredQuota { per_second: 0, burst: 1 };
    let directory = AppDirectory::load(store.clone(), sealer.clone(), quota).await.expect("directory");
    let admin = Administration::new(&store, Actor::console("alice"), Clock::default())
        .with_app_directory(directory.clone());
    admin.create_account("acme", Language::En).await.expect("account");
    let issued = admin.create_app(new_app("k"), &sealer).await.expect("app");
    assert_eq!(directory.get("k").expect("app").secret(), issued.secret.expose_secret());
    let rotated = admin.rotate_app("k", None, &sealer).await.expect("rotated");
    assert_eq!(directory.get("k").expect("app").secret(), rotated.secret.expose_secret());
    admin.set_app_disabled("k", true).await.expect("disabled");
    assert!(directory.get("k").expect("app").disabled);
    admin.set_app_networks("k", &["192.0.2.0/24".parse().expect("network")]).await.expect("networks");
    assert!(!directory.get("k").expect("app").allows(Some("198.51.100.1".parse().expect("address"))));
}

#[tokio::test]
async fn what_cannot_be_done_is_named() {
    let (store, _dir) = opened().await;
    let admin = Administration::new(&store, Actor::command_line("alice"), Clock::default());
    let sealer = Sealer::new(&[7; 32]);
    admin.create_account("acme", Language::En).await.expect("account");
    let error = admin.create_account("a b", Language::En).await.expect_err("no name");
    assert!(matches!(error, AdminError::Invalid { field: "name", .. }), "{error}");
    let error = admin.create_account("acme", Language::En).await.expect_err("twice");
    assert!(matches!(&error, AdminError::Exists(what) if what == "account acme"), "{error}");
    let error = admin.create_app(new_app("a/b"), &sealer).await.expect_err("no appkey");
    assert!(matches!(error, AdminError::Invalid { field: "appkey", .. }), "{error}");
    let error = admin.rotate_app("k", None, &sealer).await.expect_err("no app");
    assert!(matches!(&error, AdminError::Missing(what) if what == "app k"), "{error}");
    let error = admin.create_admin("bob", &"short".into(), AdminRole::Full).await.expect_err("too short");
    assert!(matches!(error, AdminError::Password(_)), "{error}");
    let error = admin.pause_lane("main", "a\nb").await.expect_err("no note");
    assert!(matches!(error, AdminError::Invalid { field: "note", .. }), "{error}");
    let error = admin.replay_dead_notifications(Some("acmee")).await.expect_err("no account");
    assert!(matches!(&error, AdminError::NoAccount(name) if name == "acmee"), "{error}");
    let error = admin.card("8986001234567890123").await.expect_err("no card");
    assert_eq!(error.to_string(), "there is no card 8986001234567890123");

    let change = NotifyChange { url: Some(Some("https://example.com/".into())), ..NotifyChange::default() };
    let error =
        admin.set_notify("acme", change.clone(), TargetPolicy::default()).await.expect_err("unsigned");
    assert!(matches!(&error, AdminError::NoSigningApp(account) if account == "acme"), "{error}");
    admin.create_app(new_app("k"), &sealer).await.expect("app");
    admin.set_app_disabled("k", true).await.expect("disabled");
    let change = NotifyChange { app: Some(NotifyApp::Appkey("k".into())), ..change };
    let error = admin.set_notify("acme", change, TargetPolicy::default()).await.expect_err("disabled");
    assert!(matches!(&error, AdminError::AppDisabled(appkey) if appkey == "k"), "{error}");
    assert_eq!(store.notification_prefs("acme").await.expect("settings").url, None);
}

/// A store with five cards of an account; two of them are damaged behind its back.
async fn damaged_cards() -> (Store, TempDir) {
    let (store, dir) = opened().await;
    store.create_account("acme", "en", Clock::default().now()).await.expect("account");
    let row = |number: &str| ImportRow {
        number: number.into(),
        kind: CardKind::Sim,
        account: "acme".into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: number.into(),
        operator_account: "main".into(),
    };
    let mut import = store.import().await.expect("import");
    let rows = ["8901", "8902", "8903", "8904", "8905"].map(row);
    assert!(import.add(&rows).await.expect("added").iter().all(Result::is_ok));
    import.commit().await.expect("committed");
    let raw = rusqlite::Connection::open(dir.path().join("store.db")).expect("opens");
    raw.execute("UPDATE card SET overage = -1 WHERE number = '8902'", []).expect("damages");
    // Two readings whose sum no database can hold.
    for began_at in [1, 2] {
        raw.execute(
            "INSERT INTO reading (card, profile, began_at, synced_at, period_kind, period_key, used, delta, \
             kind, cycle) SELECT id, profile, ?1, ?1, 'calendar_month', '2027-01', 0, 9223372036854775807, \
             'same_period', 0 FROM card WHERE number = '8904'",
            [began_at],
        )
        .expect("damages");
    }
    raw.execute("UPDATE card SET overage = 7 WHERE number = '8905'", []).expect("changes");
    (store, dir)
}

/// What a reconciliation finds: cards that differ, cards that cannot be checked, and its last card.
async fn reconciled(store: &Store, scope: ReconcileScope) -> (Vec<String>, Vec<String>, Option<String>) {
    let admin = Administration::new(store, Actor::console("alice"), Clock::default());
    let mut reconciliation = admin.reconcile(scope, 100).await.expect("begins");
    let (mut differing, mut damaged) = (Vec::new(), Vec::new());
    while let Some(page) = reconciliation.next_page().await.expect("goes on") {
        differing.extend(page.differences.into_iter().map(|one| one.card));
        damaged.extend(page.damaged.into_iter().map(|one| one.card));
    }
    (differing, damaged, reconciliation.last().map(str::to_owned))
}

#[tokio::test]
async fn a_card_that_cannot_be_checked_stops_no_reconciliation() {
    let (store, _dir) = damaged_cards().await;
    let of_account = ReconcileScope { account: Some("acme".into()), ..ReconcileScope::default() };
    for scope in [ReconcileScope::default(), of_account] {
        let (differing, damaged, last) = reconciled(&store, scope).await;
        assert_eq!(differing, ["8905"], "seven bytes that nobody booked");
        assert_eq!(damaged, ["8902", "8904"]);
        assert_eq!(last.as_deref(), Some("8905"));
    }
    let only = ReconcileScope { card: Some("8904".into()), ..ReconcileScope::default() };
    assert_eq!(reconciled(&store, only).await, (vec![], vec!["8904".to_owned()], Some("8904".to_owned())));
}

#[tokio::test]
async fn a_reconciliation_goes_on_after_a_card() {
    let (store, _dir) = damaged_cards().await;
    for account in [None, Some("acme".to_owned())] {
        let scope = ReconcileScope { account, after: Some("8902".into()), ..ReconcileScope::default() };
        let (differing, damaged, _) = reconciled(&store, scope).await;
        assert_eq!((differing, damaged), (vec!["8905".to_owned()], vec!["8904".to_owned()]));
    }
}
