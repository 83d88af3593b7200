//! What all connections share.

use crate::config::{Clock, SimulatorConfig};
use crate::instance::Instance;
use crate::operators;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Copies of operators that one simulator makes. A client that invents tags must not fill the memory.
const MAX_INSTANCES: usize = 10_000;

pub(crate) struct Shared {
    pub(crate) config: SimulatorConfig,
    clock: Clock,
    start: UnixMs,
    instances: RwLock<HashMap<String, Arc<Instance>>>,
}

impl Shared {
    pub(crate) fn new(config: SimulatorConfig, clock: Clock) -> Self {
        let start = config.growth_since.unwrap_or_else(|| clock());
        Self { config, clock, start, instances: RwLock::default() }
    }

    pub(crate) fn now(&self) -> UnixMs {
        (self.clock)()
    }

    /// The operator of that name (`name` or `name@tag`), made on first use.
    pub(crate) fn instance(&self, name: &str) -> Option<Arc<Instance>> {
        if let Some(found) = self.instances.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(Arc::clone(found));
        }
        let operator = operators::find(name.split_once('@').map_or(name, |(operator, _)| operator))?;
        let mut instances = self.instances.write().unwrap_or_else(PoisonError::into_inner);
        if instances.len() >= MAX_INSTANCES && !instances.contains_key(name) {
            return None;
        }
        let instance = instances
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Instance::new(name.to_owned(), operator, self.start)));
        Some(Arc::clone(instance))
    }

    /// Every operator used so far, by name.
    pub(crate) fn used_instances(&self) -> Vec<Arc<Instance>> {
        let mut all: Vec<_> =
            self.instances.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}
