//! Who may use the console, and their sessions.

mod admin;
mod role;
mod session;

pub use admin::Admin;
pub use role::AdminRole;
pub use session::Session;
