//! One reading: a profile is asked for at its operator, under the lane's limits.

use simgauge_domain::reading::Reading;
use simgauge_operators::{CallGate, Operator, ProfileRef, ReadError};
use simgauge_store::Task;

/// A believed answer, or why there is none.
pub(crate) type ReadOutcome = Result<Reading, ReadError>;

/// Asks the operator.
pub(crate) async fn read_profile(operator: &Operator, task: &Task, gate: &dyn CallGate) -> ReadOutcome {
    let profile = ProfileRef { iccid: &task.key.iccid, eid: task.eid.as_deref() };
    operator.read(&profile, gate).await
}
