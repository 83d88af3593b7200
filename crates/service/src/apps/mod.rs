//! Who may call the open API: every app in memory, with its secrets, networks and quotas.

mod directory;
mod quota;

pub use directory::{AppDirectory, AppEntry};
pub use quota::UsedUp;
