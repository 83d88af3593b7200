//! `simgauge card list` and `card show`: cards as the store holds them, whoever's they are.

use crate::cli::human;
use crate::cli::input::known_account;
use crate::cli::output::{Fields, Output, Table};
use serde_json::{Value, json};
use simgauge_domain::accept::cooling_until;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use simgauge_service::clock::Clock;
use simgauge_store::{CardRules, CardView, ProfileView, RefreshView, Store};
use std::process::ExitCode;

/// The arguments of `card list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only cards of this account.
    #[arg(long)]
    account: Option<String>,
    /// Begin after this number: the last one of the list before.
    #[arg(long, value_name = "NUMBER", default_value = "")]
    after: String,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

/// The arguments of `card show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Its ICCID or EID.
    number: String,
}

pub(super) async fn list(args: ListArgs, store: &Store, output: &Output) -> anyhow::Result<ExitCode> {
    known_account(store, args.account.as_deref()).await?;
    let cards = store.cards_after(args.account.as_deref(), &args.after, args.limit).await?;
    let list: Vec<Value> = cards.iter().map(as_json).collect();
    output.print(&list, || {
        let mut table = Table::new(&["NUMBER", "ACCOUNT", "STATUS", "USED", "TOTAL", "OPERATOR", "LABEL"]);
        for card in &cards {
            let (used, total) = sums(card);
            let mut operators: Vec<&str> =
                card.profiles.iter().map(|profile| profile.operator_account.as_str()).collect();
            operators.dedup();
            table.row([
                card.number.clone(),
                card.account.clone(),
                card.status.clone(),
                used.map_or_else(|| "-".to_owned(), human::bytes),
                total.map_or_else(|| "-".to_owned(), human::bytes),
                operators.join(" "),
                card.label.clone(),
            ]);
        }
        let mut text = table.or("no cards");
        let is_full = i64::try_from(cards.len()).is_ok_and(|count| count == args.limit);
        if let Some(last) = cards.last().filter(|_| is_full) {
            text.push_str(&format!("there may be more: --after {}\n", last.number));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn show(
    args: ShowArgs,
    store: &Store,
    rules: &CardRules,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    // Letters in numbers are stored as capitals.
    let number = args.number.to_ascii_uppercase();
    let Some(card) = store.card_of_any(&number).await? else {
        anyhow::bail!("there is no card {number}");
    };
    let now = Clock::default().now();
    let rule = match card.kind {
        CardKind::Sim => rules.sim,
        CardKind::CloudEsim => rules.cloud_esim,
    };
    let next = card.accepted_at.and_then(|at| cooling_until(at, now, rule.cooldown));
    let mut json = as_json(&card);
    if let Value::Object(fields) = &mut json {
        fields.insert("nextRefreshAt".to_owned(), json!(next.map(UnixMs::seconds)));
    }
    output.print(&json, || in_words(&card, next, now))?;
    Ok(ExitCode::SUCCESS)
}

/// Used and total over all profiles; nothing where one is not known, since a part would look like the whole.
fn sums(card: &CardView) -> (Option<u64>, Option<u64>) {
    let sum = |of: fn(&ProfileView) -> Option<u64>| {
        let parts = card.profiles.iter().map(of).collect::<Option<Vec<u64>>>()?;
        parts.into_iter().reduce(u64::saturating_add)
    };
    (sum(|profile| profile.used), sum(|profile| profile.total))
}

fn as_json(card: &CardView) -> Value {
    let seconds = |at: Option<UnixMs>| at.map(UnixMs::seconds);
    let (used, total) = sums(card);
    let profiles: Vec<Value> = card
        .profiles
        .iter()
        .map(|profile| {
            let period = profile.period.as_ref();
            json!({
                "iccid": profile.iccid,
                "operatorAccount": profile.operator_account,
                "status": profile.status.map(|status| status.as_str()),
                "rawStatus": profile.raw_status,
                "usedBytes": profile.used,
                "totalBytes": profile.total,
                "period": period.map(|period| json!({
                    "kind": period.kind.as_str(), "start": seconds(period.start), "end": seconds(period.end),
                })),
                "asOf": seconds(profile.as_of),
                "syncedAt": seconds(profile.synced_at),
            })
        })
        .collect();
    let refresh = card.refresh.as_ref().map(|refresh| {
        json!({
            "refreshId": refresh.id.as_str(),
            "state": refresh.state.as_str(),
            "acceptedAt": refresh.accepted_at.seconds(),
            "finishedAt": seconds(refresh.finished_at),
            "appkey": refresh.appkey,
            "before": refresh.before,
            "after": refresh.after,
            "reason": refresh.failure.as_ref().map(|failure| failure.kind.as_str()),
            "reasonText": refresh.failure.as_ref().map(|failure| failure.detail.as_str()),
        })
    });
    json!({
        "number": card.number,
        "kind": card.kind.as_str(),
        "account": card.account,
        "status": card.status,
        "label": card.label,
        "usedBytes": used,
        "totalBytes": total,
        "profiles": profiles,
        "refresh": refresh,
    })
}

fn in_words(card: &CardView, next: Option<UnixMs>, now: UnixMs) -> String {
    let kind = match card.kind {
        CardKind::Sim => "physical card",
        CardKind::CloudEsim => "cloud eSIM",
    };
    let (used, total) = sums(card);
    let mut fields = Fields::new()
        .line("number", &card.number)
        .line("kind", kind)
        .line("account", &card.account)
        .line("status", &card.status)
        .maybe("label", Some(card.label.as_str()).filter(|label| !label.is_empty()))
        .line("used", used.map_or_else(|| "not read yet".to_owned(), human::bytes_exact))
        .maybe("total", total.map(human::bytes_exact));
    if let Some(refresh) = &card.refresh {
        fields = refresh_lines(fields, refresh, now);
    }
    let next =
        next.map_or_else(|| "now".to_owned(), |at| human::time_and_distance(at.seconds(), now.seconds()));
    let head = fields.line("next refresh", next).text();

    let mut table = Table::new(&["PROFILE", "OPERATOR", "STATUS", "USED", "TOTAL", "SYNCED"]);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for profile in &card.profiles {
        table.row([
            profile.iccid.clone(),
            profile.operator_account.clone(),
            or_dash(profile.status.map(|status| status.as_str().to_owned())),
            or_dash(profile.used.map(human::bytes)),
            or_dash(profile.total.map(human::bytes)),
            or_dash(profile.synced_at.map(|at| human::time(at.seconds()))),
        ]);
    }
    format!("{head}\n{}", table.or("no profiles"))
}

fn refresh_lines(fields: Fields, refresh: &RefreshView, now: UnixMs) -> Fields {
    let at = refresh.finished_at.unwrap_or(refresh.accepted_at);
    let at = human::time_and_distance(at.seconds(), now.seconds());
    let change = refresh
        .before
        .zip(refresh.after)
        .filter(|_| refresh.state == RefreshState::Succeeded)
        .map(|(before, after)| human::change(before, after));
    fields
        .line("last refresh", format!("{}, {at}", refresh.state.as_str()))
        .line("", format!("{} by app {}", refresh.id, refresh.appkey))
        .maybe("difference", change)
        .maybe(
            "reason",
            refresh.failure.as_ref().map(|failure| format!("{}: {}", failure.kind, failure.detail)),
        )
}
