use crate::operator::Operator;
use crate::state::OperatorState;
use simgauge_domain::time::UnixMs;

/// One copy of one operator, under its own name.
#[derive(Debug)]
pub(crate) struct Instance {
    /// The operator's name, with its tag where it has one.
    pub(crate) name: String,
    pub(crate) operator: &'static Operator,
    pub(crate) state: OperatorState,
}

impl Instance {
    pub(crate) fn new(name: String, operator: &'static Operator, start: UnixMs) -> Self {
        Self { name, operator, state: OperatorState::new(operator.limits(), start, operator.lists_sims) }
    }

    /// How many usage calls about this SIM have arrived.
    pub(crate) fn calls_about(&self, iccid: &str) -> u32 {
        self.state.sims.peek((self.operator.canonical)(iccid), |sim| sim.calls)
    }
}
