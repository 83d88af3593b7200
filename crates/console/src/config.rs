//! The section `[console]` of the configuration.

use ipnet::IpNet;
use serde::Deserialize;
use simgauge_domain::origin::deserialize_networks;
use std::net::SocketAddr;
use std::time::Duration;

/// `[console]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleConfig {
    pub enabled: bool,
    pub listen: String,
    #[serde(deserialize_with = "deserialize_networks")]
    pub trusted_proxies: Vec<IpNet>,
    pub session_idle_minutes: u64,
    pub session_hours: u64,
    pub import_max_mib: u64,
}

impl ConsoleConfig {
    /// Where the console listens, if that is not the open API's listener.
    ///
    /// # Errors
    /// It is no address.
    pub fn own_listener(&self) -> Result<Option<SocketAddr>, &'static str> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address = self.listen.parse();
        address.map(Some).map_err(|_| "console.listen must be empty or ADDRESS:PORT")
    }

    /// A session ends after so long without a request.
    pub(crate) fn session_idle(&self) -> Duration {
        Duration::from_secs(self.session_idle_minutes.saturating_mul(60))
    }

    /// A session ends so long after the log-in.
    pub(crate) fn session_longest(&self) -> Duration {
        Duration::from_secs(self.session_hours.saturating_mul(3600))
    }
}
