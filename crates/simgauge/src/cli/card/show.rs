//! `simgauge card show`: one card as the store holds it, of any account.

use super::sums::{as_json, sums};
use crate::cli::output::{Fields, Output, Table, difference, or_dash, time_or_dash, unless_empty};
use serde_json::json;
use simgauge_admin::{Administration, human, kind_name};
use simgauge_domain::accept::cooling_until;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use simgauge_service::clock::Clock;
use simgauge_store::{CardRules, CardView, RefreshView};
use std::process::ExitCode;

/// The arguments of `card show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Its ICCID or EID.
    number: String,
}

pub(super) async fn run(
    args: ShowArgs,
    admin: &Administration,
    rules: &CardRules,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let card = admin.card(&args.number).await?;
    let now = Clock::default().now();
    let rule = match card.kind {
        CardKind::Sim => rules.sim,
        CardKind::CloudEsim => rules.cloud_esim,
    };
    let next = card.accepted_at.and_then(|at| cooling_until(at, now, rule.cooldown));
    let mut json = as_json(&card);
    json["nextRefreshAt"] = json!(next.map(UnixMs::seconds));
    output.print(&json, || in_words(&card, next, now))?;
    Ok(ExitCode::SUCCESS)
}

fn in_words(card: &CardView, next: Option<UnixMs>, now: UnixMs) -> String {
    let (used, total) = sums(card);
    let mut fields = Fields::new()
        .line("number", &card.number)
        .line("kind", kind_name(card.kind))
        .line("account", &card.account)
        .line("status", &card.status)
        .maybe("label", unless_empty(&card.label))
        .line("used", used.map_or_else(|| "not read yet".to_owned(), human::bytes_exact))
        .maybe("total", total.map(human::bytes_exact));
    if let Some(refresh) = &card.refresh {
        fields = refresh_lines(fields, refresh, now);
    }
    let next =
        next.map_or_else(|| "now".to_owned(), |at| human::time_and_distance(at.seconds(), now.seconds()));
    let head = fields.line("next refresh", next).text();

    let mut table = Table::new(&["PROFILE", "OPERATOR", "STATUS", "USED", "TOTAL", "SYNCED"]);
    for profile in &card.profiles {
        table.row([
            profile.iccid.clone(),
            profile.operator_account.clone(),
            or_dash(profile.status.map(|status| status.as_str().to_owned())),
            or_dash(profile.used.map(human::bytes)),
            or_dash(profile.total.map(human::bytes)),
            time_or_dash(profile.synced_at),
        ]);
    }
    format!("{head}\n{}", table.or("no profiles"))
}

fn refresh_lines(fields: Fields, refresh: &RefreshView, now: UnixMs) -> Fields {
    let at = refresh.finished_at.unwrap_or(refresh.accepted_at);
    let at = human::time_and_distance(at.seconds(), now.seconds());
    let succeeded = refresh.state == RefreshState::Succeeded;
    fields
        .line("last refresh", format!("{}, {at}", refresh.state.as_str()))
        .line("", format!("{} by app {}", refresh.id, refresh.appkey))
        .maybe("difference", difference(succeeded, refresh.before, refresh.after))
        .maybe(
            "reason",
            refresh.failure.as_ref().map(|failure| format!("{}: {}", failure.kind, failure.detail)),
        )
}
