//! What a lane promises, told as stories. The store is real, the operator is the story's own, and time passes
//! only where a story lets it.
#![allow(clippy::unwrap_used)]

mod breaker;
mod damaged;
mod lease;
mod operator;
mod parts;
mod queue;
mod reading;
mod remaining;
mod support;
mod waiting;
