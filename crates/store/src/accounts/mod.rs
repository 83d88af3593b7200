//! Accounts, and their apps: appkeys with secrets.

mod account;
mod app;
mod quota;

pub use account::Account;
pub use app::{App, SealAnew};
pub use quota::StoredQuota;
