//! The key that seals app secrets is changed while the server runs.

use crate::support::program::run;
use crate::support::{Database, ICCID, TestServer, server};
use rstest::rstest;
use simgauge_service::secrets::rotation;

async fn strict(database: Database) -> TestServer {
    server().database(database).configure(|config| config.api.app_reload_seconds = 1).start().await
}

fn keys_in(server: &TestServer) -> Vec<String> {
    let text = std::fs::read_to_string(&server.config.secrets.key_file).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The server reads the apps again once a second; after two it has.
async fn calls_go_on(server: &TestServer) {
    for _ in 0..11 {
        server.card(ICCID).await.expect("200");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[rstest]
#[tokio::test]
async fn nobody_notices(#[values(Database::Sqlite, Database::Postgres)] database: Database) {
    let mut server = strict(database).await;
    let before = keys_in(&server);
    // Another process does it.
    let sealer = server.config.sealer().unwrap();
    assert!(rotation::add_key(&sealer, server.store()).await.unwrap());
    let both = keys_in(&server);
    assert_eq!((both.len(), &both[1]), (2, &before[0]));
    assert!(rotation::drop_old_keys(&sealer, server.store()).await.is_err(), "it is still needed");
    assert_eq!(keys_in(&server), both);

    // It broke off there; begun anew, it goes on with the same key.
    let sealer = server.config.sealer().unwrap();
    assert!(!rotation::add_key(&sealer, server.store()).await.unwrap());
    assert_eq!(rotation::reseal(&sealer, server.store()).await.unwrap(), 3);
    calls_go_on(&server).await;
    assert_eq!(rotation::reseal(&sealer, server.store()).await.unwrap(), 3, "again does no harm");
    assert_eq!(rotation::drop_old_keys(&sealer, server.store()).await.unwrap(), 1);
    assert_eq!(keys_in(&server), [both[0].clone()]);
    calls_go_on(&server).await;
    server.stop().await;
    server.start().await;
    server.card(ICCID).await.expect("200");

    // A copy of the old key opens nothing any more.
    let mut config = server.config.clone();
    config.secrets.key_file = config.secrets.key_file.with_extension("old");
    std::fs::write(&config.secrets.key_file, &before[0]).unwrap();
    let app = server.store().app("k").await.unwrap().unwrap();
    assert!(config.sealer().unwrap().open(&app.secret, "k").is_err());
    let error = rotation::reseal(&config.sealer().unwrap(), server.store()).await.unwrap_err();
    assert!(format!("{error:#}").contains("a secret of app k"), "{error:#}");
    server.card(ICCID).await.expect("200");
}

/// A rotation of a secret leaves two of them; both are sealed anew.
#[tokio::test]
async fn the_old_secret_of_an_app_moves_along() {
    let server = strict(Database::Sqlite).await;
    let sealer = server.config.sealer().unwrap();
    let until = server.clock.now().after(std::time::Duration::from_secs(3600));
    server.store().set_app_secret("k", &sealer.seal("new", "k").unwrap(), Some(until)).await.unwrap();
    rotation::add_key(&sealer, server.store()).await.unwrap();
    rotation::reseal(&sealer, server.store()).await.unwrap();
    rotation::drop_old_keys(&sealer, server.store()).await.unwrap();
    calls_go_on(&server).await;
}

/// After a power cut the secrets could be those that only the old key opens.
#[tokio::test]
async fn the_old_key_stays_until_the_secrets_are_on_the_disk() {
    let server = strict(Database::Sqlite).await;
    let sealer = server.config.sealer().unwrap();
    rotation::add_key(&sealer, server.store()).await.unwrap();
    rotation::reseal(&sealer, server.store()).await.unwrap();
    let both = keys_in(&server);
    // Opened apart from the server, which would mend it at once.
    let other = simgauge::app::open_store(&server.config).await.unwrap();
    // Its readers have the log open, as those of a command that has read the secrets.
    other.accounts().await.unwrap();
    let log = server.config.store.sqlite_file().unwrap().with_extension("db-wal");
    std::fs::rename(&log, log.with_extension("aside")).unwrap();
    std::fs::write(&log, "").unwrap();
    let error = format!("{:#}", rotation::drop_old_keys(&sealer, &other).await.unwrap_err());
    assert!(error.contains("the old keys stay") && error.contains("-wal was replaced"), "{error}");
    assert_eq!(keys_in(&server), both);
    std::fs::rename(log.with_extension("aside"), &log).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_file_behind_a_link_is_replaced_where_it_lies() {
    let server = strict(Database::Sqlite).await;
    let before = keys_in(&server);
    let dir = tempfile::tempdir().unwrap();
    let (store, key) = (dir.path().join("link.db"), dir.path().join("link.key"));
    std::os::unix::fs::symlink(server.config.store.sqlite_file().unwrap(), &store).unwrap();
    std::os::unix::fs::symlink(&server.config.secrets.key_file, &key).unwrap();
    let url = format!("sqlite://{}", store.display());
    let environment =
        [("SIMGAUGE__STORE__URL", &*url), ("SIMGAUGE__SECRETS__KEY_FILE", key.to_str().unwrap())];
    let rotated = run(["secrets", "rotate-key", "--json"].map(str::to_owned), &environment).await;
    assert_eq!(rotated.json(0)["apps"], 3);
    assert!(std::fs::symlink_metadata(&key).unwrap().is_symlink());
    let after = keys_in(&server);
    assert!(after.len() == 1 && after != before);
    calls_go_on(&server).await;
}
