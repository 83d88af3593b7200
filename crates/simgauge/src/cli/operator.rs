//! `simgauge operator`: operator accounts and their lanes, and the definitions of operators' APIs.

pub mod check;

use super::human;
use super::output::{Fields, Output, Table};
use anyhow::Context as _;
use serde_json::{Value, json};
use simgauge_domain::limits::{Limits, Scope};
use simgauge_domain::time::UnixMs;
use simgauge_operators::catalog::Origin;
use simgauge_operators::{Catalog, Definition};
use simgauge_service::clock::Clock;
use simgauge_store::{LaneRow, Store};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Operators: accounts, lanes and definitions.
#[derive(Debug, clap::Subcommand)]
pub enum OperatorCommand {
    /// List the operator accounts with their lanes.
    List,
    /// List the operator definitions there are.
    Definitions,
    /// Show an operator definition: its text is what a definition of one's own can start from.
    Show {
        /// Its name.
        name: String,
    },
    /// Check definitions: their text, their fixtures, or with --live an operator account against the real operator.
    Check(check::CheckArgs),
}

/// `operator list`: the configured operator accounts and whatever lane the store knows, by name.
///
/// # Errors
/// The store failed.
pub async fn list(store: &Store, configured: &[String], output: &Output) -> anyhow::Result<ExitCode> {
    let now = Clock::default().now();
    let lanes = merged(store.lanes().await?, configured);
    let list: Vec<Value> =
        lanes.iter().map(|(name, lane)| as_json(name, lane.as_ref(), configured, now)).collect();
    output.print(&list, || {
        let mut table =
            Table::new(&["OPERATOR ACCOUNT", "LANE", "HEALTH", "WAITING", "BUDGET", "LAST ERROR"]);
        for (name, lane) in &lanes {
            let status = lane.as_ref().map(status).unwrap_or_default();
            let told = |name: &str| match status.get(name) {
                None | Some(Value::Null) => "-".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            let mut lane = lane.as_ref().map_or_else(|| "not started".to_owned(), |lane| in_words(lane, now));
            if !configured.contains(name) {
                lane.push_str(", not in the configuration");
            }
            table.row([
                name.clone(),
                lane,
                told("health"),
                told("queue"),
                told("budget"),
                told("last_error"),
            ]);
        }
        table.or("no operator accounts; add [[operator_account]] to the configuration")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn merged(lanes: Vec<LaneRow>, configured: &[String]) -> BTreeMap<String, Option<LaneRow>> {
    let mut merged: BTreeMap<String, Option<LaneRow>> =
        configured.iter().map(|name| (name.clone(), None)).collect();
    merged.extend(lanes.into_iter().map(|lane| (lane.name.clone(), Some(lane))));
    merged
}

fn status(lane: &LaneRow) -> Value {
    serde_json::from_str(&lane.status).unwrap_or_default()
}

fn as_json(name: &str, lane: Option<&LaneRow>, configured: &[String], now: UnixMs) -> Value {
    json!({
        "name": name,
        "configured": configured.iter().any(|known| known == name),
        "holder": lane.map(|lane| &lane.holder),
        "held": lane.is_some_and(|lane| lane.lease_until > now.0),
        "leaseUntil": lane.map(|lane| UnixMs(lane.lease_until).seconds()),
        "status": lane.map(status),
    })
}

fn in_words(lane: &LaneRow, now: UnixMs) -> String {
    let until = UnixMs(lane.lease_until);
    if until > now {
        format!("held by {}, {} left", lane.holder, human::duration(until.since(now).as_secs()))
    } else if lane.lease_until == 0 {
        format!("given back by {}", lane.holder)
    } else {
        format!("lost by {} {} ago", lane.holder, human::duration(now.since(until).as_secs()))
    }
}

/// `operator definitions`: what there is, by name.
///
/// # Errors
/// The list cannot be printed.
pub fn definitions(catalog: &Catalog, output: &Output) -> anyhow::Result<ExitCode> {
    let list: Vec<Value> = catalog
        .iter()
        .map(|definition| {
            json!({
                "name": definition.name(),
                "title": definition.title(),
                "origin": origin(catalog, definition),
                "acceptsEid": definition.accepts_eid(),
                "declaredLagSeconds": definition.declared_lag_seconds(),
            })
        })
        .collect();
    output.print(&list, || {
        let mut table = Table::new(&["DEFINITION", "OPERATOR", "FROM"]);
        for definition in catalog.iter() {
            table.row([
                definition.name().to_owned(),
                definition.title().to_owned(),
                origin(catalog, definition),
            ]);
        }
        table.or("no definitions")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `operator show`: what an operator account has to give, the operator's limits, and the definition's text.
///
/// # Errors
/// There is no definition of that name.
pub fn show(name: &str, catalog: &Catalog, output: &Output) -> anyhow::Result<ExitCode> {
    let definition = catalog.get(name).with_context(|| {
        let names: Vec<&str> = catalog.iter().map(|definition| definition.name()).collect();
        format!("there is no definition {name:?}; there are: {}", names.join(", "))
    })?;
    let settings: Vec<Value> = definition
        .settings()
        .iter()
        .map(|(name, setting)| json!({ "name": name, "about": setting.about, "default": setting.default }))
        .collect();
    let json = json!({
        "name": definition.name(),
        "title": definition.title(),
        "origin": origin(catalog, definition),
        "sources": definition.sources(),
        "settings": settings,
        "secrets": definition.secrets(),
        "needsBaseUrl": definition.needs_base_url(),
        "limits": definition.limits(),
        "declaredLagSeconds": definition.declared_lag_seconds(),
        "freshness": definition.freshness(),
        "acceptsEid": definition.accepts_eid(),
        "source": definition.source(),
    });
    output.print(&json, || format!("{}\n{}", head(catalog, definition), definition.source()))?;
    Ok(ExitCode::SUCCESS)
}

fn origin(catalog: &Catalog, definition: &Definition) -> String {
    match catalog.origin(definition.name()) {
        Some(Origin::File(path)) => path.display().to_string(),
        Some(Origin::BuiltIn) | None => "built in".to_owned(),
    }
}

/// A summary in front of the text, as comments, so that the whole output is a definition again.
fn head(catalog: &Catalog, definition: &Definition) -> String {
    let mut fields = Fields::new()
        .line("# definition", definition.name())
        .line("# operator", definition.title())
        .line("# from", origin(catalog, definition));
    if definition.needs_base_url() {
        fields = fields.line("# an account gives", "base_url");
    }
    for (name, setting) in definition.settings() {
        let default =
            setting.default.as_ref().map_or_else(String::new, |default| format!(" [default: {default}]"));
        fields = fields.line("# setting", format!("{name}: {}{default}", setting.about));
    }
    for (name, about) in definition.secrets() {
        fields = fields.line("# secret", format!("{name}: {about}"));
    }
    for limit in limits(definition.limits()) {
        fields = fields.line("# limit", limit);
    }
    fields
        .maybe(
            "# declared lag",
            definition.declared_lag_seconds().map(|seconds| format!("up to {}", human::duration(seconds))),
        )
        .text()
}

fn limits(limits: &Limits) -> Vec<String> {
    let mut lines: Vec<String> = limits
        .buckets
        .iter()
        .map(|bucket| {
            let scope = match bucket.scope {
                Scope::Credential => "for each operator account",
                Scope::Host => "to one host",
                Scope::Iccid => "about one SIM",
                Scope::Login => "to log in",
            };
            format!("{} calls in {} {scope}", bucket.limit, human::duration(bucket.per_seconds.into()))
        })
        .collect();
    lines.push(format!("{} calls at once", limits.max_concurrent));
    if limits.min_refresh_seconds > 0 {
        lines.push(format!(
            "{} between readings of one SIM",
            human::duration(limits.min_refresh_seconds.into())
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &str, lease_until: i64) -> LaneRow {
        let status = r#"{"health":"ok"}"#.to_owned();
        LaneRow { name: name.into(), holder: "n1".into(), epoch: 1, lease_until, status }
    }

    #[test]
    fn lanes_and_configuration_are_merged() {
        let merged = merged(vec![lane("b", 5_000)], &["a".to_owned()]);
        assert_eq!(merged.keys().collect::<Vec<_>>(), ["a", "b"]);
        let json = as_json("b", merged["b"].as_ref(), &["a".to_owned()], UnixMs(1_000));
        assert_eq!(
            (&json["configured"], &json["held"], &json["status"]["health"]),
            (&json!(false), &json!(true), &json!("ok"))
        );
        assert_eq!(as_json("a", None, &["a".to_owned()], UnixMs(0))["holder"], Value::Null);
    }

    #[test]
    fn leases_in_words() {
        assert_eq!(in_words(&lane("b", 5_000), UnixMs(1_000)), "held by n1, 4 s left");
        assert_eq!(in_words(&lane("b", 5_000), UnixMs(65_000)), "lost by n1 1 min ago");
        assert_eq!(in_words(&lane("b", 0), UnixMs(65_000)), "given back by n1");
    }

    #[test]
    fn a_shown_definition_is_one() {
        let catalog = Catalog::builtin().expect("built in");
        for definition in catalog.iter() {
            let text = format!("{}\n{}", head(&catalog, definition), definition.source());
            Definition::parse("shown", &text).expect("still a definition");
        }
        assert!(show("nonsense", &catalog, &Output::default()).is_err());
    }
}
