//! Checks an account against its definition, before any call is made.

use super::account::{OperatorAccount, SetupError};
use crate::definition::Definition;
use crate::template::{self, AccountValues, Template};
use secrecy::ExposeSecret as _;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use url::Url;

pub(super) struct Checked {
    pub(super) values: AccountValues,
    pub(super) base_url: String,
    /// With the port, where that is unusual.
    pub(super) host: String,
}

pub(super) fn check(definition: &Definition, account: &OperatorAccount) -> Result<Checked, SetupError> {
    let settings = settings(definition, account)?;
    let secrets = template::map(&secrets(definition, account)?);
    let values = AccountValues { settings, secrets, sequence: Arc::new(AtomicU64::new(0)) };
    let base_url = match (&account.base_url, &definition.base_url) {
        (Some(given), _) => given.clone(),
        (None, Some(template)) => {
            render_base(definition, account, &values, template, "the definition's base URL")?
        }
        (None, None) => return Err(SetupError::NoBaseUrl { account: account.name.clone() }),
    };
    let url = checked(definition, account, &base_url, "`base_url`")?;
    let steps = definition.steps.iter().chain(definition.many.iter().map(|many| &many.step));
    let requests = steps.map(|step| &step.request);
    for request in requests.chain(definition.auth.logins.iter().map(|login| &login.request)) {
        if let Some(base) = &request.base {
            let rendered = render_base(definition, account, &values, base, "a request's base URL")?;
            checked(definition, account, &rendered, "a request's base URL")?;
        }
    }
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    Ok(Checked { values, base_url, host })
}

fn settings(
    definition: &Definition,
    account: &OperatorAccount,
) -> Result<BTreeMap<String, String>, SetupError> {
    let is_known = |name: &str| definition.settings().contains_key(name);
    refuse_unknown(account, "setting(s)", account.settings.keys(), is_known)?;
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, setting) in definition.settings() {
        let given = account.settings.get(name);
        let followed = account.base_url.as_ref().filter(|_| setting.follows_base_url);
        match given.or(followed).or(setting.default.as_ref()) {
            Some(value) if !setting.one_of.is_empty() && !setting.one_of.contains(value) => {
                let (account, name, one_of) = (account.name.clone(), name.clone(), setting.one_of.clone());
                return Err(SetupError::NotOneOf { account, name, one_of });
            }
            Some(value) => {
                found.insert(name.clone(), value.clone());
            }
            None => missing.push(name.clone()),
        }
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(SetupError::MissingSettings { account: account.name.clone(), names: missing })
    }
}

fn secrets(
    definition: &Definition,
    account: &OperatorAccount,
) -> Result<BTreeMap<String, String>, SetupError> {
    let is_known = |name: &str| definition.secrets().contains_key(name);
    refuse_unknown(account, "secret(s)", account.secrets.keys(), is_known)?;
    let given = |name: &str| account.secrets.get(name).map(|secret| secret.expose_secret().to_owned());
    let missing: Vec<String> = definition
        .secret_names()
        .filter(|name| given(name).is_none_or(|secret| secret.is_empty()))
        .map(str::to_owned)
        .collect();
    if missing.is_empty() {
        Ok(definition.secret_names().filter_map(|name| Some((name.to_owned(), given(name)?))).collect())
    } else {
        Err(SetupError::MissingSecrets { account: account.name.clone(), names: missing })
    }
}

fn refuse_unknown<'a>(
    account: &OperatorAccount,
    what: &'static str,
    names: impl Iterator<Item = &'a String>,
    is_known: impl Fn(&str) -> bool,
) -> Result<(), SetupError> {
    let names: Vec<String> = names.filter(|name| !is_known(name)).cloned().collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(SetupError::Unknown { account: account.name.clone(), what, names })
}

fn render_base(
    definition: &Definition,
    account: &OperatorAccount,
    values: &AccountValues,
    base: &Template,
    what: &str,
) -> Result<String, SetupError> {
    let nothing = BTreeMap::new();
    let values = template::values(values, "", None, UnixMs(0), &nothing, &nothing);
    definition
        .templates
        .render(base, &values)
        .map_err(|_| SetupError::BadUrl { account: account.name.clone(), what: what.to_owned() })
}

fn checked(
    definition: &Definition,
    account: &OperatorAccount,
    url: &str,
    what: &str,
) -> Result<Url, SetupError> {
    let bad = || SetupError::BadUrl { account: account.name.clone(), what: what.to_owned() };
    let parsed = Url::parse(url).map_err(|_| bad())?;
    let clean = parsed.username().is_empty()
        && parsed.password().is_none()
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    match parsed.scheme() {
        "https" | "http" if !clean || parsed.host_str().is_none() => Err(bad()),
        "https" => Ok(parsed),
        "http" if definition.allow_http || account.allow_http => Ok(parsed),
        "http" => Err(SetupError::PlainHttp { account: account.name.clone(), what: what.to_owned() }),
        _ => Err(bad()),
    }
}
