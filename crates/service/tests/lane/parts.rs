//! What the stories' world is made of.

use crate::operator::operator;
use crate::support::{LANE, OTHER_LANE};
use simgauge_domain::breaker::BreakerRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::limits::Limits;
use simgauge_domain::period::TimeZone;
use simgauge_domain::retry::RetryRule;
use simgauge_service::clock::Clock;
use simgauge_service::lanes::LaneSetup;
use simgauge_service::telemetry::{SlowThresholds, Telemetry, TelemetrySettings, TraceConfig};
use simgauge_store::ImportRow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long, by the real clock, a story waits for what must come.
const REAL_TIME: Duration = Duration::from_secs(60);

/// How a story wants its lane.
pub struct Plan {
    pub max_concurrent: u32,
    pub min_refresh_seconds: u32,
    pub retry_after_max_seconds: Option<u32>,
    pub retry: RetryRule,
    pub breaker: BreakerRule,
    pub begin_within: Option<Duration>,
    pub postgres: bool,
    /// Whether a second lane is worked beside the first, towards an operator of its own.
    pub other_lane: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            max_concurrent: 1,
            min_refresh_seconds: 0,
            retry_after_max_seconds: None,
            begin_within: Some(Duration::from_secs(900)),
            postgres: false,
            other_lane: false,
            retry: RetryRule {
                first_pause: Duration::from_secs(2),
                longest_pause: Duration::from_secs(8),
                deadline: Duration::from_secs(300),
            },
            breaker: BreakerRule {
                failures: 100,
                first_pause: Duration::from_secs(30),
                longest_pause: Duration::from_secs(300),
            },
        }
    }
}

/// What a task of a story answers.
pub async fn ended<T>(task: JoinHandle<T>) -> T {
    let deadline = Deadline::new("the task ends");
    while !task.is_finished() {
        deadline.retry().await;
    }
    task.await.unwrap()
}

/// Bounds a loop that polls for an event. It goes by the real clock.
pub struct Deadline {
    what: &'static str,
    until: Instant,
}

impl Deadline {
    pub fn new(what: &'static str) -> Self {
        Self { what, until: Instant::now() + REAL_TIME }
    }

    pub async fn retry(&self) {
        assert!(Instant::now() < self.until, "not in time: {}", self.what);
        tokio::task::yield_now().await;
    }
}

pub fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap()
}

pub fn row(lane: &str, account: &str, iccid: &str) -> ImportRow {
    ImportRow {
        number: iccid.into(),
        kind: CardKind::Sim,
        account: account.into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: iccid.into(),
        operator_account: lane.into(),
    }
}

pub fn telemetry() -> Telemetry {
    let settings = TelemetrySettings {
        lanes: vec![LANE, OTHER_LANE],
        store: "sqlite",
        slow: SlowThresholds::default(),
        trace: &TraceConfig { endpoint: String::new(), share: 0.0 },
    };
    Telemetry::new(settings, Vec::new()).unwrap()
}

pub fn lane_setups(plan: &Plan, url: &str, other_url: Option<&str>, clock: &Clock) -> Vec<LaneSetup> {
    let main = lane_setup(LANE, plan, url.to_owned(), clock);
    let other = other_url.map(|url| lane_setup(OTHER_LANE, plan, url.to_owned(), clock));
    std::iter::once(main).chain(other).collect()
}

pub fn lane_setup(name: &str, plan: &Plan, url: String, clock: &Clock) -> LaneSetup {
    LaneSetup {
        name: name.into(),
        operator: operator(name, url, clock),
        limits: Limits {
            buckets: Vec::new(),
            max_concurrent: plan.max_concurrent,
            min_refresh_seconds: plan.min_refresh_seconds,
            retry_after_max_seconds: plan.retry_after_max_seconds,
        },
        declared_lag_seconds: None,
        calls_per_reading: 1,
        zone: TimeZone::UTC,
        billing_day: None,
    }
}

/// A database of its own in the cluster that `SIMGAUGE_TEST_POSTGRES` names.
pub async fn new_postgres_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let admin = std::env::var("SIMGAUGE_TEST_POSTGRES").expect(
        "SIMGAUGE_TEST_POSTGRES must name a PostgreSQL; run the tests with scripts/test or \
         scripts/with-postgres",
    );
    let name = format!("lane_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let pool = sqlx::PgPool::connect(&admin).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let (base, _) = admin.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}
