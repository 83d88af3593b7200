//! Reading the configuration: the defaults, then the user's file, then the environment.

use super::root::Config;
use anyhow::bail;
use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use std::path::Path;

/// All defaults, with their documentation.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

impl Config {
    /// The defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// The file is missing or wrong. The message names the file, the setting and what it must be.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        Self::load_over("", file)
    }

    /// The same for a command with `defaults` of its own, which come after the common ones and before the
    /// user's file.
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
        let file = std::env::current_dir().expect("a folder").join("simgauge.db");
        assert_eq!(config.store.sqlite_file(), Some(file));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("[server]\nlisten = 7", "listen"),
            ("[server]\nlistn = \"127.0.0.1:1\"", "listn"),
            ("[lanes]\npoll_seconds = 0", "lanes.poll_seconds"),
            ("[api]\nquota_burst = 0", "api.quota_burst must be at least 1"),
            ("[api]\nquota_per_second = 0\nquota_burst = 0", "api.quota_burst"),
            ("[store]\nurl = \"sqlit://x.db\"", "store.url"),
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
            ("[console]\nsession_hours = 0", "console.session_hours"),
            (
                "[[operator_account]]\nname = \"a b\"\ndefinition = \"x\"",
                "\"a b\": must be 1 to 64 letters, digits, '_', '-' or '.'",
            ),
            (
                "[[operator_account]]\nname = \"a\"\ndefinition = \"x\"\n\
                 [[operator_account]]\nname = \"a\"\ndefinition = \"y\"",
                "operator_account \"a\" is defined twice",
            ),
            (
                "[[operator_account]]\nname = \"a\"\ndefinition = \"x\"\nsecrets = { key = \"plain\" }",
                "secrets.key",
            ),
        ] {
            let error = format!("{:#}", load(text).expect_err(text));
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
