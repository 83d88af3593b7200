//! The demo's logins at simulated operators.

use super::cards::{Place, TEST_CARDS, TEST_OPERATOR};
use crate::config::OperatorAccountConfig;
use crate::config::SecretSource;
use anyhow::Context as _;
use simgauge_operators::simulator::Simulator;
use simgauge_operators::{Catalog, Definition};

/// A login at each operator that the simulator speaks and there is a definition for, then those of test
/// cards.
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

/// A login at one operator of a simulator: `root` is its URL with a slash at the end.
#[must_use]
pub fn simulated_account(definition: &Definition, root: &str) -> OperatorAccountConfig {
    let base_url = format!("{root}{}", definition.name());
    let secrets = definition
        .secret_names()
        .map(|name| {
            let value = if definition.secret_identifies(name) { "sim-user" } else { "sim-secret" };
            (name.to_owned(), SecretSource::Given(value.into()))
        })
        .collect();
    // The simulator takes any value; what follows the base URL needs none.
    let settings = definition
        .settings()
        .iter()
        .filter(|(_, setting)| setting.default.is_none() && !setting.follows_base_url)
        .map(|(name, _)| (name.clone(), "sim".to_owned()))
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

/// The demo's login at an operator.
pub(super) fn account_name(definition: &str) -> String {
    format!("demo-{}", definition.replace('_', "-"))
}

/// The copy of an operator in the simulator that an account talks to: the last part of its base URL.
pub(super) fn simulated_operator(account: &OperatorAccountConfig) -> Option<&str> {
    account.base_url.as_deref()?.rsplit('/').next()
}

/// The logins that are not there for one test card.
pub(super) fn common(accounts: &[OperatorAccountConfig]) -> impl Iterator<Item = &OperatorAccountConfig> {
    accounts.iter().filter(|account| account.name == account_name(&account.definition))
}
