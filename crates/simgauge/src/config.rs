//! The configuration: the defaults in `config.default.toml`, then the user's file, then the environment; checked once.

use anyhow::{Context as _, bail};
use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use simgauge_console::ConsoleConfig;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::breaker::BreakerRule;
use simgauge_domain::limits::Limits;
use simgauge_domain::origin::{ForwardedHeader, deserialize_networks};
use simgauge_domain::period::{BillingDay, TimeZone};
use simgauge_domain::retry::RetryRule;
use simgauge_http::server::{Limits as ConnectionLimits, TlsFiles};
use simgauge_service::intake::SteadyBeat;
use simgauge_service::outbox::NotifyConfig;
use simgauge_service::secrets::Sealer;
use simgauge_service::telemetry::TraceConfig;
use simgauge_store::{CardRules, StoredQuota};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The only defaults, documented where they stand.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The listener.
    pub server: Server,
    /// The database.
    pub store: StoreConfig,
    /// Logs.
    pub log: Log,
    /// Metrics.
    pub metrics: MetricsConfig,
    /// Traces.
    pub trace: TraceConfig,
    /// The open API.
    pub api: Api,
    /// Pages that describe it.
    pub docs: Docs,
    /// Rules of a refresh.
    pub refresh: Refresh,
    /// Days and history.
    pub usage: Usage,
    /// How lanes are worked.
    pub lanes: Lanes,
    /// Telling accounts.
    pub notify: NotifyConfig,
    /// The console.
    pub console: ConsoleConfig,
    /// Keys.
    pub secrets: Secrets,
    /// Operator definitions.
    pub operators: Operators,
    /// Logins at operators.
    #[serde(default, rename = "operator_account")]
    pub operator_accounts: Vec<OperatorAccountConfig>,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
// config.default.toml documents each field of this and the following sections.
pub struct Server {
    pub listen: SocketAddr,
    pub role: Role,
    pub max_in_flight: usize,
    pub stop_timeout_seconds: u64,
    pub max_connections: usize,
    pub head_timeout_seconds: u64,
    pub body_timeout_seconds: u64,
    pub idle_timeout_seconds: u64,
    #[serde(deserialize_with = "deserialize_networks")]
    pub trusted_proxies: Vec<IpNet>,
    pub forwarded_by: ForwardedHeader,
    pub tls: TlsFiles,
}

impl Server {
    /// What a connection may take.
    #[must_use]
    pub fn limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            connections: self.max_connections,
            head: Duration::from_secs(self.head_timeout_seconds),
            body: Duration::from_secs(self.body_timeout_seconds),
            idle: Duration::from_secs(self.idle_timeout_seconds),
        }
    }
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Both.
    All,
    /// Answers the open API.
    Api,
    /// Works lanes; answers health checks only.
    Worker,
}

impl Role {
    /// Whether it answers the open API.
    #[must_use]
    pub const fn answers(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }

    /// Whether it works lanes.
    #[must_use]
    pub const fn works(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }
}

/// `[store]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    pub url: String,
    pub connections: u32,
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL can hold a password.
        f.debug_struct("StoreConfig").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
    pub slow_call_ms: u64,
    pub slow_reading_ms: u64,
    pub slow_commit_ms: u64,
}

/// `[metrics]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    #[serde(deserialize_with = "address_or_none")]
    pub listen: Option<SocketAddr>,
}

/// An address, or nothing where the text is empty.
fn address_or_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| serde::de::Error::custom("metrics.listen must be ADDRESS:PORT, or empty"))
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[api]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    pub timestamp_window_seconds: u64,
    pub app_reload_seconds: u64,
    pub quota_per_second: u32,
    pub quota_burst: u32,
}

impl Api {
    /// The quota of accounts without one of their own.
    #[must_use]
    pub fn account_quota(&self) -> StoredQuota {
        StoredQuota { per_second: self.quota_per_second, burst: self.quota_burst }
    }
}

/// `[docs]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Docs {
    pub enabled: bool,
}

/// `[refresh]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    pub sim_cooldown_seconds: u64,
    pub cloud_esim_cooldown_seconds: u64,
    pub deadline_seconds: u64,
    pub first_pause_seconds: f64,
    pub longest_pause_seconds: f64,
    pub max_wait_seconds: u64,
    pub accept_queue: usize,
    pub steady_beat: SteadyBeat,
}

/// `[usage]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    pub time_zone: String,
    pub keep_readings_days: u32,
}

/// `[lanes]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    pub lease_seconds: u64,
    pub poll_seconds: f64,
    pub breaker_failures: u32,
    pub breaker_pause_seconds: f64,
    pub breaker_longest_pause_seconds: f64,
}

/// `[secrets]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub key_file: PathBuf,
}

/// `[operators]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operators {
    pub definitions_dir: PathBuf,
}

/// `[[operator_account]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorAccountConfig {
    pub name: String,
    pub definition: String,
    pub base_url: Option<String>,
    #[serde(default)]
    pub allow_http: bool,
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretSource>,
    pub limits: Option<Limits>,
    pub time_zone: Option<String>,
    pub billing_day: Option<BillingDay>,
    pub step_timeout_seconds: Option<u64>,
    pub total_timeout_seconds: Option<u64>,
}

/// Where an operator's secret comes from; never the configuration file itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; white space at its end does not count.
    File(PathBuf),
    /// Made up by this very program (the demo's simulator); cannot be written in a file.
    #[serde(skip)]
    Given(SecretString),
}

impl SecretSource {
    /// The secret.
    ///
    /// # Errors
    /// The variable or file is missing or empty.
    pub fn read(&self) -> anyhow::Result<SecretString> {
        let text = match self {
            Self::Env(name) => {
                std::env::var(name).with_context(|| format!("the environment variable {name} is not set"))?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .with_context(|| format!("the secret file {} cannot be read", path.display()))?,
            Self::Given(secret) => return Ok(secret.clone()),
        };
        let text = text.trim_end();
        if text.is_empty() {
            bail!("the secret from {self:?} is empty");
        }
        Ok(text.into())
    }
}

impl Config {
    /// The defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// The file is missing or wrong; the message names the file, the key and what it must be.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        Self::load_over("", file)
    }

    /// The same where a command has `defaults` of its own, between those of all and the user's file.
    ///
    /// # Errors
    /// As of [`Self::load`].
    pub fn load_over(defaults: &str, file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(defaults));
        if let Some(path) = file {
            if !path.is_file() {
                bail!("the configuration file {} does not exist", path.display());
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        let config: Self = figment
            .merge(Env::prefixed("SIMGAUGE__").split("__"))
            .extract()
            .map_err(|error| anyhow::anyhow!("the configuration is wrong: {error}"))?;
        config.check()?;
        Ok(config)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Names the setting and what it must be.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut names = std::collections::HashSet::new();
        for account in &self.operator_accounts {
            let good = !account.name.is_empty()
                && account.name.len() <= 64
                && account.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
            if !good {
                bail!(
                    "operator_account name {:?}: use 1 to 64 letters, digits, '-', '_' or '.'",
                    account.name
                );
            }
            if !names.insert(&account.name) {
                bail!("operator_account {:?} stands twice", account.name);
            }
        }
        for (name, value) in [
            ("refresh.first_pause_seconds", self.refresh.first_pause_seconds),
            ("refresh.longest_pause_seconds", self.refresh.longest_pause_seconds),
            ("lanes.poll_seconds", self.lanes.poll_seconds),
            ("lanes.breaker_pause_seconds", self.lanes.breaker_pause_seconds),
            ("lanes.breaker_longest_pause_seconds", self.lanes.breaker_longest_pause_seconds),
            ("notify.timeout_seconds", self.notify.timeout_seconds),
            ("notify.poll_seconds", self.notify.poll_seconds),
            ("notify.give_up_hours", self.notify.give_up_hours),
        ] {
            if !(0.001..=86_400.0).contains(&value) {
                bail!("{name} must be between 0.001 and 86400");
            }
        }
        if !(1..=86_400).contains(&self.api.timestamp_window_seconds) {
            bail!("api.timestamp_window_seconds must be between 1 and 86400");
        }
        let pauses = &self.notify.pauses_seconds;
        if pauses.is_empty() || !pauses.iter().all(|pause| (0.001..=86_400.0).contains(pause)) {
            bail!("notify.pauses_seconds must hold at least one pause, each between 0.001 and 86400");
        }
        for (name, value) in [
            ("server.head_timeout_seconds", self.server.head_timeout_seconds),
            ("server.body_timeout_seconds", self.server.body_timeout_seconds),
            ("server.idle_timeout_seconds", self.server.idle_timeout_seconds),
        ] {
            if !(1..=3600).contains(&value) {
                bail!("{name} must be between 1 and 3600");
            }
        }
        if self.server.tls.cert.as_os_str().is_empty() != self.server.tls.key.as_os_str().is_empty() {
            bail!("server.tls needs both, cert and key");
        }
        if !(1..=1_000_000).contains(&self.server.max_connections) {
            bail!("server.max_connections must be between 1 and 1000000");
        }
        if !(0.0..=1.0).contains(&self.trace.share) {
            bail!("trace.share must be between 0 and 1");
        }
        if self.lanes.lease_seconds < 2 {
            bail!("lanes.lease_seconds must be at least 2");
        }
        self.console.own_listener().map_err(anyhow::Error::msg)?;
        if self.console.session_idle_minutes == 0 || self.console.session_hours == 0 {
            bail!("console.session_idle_minutes and console.session_hours must be at least 1");
        }
        self.zone()?;
        for account in &self.operator_accounts {
            self.zone_of(account)?;
        }
        if self.server.role != Role::All && self.sqlite_file().is_some() {
            bail!("server.role must be \"all\" with SQLite: its one process does everything");
        }
        if self.server.max_in_flight == 0 || self.refresh.accept_queue == 0 {
            bail!("server.max_in_flight and refresh.accept_queue must be at least 1");
        }
        Ok(())
    }

    /// The accept rule for each kind of card.
    #[must_use]
    pub fn card_rules(&self) -> CardRules {
        let rule = |cooldown| {
            AcceptRule::new(
                Duration::from_secs(cooldown),
                Duration::from_secs(self.api.timestamp_window_seconds),
            )
        };
        CardRules {
            sim: rule(self.refresh.sim_cooldown_seconds),
            cloud_esim: rule(self.refresh.cloud_esim_cooldown_seconds),
        }
    }

    /// The retry rule.
    #[must_use]
    pub fn retry_rule(&self) -> RetryRule {
        RetryRule {
            first_pause: Duration::from_secs_f64(self.refresh.first_pause_seconds),
            longest_pause: Duration::from_secs_f64(self.refresh.longest_pause_seconds),
            deadline: Duration::from_secs(self.refresh.deadline_seconds),
        }
    }

    /// The breaker rule.
    #[must_use]
    pub fn breaker_rule(&self) -> BreakerRule {
        BreakerRule {
            failures: self.lanes.breaker_failures.max(1),
            first_pause: Duration::from_secs_f64(self.lanes.breaker_pause_seconds),
            longest_pause: Duration::from_secs_f64(self.lanes.breaker_longest_pause_seconds),
        }
    }

    /// The time zone of days and months.
    ///
    /// # Errors
    /// There is no such zone.
    pub fn zone(&self) -> anyhow::Result<TimeZone> {
        zone("usage.time_zone", &self.usage.time_zone)
    }

    /// The time zone of an operator account's billing cycle.
    ///
    /// # Errors
    /// There is no such zone.
    pub fn zone_of(&self, account: &OperatorAccountConfig) -> anyhow::Result<TimeZone> {
        match &account.time_zone {
            Some(name) => zone(&format!("operator_account {:?}: time_zone", account.name), name),
            None => self.zone(),
        }
    }

    /// The SQLite file of the store, where it is embedded.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let rest = self.store.url.strip_prefix("sqlite:")?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
    }

    /// What seals app secrets; makes the key file of an embedded store at its first start.
    ///
    /// # Errors
    /// The key is malformed, or missing where it cannot be made.
    pub fn sealer(&self) -> anyhow::Result<Sealer> {
        let file = self.secrets.key_file.as_path();
        let named = (!file.as_os_str().is_empty()).then_some(file);
        Sealer::load(named, self.sqlite_file().as_deref())
    }

    /// The folder of the user's definitions, if there is one.
    #[must_use]
    pub fn definitions_dir(&self) -> Option<&Path> {
        let dir = self.operators.definitions_dir.as_path();
        (!dir.as_os_str().is_empty()).then_some(dir)
    }
}

fn zone(setting: &str, name: &str) -> anyhow::Result<TimeZone> {
    TimeZone::get(name).map_err(|_| anyhow::anyhow!("{setting}: there is no time zone {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> anyhow::Result<Config> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), text)?;
        Config::load(Some(file.path()))
    }

    #[test]
    fn the_defaults_are_complete() {
        let config = load("").expect("defaults");
        assert_eq!(config.refresh.sim_cooldown_seconds, 300);
        assert_eq!(config.sqlite_file(), Some(PathBuf::from("simgauge.db")));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("[server]\nlisten = 7", "listen"),
            ("[server]\nlistn = \"127.0.0.1:1\"", "listn"),
            ("[lanes]\npoll_seconds = 0", "lanes.poll_seconds"),
            ("[server]\nhead_timeout_seconds = 0", "server.head_timeout_seconds"),
            ("[server.tls]\ncert = \"a.pem\"", "server.tls"),
            ("[server]\nmax_connections = 0", "server.max_connections"),
            ("[server]\ntrusted_proxies = [\"10.0.0.0/40\"]", "10.0.0.0/40"),
            ("[refresh]\nsteady_beat = \"warn\"", "steady_beat"),
            ("[notify]\npauses_seconds = []", "notify.pauses_seconds"),
            ("[notify]\ngive_up_hours = 0", "notify.give_up_hours"),
            ("[metrics]\nlisten = \"9464\"", "metrics.listen"),
            ("[trace]\nshare = 2", "trace.share"),
            ("[console]\nlisten = \"9000\"", "console.listen"),
            ("[console]\ntrusted_proxies = [\"10.0.0.0/40\"]", "10.0.0.0/40"),
            ("[console]\nsession_hours = 0", "console.session_hours"),
            ("[[operator_account]]\nname = \"a b\"\ndefinition = \"x\"", "a b"),
            (
                "[[operator_account]]\nname = \"a\"\ndefinition = \"x\"\nsecrets = { key = \"plain\" }",
                "secrets.key",
            ),
        ] {
            let error = load(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(
            Config::load(Some(Path::new("/nonexistent.toml")))
                .expect_err("missing")
                .to_string()
                .contains("does not exist")
        );
    }
}
