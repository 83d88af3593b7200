#![doc = include_str!("../README.md")]

mod answer;
mod card;
mod content_encoding;
mod docs;
mod gate;
mod health;
mod held_answers;
mod history;
pub mod metrics_listener;
mod operation;
mod overload_delay;
mod poll;
mod read_share;
mod refresh;
mod refresh_usage;
mod replay;
mod router;
pub mod server;
mod state;

pub use gate::asked_language;
pub use overload_delay::OverloadDelay;
pub use router::{health_router, router};
pub use state::{ApiSettings, ApiState};
