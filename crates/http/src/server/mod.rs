//! The server of the open API: connections that are limited in number and in time, and that end gracefully.

mod caller_runtime;
mod connection;
mod deadlines;
mod limits;
mod listener;
mod tls;

pub use caller_runtime::CallerRuntime;
pub use limits::ConnectionLimits;
pub use listener::serve;
pub use tls::{Tls, TlsFiles};
