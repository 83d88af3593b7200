//! `simgauge check`: whether the store is damaged, also while it is served.

use super::actor::actor;
use super::audit;
use super::output::Output;
use crate::app::connect_existing;
use crate::config::Config;
use serde_json::json;
use simgauge_admin::{Administration, ReconcileScope, ReconcileTotals};
use simgauge_service::clock::Clock;
use simgauge_store::{CheckReport, Store};
use std::process::ExitCode;
use std::time::Duration;

/// How much is looked at.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Look at everything: also whether indexes agree with their tables, rows refer to rows that exist, the
    /// whole audit is as it was written, and all bookings agree with the readings. Takes long on a large
    /// store.
    #[arg(long)]
    full: bool,
    /// Stop the quick check after so many seconds. What was not looked at by then is told.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, conflicts_with = "full")]
    limit: u64,
}

/// Checks: exit code 0 says that nothing is wrong, 1 that something is.
///
/// # Errors
/// The store cannot be opened or read at all.
pub async fn run(args: CheckArgs, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let store = connect_existing(config).await?;
    let report = check(&store, &args).await;
    store.close().await;
    let CheckReport { findings, schema, rows, unfinished } = report?;
    let is_sound = findings.is_empty() && schema.is_empty();
    let counts: serde_json::Map<_, _> =
        rows.iter().map(|(table, rows)| (table.clone(), (*rows).into())).collect();
    let summary = json!({
        "sound": is_sound,
        "findings": findings,
        "schema": schema,
        "unfinished": unfinished,
        "rows": counts,
    });
    output.print(&summary, || {
        let mut lines: Vec<String> =
            rows.iter().map(|(table, rows)| format!("{table}: {rows} rows")).collect();
        lines.extend(schema.iter().map(|line| format!("SCHEMA: {line}")));
        lines.extend(findings.iter().map(|line| format!("DAMAGED: {line}")));
        lines.extend(unfinished.iter().map(|part| format!("not looked at to the end: {part}")));
        lines.push(if is_sound { "nothing is wrong" } else { "something is wrong" }.to_owned());
        lines.join("\n")
    })?;
    Ok(ExitCode::from(u8::from(!is_sound)))
}

async fn check(store: &Store, args: &CheckArgs) -> anyhow::Result<CheckReport> {
    let limit = (!args.full).then(|| Duration::from_secs(args.limit));
    let mut report = store.check(args.full, limit).await?;
    if !report.schema.is_empty() {
        return Ok(report);
    }
    let admin = Administration::new(store, actor(), Clock::default());
    let chain = match args.full {
        true => admin.verify_audit(None).await,
        false => admin.verify_audit_end().await,
    };
    match chain {
        Ok(Ok(_)) => {}
        Ok(Err(broken)) => report.findings.push(format!("audit: {}", audit::in_words(broken))),
        Err(error) => report.findings.push(format!("audit: {error}")),
    }
    if args.full {
        match bookings(&admin).await {
            Ok(findings) => report.findings.extend(findings),
            Err(error) => report.findings.push(format!("bookings: {error:#}")),
        }
    }
    Ok(report)
}

/// What is wrong with the cards' bookings.
async fn bookings(admin: &Administration) -> anyhow::Result<Vec<String>> {
    let mut reconciliation = admin.reconcile(ReconcileScope::default(), 0).await?;
    while reconciliation.next_page().await?.is_some() {}
    let ReconcileTotals { differing_cards, damaged_cards, .. } = reconciliation.totals();
    let findings = [
        (differing_cards, "cards have bookings that do not agree with their readings"),
        (damaged_cards, "cards have damaged rows"),
    ];
    let found = findings.into_iter().filter(|(cards, _)| *cards > 0);
    let in_words = |(cards, what)| format!("bookings: {cards} {what}; simgauge usage reconcile names them");
    Ok(found.map(in_words).collect())
}
