//! `[server]`

use anyhow::bail;
use ipnet::IpNet;
use serde::Deserialize;
use simgauge_domain::origin::{ForwardedHeader, Proxies, deserialize_networks};
use simgauge_http::server::{ConnectionLimits, TlsFiles};
use std::net::SocketAddr;
use std::time::Duration;

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
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

impl ServerConfig {
    #[must_use]
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            connections: self.max_connections,
            head: Duration::from_secs(self.head_timeout_seconds),
            body: Duration::from_secs(self.body_timeout_seconds),
            idle: Duration::from_secs(self.idle_timeout_seconds),
        }
    }

    #[must_use]
    pub fn proxies(&self) -> Proxies {
        Proxies::new(self.trusted_proxies.clone(), self.forwarded_by)
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (setting, value) in [
            ("server.head_timeout_seconds", self.head_timeout_seconds),
            ("server.body_timeout_seconds", self.body_timeout_seconds),
            ("server.idle_timeout_seconds", self.idle_timeout_seconds),
        ] {
            if !(1..=3600).contains(&value) {
                bail!("{setting} must be between 1 and 3600");
            }
        }
        if self.tls.cert.as_os_str().is_empty() != self.tls.key.as_os_str().is_empty() {
            bail!("server.tls needs both, cert and key");
        }
        if !(1..=1_000_000).contains(&self.max_connections) {
            bail!("server.max_connections must be between 1 and 1000000");
        }
        Ok(())
    }
}
