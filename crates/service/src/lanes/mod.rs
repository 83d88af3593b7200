//! Lanes: the one queue towards each operator account, worked by one node at a time.

mod attempt;
mod context;
mod judge;
mod lane;
mod lane_writer;
mod other_nodes;
mod pacer;
mod registry;
mod result_writer;

mod running;
mod session;
mod settings;
mod setup;
mod start;
mod starter;
mod status;
mod window;

pub use registry::{LaneRegistry, Queue};
pub use settings::LaneSettings;
pub use setup::LaneSetup;
pub use start::{start, watch};
