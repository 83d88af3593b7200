use crate::config::{Clock, SimulatorConfig};
use crate::credentials;
use crate::faults::{Fault, FaultScope, FaultSpan};
use crate::instance::Instance;
use crate::operators;
use crate::server;
use crate::shared::Shared;
use crate::stats::Stats;
use crate::sync::lock;
use simgauge_domain::limits::Limits;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running simulator. Clones are handles to the same one. It stops with the last of them.
#[derive(Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
    running: Arc<Running>,
    address: SocketAddr,
}

struct Running {
    stop: watch::Sender<bool>,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Simulator {
    /// Starts to serve on `listener`.
    ///
    /// # Errors
    /// The listener has no address.
    #[allow(clippy::unused_async, reason = "needs a runtime to spawn on, and may need to wait one day")]
    pub async fn start(
        listener: TcpListener,
        config: SimulatorConfig,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(config, clock));
        let (stop, stopped) = watch::channel(false);
        // The server ends when `stop` is dropped too: with the last handle.
        let server = tokio::spawn(server::run(listener, Arc::clone(&shared), stopped));
        let running = Arc::new(Running { stop, server: Mutex::new(Some(server)) });
        Ok(Self { shared, running, address })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base URL of an operator: `http://127.0.0.1:PORT/OPERATOR`.
    #[must_use]
    pub fn base_url(&self, operator: &str) -> String {
        format!("http://{}/{operator}", self.address)
    }

    /// The names of all operators.
    #[must_use]
    pub fn operators() -> Vec<&'static str> {
        operators::names().collect()
    }

    /// What an operator accepts as its secret of that name. `identifies` says whether that names who asks.
    #[must_use]
    pub fn accepted_secret(operator: &str, secret: &str, identifies: bool) -> &'static str {
        credentials::accepted(operator, secret, identifies)
    }

    /// Sets a fault for one SIM, or for every call (log-ins too, where the fault makes sense there). A delay
    /// adds to another fault. Otherwise the latest fault of a scope counts, and a SIM's own before the
    /// operator's. In an answer about many SIMs only [`Fault::WrongCard`] and [`Fault::Unchanged`] concern
    /// one of them.
    ///
    /// # Panics
    /// This and every other method that names an operator panics when there is none of that name.
    #[track_caller]
    pub fn set_fault(&self, operator: &str, iccid: Option<&str>, fault: Fault, until: FaultSpan) {
        let instance = self.instance(operator);
        let scope = iccid.map_or(FaultScope::Operator, |iccid| {
            FaultScope::Sim((instance.operator.canonical)(iccid).to_owned())
        });
        instance.state.faults.set(scope, fault, until);
    }

    /// Sets a fault for log-ins only.
    #[track_caller]
    pub fn set_login_fault(&self, operator: &str, fault: Fault, until: FaultSpan) {
        self.instance(operator).state.faults.set(FaultScope::Login, fault, until);
    }

    /// Ends all faults of all operators.
    pub fn clear_faults(&self) {
        for instance in self.shared.used_instances() {
            instance.state.faults.clear();
        }
    }

    /// Sets a SIM's usage, up or down. It grows on from there.
    #[track_caller]
    pub fn set_usage(&self, operator: &str, iccid: &str, bytes: u64) {
        let instance = self.instance(operator);
        instance.state.sims.set((instance.operator.canonical)(iccid), bytes, self.shared.now());
    }

    /// Adds bytes to a SIM's usage.
    #[track_caller]
    pub fn inject(&self, operator: &str, iccid: &str, bytes: u64) {
        let instance = self.instance(operator);
        instance.state.sims.inject((instance.operator.canonical)(iccid), bytes);
    }

    /// What the SIM's next reading would be now, in bytes.
    #[track_caller]
    #[must_use]
    pub fn usage(&self, operator: &str, iccid: &str) -> u64 {
        let instance = self.instance(operator);
        let now = self.shared.now();
        instance
            .state
            .sims
            .peek((instance.operator.canonical)(iccid), |sim| sim.used(&self.shared.config, now))
    }

    /// Makes a SIM unknown to an operator, or known again.
    #[track_caller]
    pub fn set_unknown(&self, operator: &str, iccid: &str, unknown: bool) {
        let instance = self.instance(operator);
        instance.state.sims.set_unknown((instance.operator.canonical)(iccid), unknown);
    }

    /// Gives every SIM of an operator that has ids of its own another one. Nobody is known by the ids before.
    #[track_caller]
    pub fn change_ids(&self, operator: &str) {
        self.instance(operator).state.change_ids();
    }

    /// Replaces an operator's limits. Its windows start empty.
    #[track_caller]
    pub fn set_limits(&self, operator: &str, limits: Limits) {
        self.instance(operator).state.gate.set_limits(limits);
    }

    #[track_caller]
    #[must_use]
    pub fn stats(&self, operator: &str) -> Stats {
        Stats::of(&self.instance(operator))
    }

    /// Waits until `enough` holds for an operator's statistics, and returns them.
    pub async fn wait_until(&self, operator: &str, enough: impl Fn(&Stats) -> bool) -> Stats {
        let instance = self.instance(operator);
        loop {
            let changed = instance.state.ledger.changed.notified();
            tokio::pin!(changed);
            // Interest is registered before looking, so that no change slips in between.
            changed.as_mut().enable();
            let stats = Stats::of(&instance);
            if enough(&stats) {
                return stats;
            }
            changed.await;
        }
    }

    /// Stops serving and closes every connection. A further call does nothing.
    pub async fn shutdown(&self) {
        let _ = self.running.stop.send(true);
        let server = lock(&self.running.server).take();
        if let Some(server) = server {
            let _ = server.await;
        }
    }

    #[track_caller]
    fn instance(&self, operator: &str) -> Arc<Instance> {
        match self.shared.instance(operator) {
            Some(instance) => instance,
            None => panic!("the simulator has no operator {operator:?}"),
        }
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("address", &self.address).finish_non_exhaustive()
    }
}
