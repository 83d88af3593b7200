//! A server of its own for each test, with its own database and its own simulated operator.

pub mod call;
pub mod collector;
pub mod demo;
pub mod disk;
pub mod process;
pub mod program;
pub mod receiver;

use simgauge::app::App;
use simgauge::app::open_store;
use simgauge::config::Config;
use simgauge::config::OperatorAccountConfig;
use simgauge::config::SecretSource;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_service::clock::Clock;
use simgauge_service::secrets::Sealer;
use simgauge_simulator::{Simulator, SimulatorConfig};
use simgauge_store::{ImportRow, RefreshView, Store, StoreError};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpListener;

/// The documentation's own card.
pub const ICCID: &str = "8988308650100524999";
/// The documentation's own cloud eSIM.
pub const EID: &str = "11111111111111111111111111";
/// Its profiles.
pub const EID_PROFILES: [&str; 2] = ["8988308650100525004", "8988308650100525012"];
/// A card of another account.
pub const OTHERS_ICCID: &str = "8986000000000000001";
pub const SECRET: &str = "test-secret";
pub const OPERATOR: &str = "cisco_control_center";
pub const LANE: &str = "main";

#[derive(Clone, Copy, Debug)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// Starts a [`TestServer`].
pub struct Builder {
    database: Database,
    store_url: Option<String>,
    simulator_limits: Option<Limits>,
    simulator: SimulatorConfig,
    configure: Box<dyn Fn(&mut Config) + Send + Sync>,
}

pub fn server() -> Builder {
    let simulator = SimulatorConfig { enforce_limits: false, ..SimulatorConfig::fixed() };
    Builder {
        database: Database::Sqlite,
        store_url: None,
        simulator_limits: None,
        simulator,
        configure: Box::new(|_| {}),
    }
}

pub struct TestServer {
    app: Option<App>,
    pub url: String,
    pub clock: Clock,
    pub simulator: Simulator,
    pub config: Config,
    http: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl Builder {
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// Uses this store instead of one of its own.
    pub fn store_url(mut self, url: String) -> Self {
        self.store_url = Some(url);
        self
    }

    /// What the simulated operator allows, instead of what it is documented to allow.
    pub fn simulator_limits(mut self, limits: Limits) -> Self {
        self.simulator_limits = Some(limits);
        self
    }

    pub fn simulator(mut self, config: SimulatorConfig) -> Self {
        self.simulator = config;
        self
    }

    pub fn configure(mut self, configure: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        self.configure = Box::new(configure);
        self
    }

    pub async fn start(self) -> TestServer {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let simulator = Simulator::start(listener, self.simulator, clock.as_fn()).await.unwrap();
        if let Some(limits) = self.simulator_limits {
            simulator.set_limits(OPERATOR, limits);
        }
        let mut config = Config::load(None).unwrap();
        config.store.url = match (self.store_url, self.database) {
            (Some(url), _) => url,
            (None, Database::Sqlite) => format!("sqlite://{}", dir.path().join("simgauge.db").display()),
            (None, Database::Postgres) => new_postgres_database().await,
        };
        // Stories call as often as they like; those of quotas set one.
        config.api.quota_per_second = 0;
        config.secrets.key_file = dir.path().join("key");
        std::fs::write(&config.secrets.key_file, "5a".repeat(32)).unwrap();
        config.operator_accounts = vec![operator_account(LANE, &simulator.base_url(OPERATOR))];
        (self.configure)(&mut config);
        let store = open_store(&config).await.unwrap();
        furnish(&store, &config.sealer().unwrap(), &clock).await;
        store.close().await;
        let mut server = TestServer {
            app: None,
            url: String::new(),
            clock,
            simulator,
            config,
            http: reqwest::Client::builder().build().unwrap(),
            _dir: dir,
        };
        server.start().await;
        server
    }
}

impl TestServer {
    pub async fn start(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = App::start(&self.config, listener, self.clock.clone()).await.unwrap();
        self.url = format!("http://{}", app.address());
        self.app = Some(app);
    }

    pub async fn stop(&mut self) {
        self.app.take().unwrap().stop().await.unwrap();
    }

    pub fn store(&self) -> &Store {
        self.app.as_ref().unwrap().store()
    }

    /// A card's refreshes, newest first.
    pub async fn refreshes_of(&self, number: &str, limit: i64) -> Result<Vec<RefreshView>, StoreError> {
        let card = self.store().card_of_any(number).await?.unwrap();
        self.store().refreshes_of_card(card.id, None, limit).await
    }

    pub fn app(&mut self) -> &mut App {
        self.app.as_mut().unwrap()
    }

    /// The metrics as Prometheus would read them.
    pub fn metrics(&self) -> String {
        self.app.as_ref().unwrap().telemetry().metrics.text().unwrap()
    }

    /// Moves the server's and the operator's clock.
    pub fn travel_to(&self, offset_seconds: i64) {
        self.clock.set_offset_ms(offset_seconds * 1000);
    }

    /// Imports physical cards `89860000000001NNNNN` of the first account.
    pub async fn add_cards(&self, count: u32) -> Vec<String> {
        let numbers: Vec<String> = (0..count).map(|n| format!("89860000000001{n:05}")).collect();
        let rows: Vec<ImportRow> = numbers.iter().map(|number| row(number, number, "acme")).collect();
        import(self.store(), &rows).await;
        numbers
    }
}

pub fn operator_account(name: &str, base_url: &str) -> OperatorAccountConfig {
    OperatorAccountConfig {
        name: name.into(),
        definition: OPERATOR.into(),
        base_url: Some(base_url.into()),
        allow_http: true,
        settings: Default::default(),
        secrets: [
            ("username".to_owned(), SecretSource::Given("sim-user".into())),
            ("api_key".to_owned(), SecretSource::Given("sim-secret".into())),
        ]
        .into(),
        limits: Some(Limits {
            buckets: vec![Bucket { scope: Scope::Credential, limit: 1000, per_seconds: 1 }],
            max_concurrent: 8,
            min_refresh_seconds: 0,
            retry_after_max_seconds: None,
        }),
        time_zone: None,
        billing_day: None,
        step_timeout_seconds: None,
        total_timeout_seconds: None,
    }
}

pub fn row(number: &str, iccid: &str, account: &str) -> ImportRow {
    ImportRow {
        number: number.into(),
        kind: if number == EID { CardKind::CloudEsim } else { CardKind::Sim },
        account: account.into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: iccid.into(),
        operator_account: LANE.into(),
    }
}

pub async fn import(store: &Store, rows: &[ImportRow]) {
    let mut import = store.import().await.unwrap();
    assert!(import.add(rows).await.unwrap().iter().all(Result::is_ok));
    import.commit().await.unwrap();
}

/// Account `acme` (app `k`, and `off`, which is disabled) with the documentation's cards, account `other`
/// (English, app `k2`) with one.
pub async fn furnish(store: &Store, sealer: &Sealer, clock: &Clock) {
    for (account, language) in [("acme", "zh"), ("other", "en")] {
        store.create_account(account, language, clock.now()).await.unwrap();
    }
    for (appkey, account) in [("k", "acme"), ("off", "acme"), ("k2", "other")] {
        let sealed = sealer.seal(SECRET, appkey).unwrap();
        store.create_app(appkey, account, "", &sealed, clock.now()).await.unwrap();
    }
    store.set_app_disabled("off", true).await.unwrap();
    let rows = [
        row(ICCID, ICCID, "acme"),
        row(EID, EID_PROFILES[0], "acme"),
        row(EID, EID_PROFILES[1], "acme"),
        row(OTHERS_ICCID, OTHERS_ICCID, "other"),
    ];
    import(store, &rows).await;
}

pub async fn new_postgres_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let admin = std::env::var("SIMGAUGE_TEST_POSTGRES")
        .expect("SIMGAUGE_TEST_POSTGRES must name a PostgreSQL: scripts/with-postgres sets it");
    let name = format!("it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let pool = sqlx::PgPool::connect(&admin).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let (base, _) = admin.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// The file of an embedded store, opened behind its back.
pub fn sqlite_store(url: &str) -> rusqlite::Connection {
    rusqlite::Connection::open(simgauge_store::sqlite_file(url).unwrap()).unwrap()
}
