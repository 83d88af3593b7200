//! A lane with everything around it, in a time that stands still.

use crate::operator::{Call, serve};
pub use crate::parts::Plan;
use crate::parts::{Deadline, lane_setups, ms, new_postgres_database, row, telemetry};
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use simgauge_service::clock::Clock;
use simgauge_service::lanes::{self, LaneRegistry, LaneSettings, LaneSetup};
use simgauge_service::lease::LeaseSettings;
use simgauge_service::telemetry::Telemetry;
use simgauge_service::waiters::Waiters;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Admission, CardRules, ImportRow, LaneRow, RefreshView, Store, Task,
};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub const LANE: &str = "main";
pub const OTHER_LANE: &str = "other";
/// The account and the card of stories that need only one.
pub const ACCOUNT: &str = "acme";
pub const CARD: &str = "8986001234567890123";
pub const START: UnixMs = UnixMs(1_800_000_000_000);
const LEASE: Duration = Duration::from_secs(60);
const COOLDOWN: Duration = Duration::from_secs(10);

pub struct World {
    pub store: Store,
    pub waiters: Waiters,
    clock: Clock,
    registry: LaneRegistry,
    telemetry: Telemetry,
    settings: LaneSettings,
    plan: Plan,
    url: String,
    other_url: Option<String>,
    database: String,
    calls: mpsc::UnboundedReceiver<Call>,
    /// The calls at the other lane's operator.
    other_calls: mpsc::UnboundedReceiver<Call>,
    stopping: CancellationToken,
    running: JoinSet<()>,
    accepted: u32,
    /// As long as this thread of the runtime waits, time does not pass by itself.
    _still: std::sync::mpsc::Sender<()>,
    _servers: [JoinSet<()>; 2],
    _dir: tempfile::TempDir,
}

impl World {
    /// Everything but the lane's work, which begins with [`Self::start`]. The runtime's time must be paused.
    pub async fn new(plan: Plan) -> Self {
        let (still, end) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || end.recv());
        let dir = tempfile::tempdir().unwrap();
        let database = match plan.postgres {
            false => format!("sqlite://{}", dir.path().join("store.db").display()),
            true => new_postgres_database().await,
        };
        let store = Store::connect(&database, 2).await.unwrap();
        store.migrate().await.unwrap();
        let clock = Clock::standing_at(START);
        let (url, calls, server) = serve().await;
        let (other_url, other_calls, other_server) = serve().await;
        let other_url = plan.other_lane.then_some(other_url);
        let setups = lane_setups(&plan, &url, other_url.as_deref(), &clock);
        let entries = setups.iter().map(LaneSetup::registry_entry).collect();
        let registry = LaneRegistry::new(entries, Some(Duration::from_secs(900)));
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
            begin_within: plan.begin_within,
            retry: plan.retry,
            breaker: plan.breaker,
            telemetry: telemetry.clone(),
            guard: simgauge_domain::guard::rule::GuardRule::default(),
        };
        Self {
            store,
            waiters,
            clock,
            registry,
            telemetry,
            settings,
            plan,
            url,
            other_url,
            database,
            calls,
            other_calls,
            stopping: CancellationToken::new(),
            running: JoinSet::new(),
            accepted: 0,
            _still: still,
            _servers: [server, other_server],
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
        self.import_to(LANE, account, iccids).await;
    }

    /// Cards of an account that is there, at a lane's operator.
    pub async fn import_to(&self, lane: &str, account: &str, iccids: &[&str]) {
        let rows: Vec<ImportRow> = iccids.iter().map(|iccid| row(lane, account, iccid)).collect();
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
            is_exact: false,
            sign_was_used: false,
            id: RefreshId::new(self.now(), self.accepted.into()),
        };
        let rule = AcceptRule::new(COOLDOWN, COOLDOWN);
        let rules = CardRules { sim: rule, cloud_esim: rule };
        let outcomes =
            self.store.accept(&[call], &rules, &|_, _| Admission::Taken, self.now()).await.unwrap();
        let [AcceptOutcome::Accepted { refresh, tasks }] = &outcomes[..] else { panic!("{outcomes:?}") };
        for task in tasks {
            self.registry.added(&task.lane, account);
        }
        refresh.id
    }

    /// Starts the lane; it holds its lease when this returns.
    pub async fn start(&mut self) {
        let setups = lane_setups(&self.plan, &self.url, self.other_url.as_deref(), &self.clock);
        self.running.spawn(lanes::start(setups, &self.settings, &self.stopping).unwrap());
        let until = self.now().after(LEASE);
        let deadline = Deadline::new("the lane takes its lease");
        while self.store.lanes().await.unwrap().iter().all(|row| row.lease_until != until.0) {
            deadline.retry().await;
        }
    }

    /// Stops the lane and starts it anew, as a new process does.
    pub async fn restart(&mut self) {
        self.stop();
        self.join().await;
        self.stopping = CancellationToken::new();
        self.start().await;
    }

    /// About how long a caller of this account is told to wait, and how its operator is said to be.
    pub fn wait_of(&self, account: &str) -> (Option<u64>, &'static str) {
        let operator = self.registry.operator([LANE], self.now()).unwrap();
        (self.registry.estimate(LANE, account, None, self.now()), operator.state.as_str())
    }

    /// Waits until the operator is said to be so.
    pub async fn said_to_be(&self, state: &'static str) {
        let deadline = Deadline::new(state);
        while self.wait_of(ACCOUNT).1 != state {
            deadline.retry().await;
        }
    }

    /// Whether one more refresh would be accepted.
    pub fn admits(&self, account: &str) -> bool {
        self.registry.admit(LANE, account, self.now()) == Admission::Taken
    }

    /// Runs a statement behind the store's back.
    pub async fn run_raw(&self, sql: &str) {
        match simgauge_store::sqlite_file(&self.database) {
            Some(file) => rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap(),
            None => {
                let pool = sqlx::PgPool::connect(&self.database).await.unwrap();
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap();
            }
        }
    }

    /// A metric's value, by its line's beginning.
    pub fn metric(&self, name: &str) -> Option<String> {
        let text = self.telemetry.metrics.text().unwrap();
        let mut lines = text.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
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

    /// The calls that the operator has got by now.
    pub async fn calls(&mut self) -> Vec<Call> {
        self.settle().await;
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }

    /// The next call at the other lane's operator.
    pub async fn other_lane_call(&mut self) -> Call {
        let limit = Deadline::new("a call at the other operator");
        loop {
            match self.other_calls.try_recv() {
                Ok(call) => return call,
                Err(_) => limit.retry().await,
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
        let found = self.store.tasks_after(LANE, account, None, 100).await.unwrap();
        found.into_iter().map(Result::unwrap).collect()
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
