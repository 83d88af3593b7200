//! Who works what: leases, paused lanes, and telling other nodes that there is work.

pub(crate) mod lease;
pub(crate) mod limit;
pub(crate) mod pause;
pub(crate) mod wakeup;

pub use lease::{Before, LaneRow, Lease, LeaseKind};
pub use limit::LaneHold;
pub use pause::LanePause;
pub use wakeup::{Wakeup, Wakeups};
