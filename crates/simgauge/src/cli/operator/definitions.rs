//! `simgauge operator definitions` and `operator show`: the definitions of operators' APIs.

use super::named::NamedDefinition;
use crate::cli::output::{Fields, Output};
use serde_json::{Value, json};
use simgauge_admin::human;
use simgauge_domain::limits::{Limits, Scope};
use simgauge_operators::catalog::Origin;
use simgauge_operators::check::{Proof, proof_of};
use simgauge_operators::{Catalog, Definition};
use std::process::ExitCode;
use std::sync::Arc;

/// `operator definitions`: the definitions by name.
///
/// # Errors
/// The list cannot be printed.
pub(super) fn list(catalog: &Catalog, output: &Output) -> anyhow::Result<ExitCode> {
    let definitions: Vec<&Arc<Definition>> = catalog.iter().collect();
    output.list(
        &definitions,
        |definition| {
            let proof = proof(catalog, definition);
            json!({
                "name": definition.name(),
                "title": definition.title(),
                "origin": origin(catalog, definition),
                "acceptsEid": definition.accepts_eid(),
                "declaredLagSeconds": definition.declared_lag_seconds(),
                "evidence": definition.evidence().as_str(),
                "exchanges": proof.exchanges,
                "exchangesFromOutside": proof.from_outside,
            })
        },
        ["DEFINITION", "OPERATOR", "FROM", "EVIDENCE", "FROM OUTSIDE"],
        |definition| {
            let (name, title) = (definition.name().to_owned(), definition.title().to_owned());
            let proof = proof(catalog, definition);
            let from_outside = format!("{} of {}", proof.from_outside, proof.exchanges);
            [
                name,
                title,
                origin(catalog, definition),
                definition.evidence().as_str().to_owned(),
                from_outside,
            ]
        },
        "no definitions",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// `operator show`: what an operator account has to give, the operator's limits, and the definition's text.
///
/// # Errors
/// It cannot be printed.
pub(super) fn show(
    NamedDefinition { definition, origin }: &NamedDefinition,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let settings: Vec<Value> = definition
        .settings()
        .iter()
        .map(|(name, setting)| {
            let default = setting.default.as_ref();
            json!({ "name": name, "about": setting.about, "default": default, "open": setting.is_open })
        })
        .collect();
    let json = json!({
        "name": definition.name(),
        "title": definition.title(),
        "origin": origin_in_words(Some(origin)),
        "sources": definition.sources(),
        "evidence": definition.evidence().as_str(),
        "settings": settings,
        "secrets": definition.secrets(),
        "needsBaseUrl": definition.needs_base_url(),
        "limits": definition.limits(),
        "declaredLagSeconds": definition.declared_lag_seconds(),
        "freshness": definition.freshness(),
        "acceptsEid": definition.accepts_eid(),
        "source": definition.source(),
    });
    output.print(&json, || format!("{}\n{}", head(definition, origin), definition.source()))?;
    Ok(ExitCode::SUCCESS)
}

fn proof(catalog: &Catalog, definition: &Definition) -> Proof {
    catalog.origin(definition.name()).map(|origin| proof_of(definition, origin)).unwrap_or_default()
}

fn origin(catalog: &Catalog, definition: &Definition) -> String {
    origin_in_words(catalog.origin(definition.name()))
}

fn origin_in_words(origin: Option<&Origin>) -> String {
    match origin {
        Some(Origin::File(path)) => path.display().to_string(),
        Some(Origin::BuiltIn) | None => "built in".to_owned(),
    }
}

/// A summary in front of the text, as comments, so that the whole output is a definition again.
fn head(definition: &Definition, origin: &Origin) -> String {
    let mut fields = Fields::new()
        .line("# definition", definition.name())
        .line("# operator", definition.title())
        .line("# from", origin_in_words(Some(origin)))
        .line("# evidence", definition.evidence().as_str());
    if definition.needs_base_url() {
        fields = fields.line("# an account gives", "base_url");
    }
    for (name, setting) in definition.settings() {
        let word = if setting.is_open { "not answered by the documents; assumed" } else { "default" };
        let default =
            setting.default.as_ref().map_or_else(String::new, |default| format!(" [{word}: {default}]"));
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
    if let Some(seconds) = limits.retry_after_max_seconds {
        lines.push(format!("Retry-After cut to {}", human::duration(seconds.into())));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::named::find;
    use super::*;

    #[test]
    fn a_shown_definition_is_one() {
        let catalog = Catalog::builtin().expect("built in");
        for definition in catalog.iter() {
            let text = format!("{}\n{}", head(definition, &Origin::BuiltIn), definition.source());
            Definition::parse("shown", &text).expect("still a definition");
        }
    }

    #[test]
    fn a_definition_is_shown_by_its_name_or_its_file() {
        assert!(find("nonsense", None).is_err_and(|error| error.to_string().contains("telnyx")));
        let dir = tempfile::tempdir().expect("folder");
        let file = dir.path().join("mine.toml");
        let name = file.display().to_string();
        let telnyx = find("telnyx", None).expect("built in");
        std::fs::write(&file, telnyx.definition.source()).expect("written");
        let mine = find(&name, None).expect("a definition");
        assert_eq!((&mine.origin, mine.definition.name()), (&Origin::File(file.clone()), "telnyx"));
        assert!(head(&mine.definition, &mine.origin).contains(&name));
        assert_eq!(show(&mine, &Output::default()).expect("printed"), ExitCode::SUCCESS);
        std::fs::write(&file, "name = 1").expect("written");
        assert!(find(&name, None).is_err_and(|error| error.to_string().contains("mine.toml:1:")));
    }
}
