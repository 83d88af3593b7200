//! The configuration: every setting, with its checks.
//!
//! The default values are in `config.default.toml`, which also documents each setting. The structs here do
//! not repeat that.

mod api;
mod check;
mod console;
mod guard;
mod lanes;
mod load;
mod notify;
mod operators;
mod root;
mod server;
mod store;
mod telemetry;

pub use api::{ApiConfig, DocsConfig, RefreshConfig, UsageConfig};
pub use lanes::LanesConfig;
pub use load::DEFAULTS;
pub use operators::{OperatorAccountConfig, OperatorsConfig, SecretSource};
pub use root::Config;
pub use server::{Role, ServerConfig};
pub use store::{SecretsConfig, StoreConfig};
pub use telemetry::{LogConfig, LogFormat, MetricsConfig};
