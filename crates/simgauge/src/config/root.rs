//! All sections together, and what follows from more than one of them.

use super::api::{ApiConfig, DocsConfig, RefreshConfig, UsageConfig};
use super::guard::GuardConfig;
use super::lanes::LanesConfig;
use super::operators::{OperatorAccountConfig, OperatorsConfig};
use super::server::{Role, ServerConfig};
use super::store::{SecretsConfig, StoreConfig};
use super::telemetry::{LogConfig, MetricsConfig, check_trace};
use super::{check, console, notify, operators};
use anyhow::{Context as _, bail};
use serde::Deserialize;
use simgauge_console::ConsoleConfig;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::period::TimeZone;
use simgauge_operators::Timeouts;
use simgauge_service::outbox::NotifyConfig;
use simgauge_service::secrets::Sealer;
use simgauge_service::telemetry::TraceConfig;
use simgauge_store::CardRules;
use std::path::Path;
use std::time::Duration;

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: ServerConfig,
    pub store: StoreConfig,
    pub log: LogConfig,
    pub metrics: MetricsConfig,
    pub trace: TraceConfig,
    pub api: ApiConfig,
    pub docs: DocsConfig,
    pub refresh: RefreshConfig,
    pub usage: UsageConfig,
    pub lanes: LanesConfig,
    pub guard: GuardConfig,
    pub notify: NotifyConfig,
    pub console: ConsoleConfig,
    pub secrets: SecretsConfig,
    pub operators: OperatorsConfig,
    #[serde(default, rename = "operator_account")]
    pub operator_accounts: Vec<OperatorAccountConfig>,
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Names the setting and what it must be.
    pub fn check(&self) -> anyhow::Result<()> {
        simgauge_store::check_url(&self.store.url).context("store.url")?;
        operators::check(&self.operator_accounts)?;
        self.refresh.check()?;
        self.lanes.check()?;
        self.guard.check()?;
        notify::check(&self.notify)?;
        self.api.check()?;
        self.server.check()?;
        check_trace(&self.trace)?;
        console::check(&self.console)?;
        self.zone()?;
        for account in &self.operator_accounts {
            self.zone_of(account)?;
        }
        if self.server.role != Role::All && self.store.sqlite_file().is_some() {
            bail!("server.role must be \"all\" with SQLite: its one process does everything");
        }
        if self.server.max_in_flight == 0 || self.refresh.accept_queue == 0 {
            bail!("server.max_in_flight and refresh.accept_queue must be at least 1");
        }
        Ok(())
    }

    /// The rule of acceptance for each kind of card.
    #[must_use]
    pub fn card_rules(&self) -> CardRules {
        let window = self.api.timestamp_window();
        let rule = |cooldown| AcceptRule::new(Duration::from_secs(cooldown), window);
        CardRules {
            sim: rule(self.refresh.sim_cooldown_seconds),
            cloud_esim: rule(self.refresh.cloud_esim_cooldown_seconds),
        }
    }

    /// How long after its acceptance every refresh has ended: it began in time, was attempted until the
    /// deadline, and the last attempt took as long as one may. `None` where it may wait without end.
    #[must_use]
    pub fn longest_refresh(&self) -> Option<Duration> {
        let longest = Timeouts::default().total;
        let own = self.operator_accounts.iter().filter_map(|account| account.total_timeout_seconds);
        let attempt = own.map(Duration::from_secs).fold(longest, Duration::max);
        let deadline = Duration::from_secs(self.refresh.deadline_seconds);
        let pause = Duration::from_secs_f64(self.refresh.longest_pause_seconds);
        Some(self.refresh.begin_within()? + deadline.max(pause) + attempt)
    }

    /// The time zone of days and months.
    ///
    /// # Errors
    /// There is no such time zone.
    pub fn zone(&self) -> anyhow::Result<TimeZone> {
        check::zone("usage.time_zone", &self.usage.time_zone)
    }

    /// The time zone of an operator account's billing cycle.
    ///
    /// # Errors
    /// There is no such time zone.
    pub fn zone_of(&self, account: &OperatorAccountConfig) -> anyhow::Result<TimeZone> {
        match &account.time_zone {
            Some(name) => check::zone(&format!("operator_account {:?}: time_zone", account.name), name),
            None => self.zone(),
        }
    }

    /// The folder with the user's own definitions, where one is named.
    #[must_use]
    pub fn definitions_dir(&self) -> Option<&Path> {
        let dir = &*self.operators.definitions_dir;
        (!dir.as_os_str().is_empty()).then_some(dir)
    }

    /// Seals and opens the secrets of apps. Creates the key file of an SQLite store at its first start.
    ///
    /// # Errors
    /// The key is malformed, or it is missing and cannot be created.
    pub fn sealer(&self) -> anyhow::Result<Sealer> {
        Sealer::load(self.secrets.key_file(), self.store.sqlite_file().as_deref())
    }
}
