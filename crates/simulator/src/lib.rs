//! The operator simulator: a real HTTP server that speaks the operators' APIs, with usage that grows, their limits
//! enforced and faults on demand.
//!
//! Operator `X` lives under `http://HOST:PORT/X`, followed by the paths its documentation gives; the path of its
//! documented base URL may be left out. `/X@TAG` is an independent copy of it: own limits, faults, counts and SIMs.
//! Everywhere the user (client id, app id) is `sim-user` and the password (secret, key) `sim-secret`.
//!
//! Every SIM exists, unless its ICCID starts with [`UNKNOWN_PREFIX`].

mod config;
mod control;
mod faults;
mod figures;
mod instance;
mod limits;
mod operators;
mod output;
mod server;
mod sims;
mod stats;
mod tokens;
mod wire;

pub use config::{Clock, SimulatorConfig};
pub use faults::{Fault, FaultScope, FaultSpan};
pub use sims::UNKNOWN_PREFIX;
pub use stats::{Stats, ViolationNote};

use instance::Instance;
use server::Shared;
use simgauge_domain::limits::Limits;
use sims::lock;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running simulator. Clones are handles to the same one; it stops with the last of them.
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
    /// When the listener has no address.
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

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where an operator lives: `http://127.0.0.1:PORT/OPERATOR`.
    #[must_use]
    pub fn base_url(&self, operator: &str) -> String {
        format!("http://{}/{operator}", self.address)
    }

    /// The names of all operators it speaks.
    #[must_use]
    pub fn operators() -> Vec<&'static str> {
        operators::OPERATORS.iter().map(|operator| operator.name()).collect()
    }

    /// Makes an operator go wrong: for one SIM, or for every call (log-ins too, where the fault makes sense there).
    /// A delay adds to another fault; otherwise the latest fault of a scope holds, and a SIM's own before the operator's.
    ///
    /// # Panics
    /// This and every other method that names an operator panics when there is none of that name.
    #[track_caller]
    pub fn set_fault(&self, operator: &str, iccid: Option<&str>, fault: Fault, until: FaultSpan) {
        let instance = self.instance(operator);
        let scope = iccid.map_or(FaultScope::Operator, |iccid| {
            FaultScope::Sim(instance.operator.canonical(iccid).to_owned())
        });
        instance.faults.set(scope, fault, until);
    }

    /// Makes only an operator's log-in go wrong.
    #[track_caller]
    pub fn set_login_fault(&self, operator: &str, fault: Fault, until: FaultSpan) {
        self.instance(operator).faults.set(FaultScope::Login, fault, until);
    }

    /// Ends all faults of all operators.
    pub fn clear_faults(&self) {
        for instance in self.shared.used_instances() {
            instance.faults.clear();
        }
    }

    /// Sets a SIM's usage, up or down; growth goes on from there.
    #[track_caller]
    pub fn set_usage(&self, operator: &str, iccid: &str, bytes: u64) {
        let instance = self.instance(operator);
        instance.sims.set(instance.operator.canonical(iccid), bytes, self.shared.now());
    }

    /// Adds to a SIM's usage.
    #[track_caller]
    pub fn inject(&self, operator: &str, iccid: &str, bytes: u64) {
        let instance = self.instance(operator);
        instance.sims.inject(instance.operator.canonical(iccid), bytes);
    }

    /// What the SIM's next reading would be now.
    #[track_caller]
    #[must_use]
    pub fn usage(&self, operator: &str, iccid: &str) -> u64 {
        let instance = self.instance(operator);
        let now = self.shared.now();
        instance.sims.peek(instance.operator.canonical(iccid), |sim| sim.used(&self.shared.config, now))
    }

    /// Makes a SIM unknown to an operator, or known again.
    #[track_caller]
    pub fn set_unknown(&self, operator: &str, iccid: &str, unknown: bool) {
        let instance = self.instance(operator);
        instance.sims.set_unknown(instance.operator.canonical(iccid), unknown);
    }

    /// Replaces an operator's limits; its windows start empty.
    #[track_caller]
    pub fn set_limits(&self, operator: &str, limits: Limits) {
        self.instance(operator).gate.set_limits(limits);
    }

    /// What an operator has seen so far.
    #[track_caller]
    #[must_use]
    pub fn stats(&self, operator: &str) -> Stats {
        self.instance(operator).stats()
    }

    /// Waits until what an operator has seen satisfies `enough`, and returns it.
    pub async fn wait_until(&self, operator: &str, enough: impl Fn(&Stats) -> bool) -> Stats {
        let instance = self.instance(operator);
        loop {
            let changed = instance.ledger.changed.notified();
            tokio::pin!(changed);
            // Interest is registered before looking, so that no change slips in between.
            changed.as_mut().enable();
            let stats = instance.stats();
            if enough(&stats) {
                return stats;
            }
            changed.await;
        }
    }

    /// Stops serving and closes every connection. Further calls find nothing to do.
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
