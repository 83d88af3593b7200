//! `[operators]` and `[[operator_account]]`

use anyhow::{Context as _, bail};
use secrecy::SecretString;
use serde::Deserialize;
use simgauge_domain::limits::Limits;
use simgauge_domain::names;
use simgauge_domain::period::BillingDay;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

/// `[operators]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorsConfig {
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
    /// A file. White space at its end is ignored.
    File(PathBuf),
    /// Made by this program itself, for the demo's simulator. It cannot be written in a file.
    #[serde(skip)]
    Given(SecretString),
}

impl SecretSource {
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

/// Names are valid, and none is defined twice.
pub(super) fn check(accounts: &[OperatorAccountConfig]) -> anyhow::Result<()> {
    let mut known = HashSet::new();
    for OperatorAccountConfig { name, .. } in accounts {
        if let Err(reason) = names::name(name) {
            bail!("operator_account name {name:?}: {reason}");
        }
        if !known.insert(name) {
            bail!("operator_account {name:?} is defined twice");
        }
    }
    Ok(())
}
