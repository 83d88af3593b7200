//! Lanes: the one queue towards each operator account, worked by one node at a time.

mod lane;
mod pacer;
mod registry;
mod result_writer;
mod results;
mod settings;
mod setup;
mod start;
mod watch;
mod window;

pub use registry::{LaneRegistry, Queue};
pub use settings::LaneSettings;
pub use setup::LaneSetup;
pub use start::{start, watch};
