//! A lane with everything around it, in a time that stands still.

use crate::operator::{Call, operator, serve};
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::breaker::BreakerRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::limits::Limits;
use simgauge_domain::period::TimeZone;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::retry::RetryRule;
use simgauge_domain::time::UnixMs;
use simgauge_service::clock::Clock;
use simgauge_service::lanes::{self, LaneRegistry, LaneSettings, LaneSetup};
use simgauge_service::lease::LeaseSettings;
use simgauge_service::telemetry::{SlowThresholds, Telemetry, TelemetrySettings, TraceConfig};
use simgauge_service::waiters::Waiters;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Admission, CardRules, ImportRow, LaneRow, RefreshView, Store, Task,
};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub const LANE: &str = "main";
/// The account and the card of stories that need only one.
pub const ACCOUNT: &str = "acme";
pub const CARD: &str = "8986001234567890123";
pub const START: UnixMs = UnixMs(1_800_000_000_000);
const LEASE: Duration = Duration::from_secs(60);
const COOLDOWN: Duration = Duration::from_secs(10);
/// How long, by the real clock, a story waits for what must come.
const REAL_TIME: Duration = Duration::from_secs(60);

/// How a story wants its lane.
pub struct Plan {
    pub max_concurrent: u32,
    pub min_refresh_seconds: u32,
    pub retry: RetryRule,
    pub breaker: BreakerRule,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            max_concurrent: 1,
            min_refresh_seconds: 0,
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

pub struct World {
    pub store: Store,
    pub waiters: Waiters,
    clock: Clock,
    registry: LaneRegistry,
    telemetry: Telemetry,
    settings: LaneSettings,
    setup: Option<LaneSetup>,
    calls: mpsc::UnboundedReceiver<Call>,
    stopping: CancellationToken,
    running: JoinSet<()>,
    accepted: u32,
    /// As long as this thread of the runtime waits, time does not pass by itself.
    _still: std::sync::mpsc::Sender<()>,
    _server: JoinSet<()>,
    _dir: tempfile::TempDir,
}

impl World {
    /// Everything but the lane's work, which begins with [`Self::start`]. The runtime's time must be paused.
    pub async fn new(plan: Plan) -> Self {
        let (still, end) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || end.recv());
        let dir = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", dir.path().join("store.db").display());
        let store = Store::connect(&database, 2).await.unwrap();
        store.migrate().await.unwrap();
        let clock = Clock::standing_at(START);
        let (url, calls, server) = serve().await;
        let setup = lane_setup(&plan, url, &clock);
        let registry = LaneRegistry::new(vec![setup.registry_entry()], None);
        let waiters = Waiters::default();
        let telemetry = telemetry();
        let lease = LeaseSettings { node: "this".into(), duration: LEASE, alone: true };
        let settings = LaneSettings {
            store: store.clone(),
            clock: clock.clone(),
            registry: registry.clone(),
            waiters: waiters.clone(),
            lease,
            poll: Duration::from_secs(1),
            retry: plan.retry,
            breaker: plan.breaker,
            telemetry: telemetry.clone(),
        };
        Self {
            store,
            waiters,
            clock,
            registry,
            telemetry,
            settings,
            setup: Some(setup),
            calls,
            stopping: CancellationToken::new(),
            running: JoinSet::new(),
            accepted: 0,
            _still: still,
            _server: server,
            _dir: dir,
        }
    }

    /// A lane that works on a refresh of one card, and the call that it made.
    pub async fn with_call(plan: Plan) -> (Self, RefreshId, Call) {
        let mut world = Self::new(plan).await;
        world.import(ACCOUNT, &[CARD]).await;
        world.start().await;
        let id = world.accept(ACCOUNT, CARD).await;
        let call = world.next_call().await;
        (world, id, call)
    }

    /// Cards of an account, each its own only profile.
    pub async fn import(&self, account: &str, iccids: &[&str]) {
        self.store.create_account(account, "en", START).await.unwrap();
        let rows: Vec<ImportRow> = iccids.iter().map(|iccid| row(account, iccid)).collect();
        let mut import = self.store.import().await.unwrap();
        for added in import.add(&rows).await.unwrap() {
            added.unwrap();
        }
        import.commit().await.unwrap();
    }

    /// Presses the button: a refresh is accepted and its lane is woken.
    pub async fn accept(&mut self, account: &str, card: &str) -> RefreshId {
        self.accepted += 1;
        let call = AcceptCall {
            account: account.into(),
            appkey: "k".into(),
            kind: CardKind::Sim,
            number: card.into(),
            sign: format!("{:040X}", self.accepted),
            sign_was_used: false,
            id: RefreshId::new(self.now(), self.accepted.into()),
        };
        let rule = AcceptRule::new(COOLDOWN, COOLDOWN);
        let rules = CardRules { sim: rule, cloud_esim: rule };
        let outcomes =
            self.store.accept(&[call], &rules, &|_, _| Admission::Taken, self.now()).await.unwrap();
        let [AcceptOutcome::Accepted { refresh, .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
        self.registry.added(LANE, account);
        refresh.id
    }

    /// Starts the lane; it holds its lease when this returns.
    pub async fn start(&mut self) {
        let setup = self.setup.take().unwrap();
        self.running.spawn(lanes::start(vec![setup], &self.settings, &self.stopping).unwrap());
        let until = self.now().after(LEASE);
        let deadline = Deadline::new("the lane takes its lease");
        while self.store.lanes().await.unwrap().iter().all(|row| row.lease_until != until.0) {
            deadline.retry().await;
        }
    }

    /// Tells the lane to stop; [`Self::join`] waits until it has.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Waits for everything that was started to end.
    pub async fn join(&mut self) {
        let deadline = Deadline::new("the lane ends");
        while !self.running.is_empty() {
            match self.running.try_join_next() {
                Some(ended) => ended.unwrap(),
                None => deadline.retry().await,
            }
        }
    }

    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// Lets time pass, in steps short enough for the lane to renew its lease at each of its heartbeats.
    pub async fn pass(&self, span: Duration) {
        let end = self.now().after(span);
        loop {
            let due = UnixMs(self.lane().await.lease_until).0 - ms(LEASE) + ms(LEASE / 4);
            if due <= self.now().0 {
                self.renewed().await;
            } else if self.now() < end {
                self.jump(Duration::from_millis((due.min(end.0) - self.now().0).unsigned_abs())).await;
            } else {
                return self.settle().await;
            }
        }
    }

    /// Lets time pass at once, for a lane that renews nothing.
    pub async fn jump(&self, span: Duration) {
        self.clock.advance(span);
        tokio::time::advance(span).await;
    }

    async fn renewed(&self) {
        let until = self.now().after(LEASE);
        let deadline = Deadline::new("the lane renews its lease");
        while self.lane().await.lease_until != until.0 {
            deadline.retry().await;
        }
    }

    /// Gives the lane the time to do what it must not do. A lane that keeps its promises makes no use of it.
    async fn settle(&self) {
        for _ in 0..30 {
            self.store.ping().await.unwrap();
        }
    }

    /// What the store says of the lane.
    pub async fn lane(&self) -> LaneRow {
        self.store.lanes().await.unwrap().into_iter().find(|row| row.name == LANE).unwrap()
    }

    /// How the lane shows itself, once it has renewed its lease again.
    pub async fn health(&self) -> String {
        self.pass(LEASE / 4).await;
        let status: serde_json::Value = serde_json::from_str(&self.lane().await.status).unwrap();
        status["health"].as_str().unwrap().to_owned()
    }

    /// The next call at the operator.
    pub async fn next_call(&mut self) -> Call {
        let deadline = Deadline::new("a call at the operator");
        loop {
            match self.calls.try_recv() {
                Ok(call) => return call,
                Err(_) => deadline.retry().await,
            }
        }
    }

    pub async fn no_call(&mut self) {
        self.settle().await;
        if let Ok(call) = self.calls.try_recv() {
            panic!("SIM {} was read at {}", call.iccid, self.now().0 - START.0);
        }
    }

    /// Lets exactly so much time pass until the next call: not a millisecond less.
    pub async fn next_call_after(&mut self, span: Duration) -> Call {
        self.pass(span - Duration::from_millis(1)).await;
        self.no_call().await;
        self.pass(Duration::from_millis(1)).await;
        self.next_call().await
    }

    pub async fn refresh(&self, account: &str, id: &RefreshId) -> RefreshView {
        self.store.refresh(account, id).await.unwrap().unwrap()
    }

    /// A refresh once it has ended.
    pub async fn ended(&self, account: &str, id: &RefreshId) -> RefreshView {
        let deadline = Deadline::new("the refresh ends");
        loop {
            let refresh = self.refresh(account, id).await;
            if matches!(refresh.state, RefreshState::Succeeded | RefreshState::Failed) {
                return refresh;
            }
            deadline.retry().await;
        }
    }

    pub async fn waiting(&self, account: &str) -> Vec<Task> {
        self.store.tasks_after(LANE, account, None, 100).await.unwrap()
    }

    /// The waiting task of a card once it has failed so often.
    pub async fn put_off(&self, account: &str, card: &str, attempts: u32) -> Task {
        let deadline = Deadline::new("the reading is put off");
        loop {
            let mut waiting = self.waiting(account).await.into_iter();
            match waiting.find(|task| task.number == card && task.attempts == attempts) {
                Some(task) => return task,
                None => deadline.retry().await,
            }
        }
    }

    /// Waits until this process no longer works the lane.
    pub async fn lane_left(&self) {
        let deadline = Deadline::new("the lane is left");
        let line = format!(r#"simgauge_lane_held{{lane="{LANE}"}} 0"#);
        while !self.telemetry.metrics.text().unwrap().lines().any(|held| held == line) {
            deadline.retry().await;
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
struct Deadline {
    what: &'static str,
    until: Instant,
}

impl Deadline {
    fn new(what: &'static str) -> Self {
        Self { what, until: Instant::now() + REAL_TIME }
    }

    async fn retry(&self) {
        assert!(Instant::now() < self.until, "not in time: {}", self.what);
        tokio::task::yield_now().await;
    }
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap()
}

fn row(account: &str, iccid: &str) -> ImportRow {
    ImportRow {
        number: iccid.into(),
        kind: CardKind::Sim,
        account: account.into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: iccid.into(),
        operator_account: LANE.into(),
    }
}

fn telemetry() -> Telemetry {
    let settings = TelemetrySettings {
        lanes: vec![LANE],
        store: "sqlite",
        slow: SlowThresholds::default(),
        trace: &TraceConfig { endpoint: String::new(), share: 0.0 },
    };
    Telemetry::new(settings, Vec::new()).unwrap()
}

fn lane_setup(plan: &Plan, url: String, clock: &Clock) -> LaneSetup {
    LaneSetup {
        name: LANE.into(),
        operator: operator(LANE, url, clock),
        limits: Limits {
            buckets: Vec::new(),
            max_concurrent: plan.max_concurrent,
            min_refresh_seconds: plan.min_refresh_seconds,
        },
        declared_lag_seconds: None,
        calls_per_reading: 1,
        zone: TimeZone::UTC,
        billing_day: None,
    }
}
