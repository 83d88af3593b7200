//! From the configured operator accounts to lanes.

use crate::config::{Config, OperatorAccountConfig};
use anyhow::{Context as _, bail};
use simgauge_console::OperatorFacts;
use simgauge_operators::definition::BILLING_DAY;
use simgauge_operators::{Catalog, Evidence, Operator, OperatorAccount, Question, Timeouts};
use simgauge_service::clock::Clock;
use simgauge_service::lanes::LaneSetup;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The lanes of all configured operator accounts.
///
/// # Errors
/// A definition is broken or unknown, a secret or setting is missing.
pub fn operators_of(config: &Config, clock: &Clock) -> anyhow::Result<Vec<LaneSetup>> {
    let catalog = Catalog::load(config.definitions_dir())?;
    config.operator_accounts.iter().map(|account| set_up(account, config, &catalog, clock)).collect()
}

/// What the console shows of each operator account without asking the operator.
pub fn operator_facts(config: &Config, setups: &[LaneSetup]) -> BTreeMap<String, OperatorFacts> {
    let accounts = config.operator_accounts.iter().zip(setups);
    let facts = accounts.map(|(account, setup)| {
        let definition = account.definition.clone();
        (account.name.clone(), OperatorFacts { definition, limits: setup.limits.clone() })
    });
    facts.collect()
}

/// The questions that operators' documents leave open and that the configuration does not answer, by operator
/// account. Accounts without one are left out, as are those whose definition there is not.
#[must_use]
pub fn open_questions(config: &Config, catalog: &Catalog) -> BTreeMap<String, Vec<Question>> {
    let accounts = config.operator_accounts.iter().filter_map(|account| {
        let definition = catalog.get(&account.definition)?;
        let questions = definition.open_questions(|name| match name {
            BILLING_DAY => account.billing_day.is_some(),
            setting => account.settings.contains_key(setting),
        });
        (!questions.is_empty()).then(|| (account.name.clone(), questions))
    });
    accounts.collect()
}

/// Warns of operator accounts whose numbers rest on a guess: the definition is unproven, or leaves a question
/// open.
///
/// # Errors
/// A definition is broken.
pub fn warn_of_guesses(config: &Config) -> anyhow::Result<()> {
    let catalog = Catalog::load(config.definitions_dir())?;
    for account in &config.operator_accounts {
        let definition = catalog.get(&account.definition);
        if definition.is_some_and(|definition| definition.evidence() == Evidence::Unproven) {
            tracing::warn!(
                operator_account = account.name,
                definition = account.definition,
                "the definition is unproven: compare its first numbers with the operator's own"
            );
        }
    }
    for (account, questions) in open_questions(config, &catalog) {
        for Question { name, about, assumed } in questions {
            tracing::warn!(
                operator_account = account,
                setting = name,
                assumed,
                "the operator's documents do not say {about}; the operator account should"
            );
        }
    }
    Ok(())
}

fn set_up(
    account: &OperatorAccountConfig,
    config: &Config,
    catalog: &Catalog,
    clock: &Clock,
) -> anyhow::Result<LaneSetup> {
    let Some(definition) = catalog.get(&account.definition) else {
        let known: Vec<&str> = catalog.iter().map(|definition| definition.name()).collect();
        bail!(
            "operator_account {:?}: there is no operator definition {:?}; there are: {}",
            account.name,
            account.definition,
            known.join(", ")
        );
    };
    let mut secrets = BTreeMap::new();
    for (name, source) in &account.secrets {
        let secret =
            source.read().with_context(|| format!("operator_account {:?}, secret {name:?}", account.name))?;
        secrets.insert(name.clone(), secret);
    }
    let defaults = Timeouts::default();
    let timeouts = Timeouts {
        step: account.step_timeout_seconds.map_or(defaults.step, Duration::from_secs),
        total: account.total_timeout_seconds.map_or(defaults.total, Duration::from_secs),
        ..defaults
    };
    let operator_account = OperatorAccount {
        name: account.name.clone(),
        base_url: account.base_url.clone(),
        allow_http: account.allow_http,
        settings: account.settings.clone(),
        secrets,
        timeouts,
    };
    let limits = account.limits.clone().unwrap_or_else(|| definition.limits().clone());
    if limits.max_concurrent == 0 || limits.buckets.iter().any(|b| b.limit == 0 || b.per_seconds == 0) {
        bail!("operator_account {:?}: limits must be at least 1", account.name);
    }
    Ok(LaneSetup {
        name: account.name.clone(),
        operator: Arc::new(Operator::new(Arc::clone(definition), operator_account, clock.as_fn())?),
        limits,
        declared_lag_seconds: definition.declared_lag_seconds(),
        calls_per_reading: definition.calls_per_reading(),
        zone: config.zone_of(account)?,
        billing_day: account.billing_day,
    })
}
