//! The audit log, as the program shows it.

use crate::support::{ICCID, server, sqlite_store};

#[tokio::test]
async fn commands_are_written_down_and_checked() {
    let server = server().configure(|config| config.api.app_reload_seconds = 1).start().await;
    let mut secrets = Vec::new();
    for line in [
        "--json account create new --language en",
        "--json app create --account new --appkey nk --sign-type hmac-sha256",
        "--json app rotate nk --keep-old 1h",
        "--json app allow nk 192.0.2.0/24",
        "--json account quota new --per-second 5",
        "--json secrets rotate-key",
    ] {
        let made = server.simgauge(line).await.json(0);
        secrets.extend(made["secret"].as_str().map(str::to_owned));
    }
    assert_eq!(secrets.len(), 2);
    assert_eq!(server.simgauge("app disable nobody").await.code, Some(1));
    server.card(ICCID).await.expect("200");

    let exported = server.simgauge("audit export").await.out;
    let entries: Vec<serde_json::Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let deeds: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    let expected = [
        "account.create",
        "app.create",
        "app.sign_type",
        "app.rotate",
        "app.allow",
        "account.quota",
        "secrets.add_key",
        "secrets.reseal",
        "secrets.drop_old_keys",
    ];
    assert_eq!(deeds, expected);
    for (seq, entry) in (1..).zip(&entries) {
        assert_eq!(entry["seq"], seq);
        assert!(entry["actor"].as_str().unwrap().starts_with("cli:"), "{entry}");
    }
    assert!(secrets.iter().all(|secret| !exported.contains(secret)), "no secret is in it");
    let latest = server.simgauge("--json audit list --limit 1").await.json(0);
    assert_eq!(latest[0], entries[8]);

    let verified = server.simgauge("--json audit verify").await.json(0);
    assert_eq!(verified["entries"], 9);
    let anchor = verified["anchor"].as_str().unwrap();
    server.simgauge(&format!("--json audit verify --anchor {anchor}")).await.json(0);
    let store = sqlite_store(&server.config.store.url);
    store.execute("UPDATE audit SET subject = 'k' WHERE seq = 4", []).unwrap();
    let broken = server.simgauge("--json audit verify").await.json(1);
    assert_eq!(broken["problem"], "entry 4 is not what was written");
}
