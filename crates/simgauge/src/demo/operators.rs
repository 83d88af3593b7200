//! The demo's accounts at simulated operators.

use super::names::TEST_OPERATOR;
use super::test_cards::{Place, TEST_CARDS};
use crate::config::{OperatorAccountConfig, SecretSource};
use anyhow::Context as _;
use simgauge_operators::{Catalog, Definition};
use simgauge_simulator::Simulator;

/// An account at each operator that has a definition and is simulated, then the accounts of test cards.
///
/// # Errors
/// A built-in definition is broken or missing.
pub fn operator_accounts(simulator: &Simulator) -> anyhow::Result<Vec<OperatorAccountConfig>> {
    let catalog = Catalog::load(None)?;
    let spoken = Simulator::operators();
    let root = format!("{}/", simulator.url());
    let common = catalog
        .iter()
        .filter(|definition| spoken.contains(&definition.name()))
        .map(|definition| simulated_account(definition, &root));
    let test_operator = catalog.get(TEST_OPERATOR).context("the test cards' definition is missing")?;
    let own = TEST_CARDS.iter().filter(|card| card.place == Place::Own).map(|card| OperatorAccountConfig {
        name: card.operator_account("").unwrap_or_default(),
        base_url: Some(format!("{root}{}", card.simulated_operator())),
        ..simulated_account(test_operator, &root)
    });
    Ok(common.chain(own).collect())
}

/// An account at one operator of a simulator. `root` is the simulator's URL with a slash at its end.
#[must_use]
pub fn simulated_account(definition: &Definition, root: &str) -> OperatorAccountConfig {
    let base_url = format!("{root}{}", definition.name());
    let secrets = definition
        .secret_names()
        .map(|name| {
            let identifies = definition.secret_identifies(name);
            let value = Simulator::accepted_secret(definition.name(), name, identifies);
            (name.to_owned(), SecretSource::Given(value.into()))
        })
        .collect();
    // The simulator accepts any value, and means by a KB what is assumed. A setting that follows from the
    // base URL needs none.
    let settings = definition
        .settings()
        .iter()
        .filter(|(_, setting)| setting.is_open || (setting.default.is_none() && !setting.follows_base_url))
        .map(|(name, setting)| (name.clone(), setting.default.clone().unwrap_or_else(|| "sim".to_owned())))
        .collect();
    OperatorAccountConfig {
        name: account_name(definition.name()),
        definition: definition.name().to_owned(),
        base_url: Some(base_url),
        allow_http: true,
        settings,
        secrets,
        limits: None,
        time_zone: None,
        billing_day: None,
        step_timeout_seconds: None,
        total_timeout_seconds: None,
    }
}

/// The name of the demo's account at an operator.
pub(super) fn account_name(definition: &str) -> String {
    format!("demo-{}", definition.replace('_', "-"))
}

/// The simulated operator of an account: the last part of its base URL.
pub(super) fn simulated_operator(account: &OperatorAccountConfig) -> Option<&str> {
    account.base_url.as_deref()?.rsplit('/').next()
}

/// The accounts that are not for one test card alone.
pub(super) fn common_accounts(
    accounts: &[OperatorAccountConfig],
) -> impl Iterator<Item = &OperatorAccountConfig> {
    accounts.iter().filter(|account| account.name == account_name(&account.definition))
}
