//! `simgauge usage`: a card as the platform knows it.

use super::connection::{CardNumber, Connection, report};
use super::human;
use super::output::{Fields, Output, Table};
use crate::clock::Clock;
use simgauge_client::answer::{CardAnswer, RefreshReport, RefreshState, Usage, UsagePeriod};
use std::process::ExitCode;

/// Show a card's usage, packages, profiles and last refresh.
#[derive(Debug, clap::Args)]
pub struct UsageArgs {
    #[command(flatten)]
    card: CardNumber,
    #[command(flatten)]
    connection: Connection,
}

/// Runs the command.
///
/// # Errors
/// The answer cannot be printed; that a call failed is told and is exit code 1.
pub async fn run(args: UsageArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let answer = match args.connection.client() {
        Ok(client) => args.card.read(&client).await,
        Err(error) => Err(error),
    };
    let now = Clock::default().now().seconds();
    match answer {
        Ok(card) => {
            output.print(&card, || in_words(&card, now))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => report(&error, now, output),
    }
}

fn in_words(card: &CardAnswer, now: i64) -> String {
    let mut fields = Fields::new()
        .maybe("iccid", card.iccid.as_deref())
        .maybe("eid", card.eid.as_deref())
        .line("status", &card.card_status)
        .maybe("label", Some(card.label.as_str()).filter(|label| !label.is_empty()));
    fields = match &card.usage {
        Some(usage) => usage_lines(fields, usage),
        None => fields.line("used", "not read yet"),
    };
    if let Some(refresh) = &card.refresh {
        fields = refresh_lines(fields, refresh, now);
    }
    let next = card.next_refresh_at.map_or_else(|| "now".to_owned(), |at| human::time_and_distance(at, now));
    let mut text = fields.line("next refresh", next).text();

    let mut packages = Table::new(&["PACKAGE", "NAME", "USED", "TOTAL", "REMAINING", "VALID UNTIL"]);
    for package in &card.packages {
        packages.row([
            package.code.clone(),
            package.name.clone(),
            human::bytes(package.used_bytes),
            package.total_bytes.map_or_else(|| "unlimited".to_owned(), human::bytes),
            package.remaining_bytes.map_or_else(|| "unlimited".to_owned(), human::bytes),
            package.valid_to.map_or_else(|| "-".to_owned(), human::time),
        ]);
    }
    if !card.packages.is_empty() {
        text = format!("{text}\n{}", packages.or(""));
    }
    let mut profiles = Table::new(&["PROFILE", "STATUS", "USED", "TOTAL", "AGE"]);
    for profile in &card.profiles {
        let usage = profile.usage.as_ref();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        profiles.row([
            profile.iccid.clone(),
            or_dash(profile.status.clone()),
            or_dash(usage.map(|usage| human::bytes(usage.used_bytes))),
            or_dash(usage.and_then(|usage| usage.total_bytes).map(human::bytes)),
            or_dash(usage.map(|usage| human::duration(usage.age_seconds.unsigned_abs()))),
        ]);
    }
    format!("{text}\n{}", profiles.or("no profiles"))
}

fn usage_lines(fields: Fields, usage: &Usage) -> Fields {
    fields
        .line("used", human::bytes_exact(usage.used_bytes))
        .line(
            "total",
            usage.total_bytes.map_or_else(|| "unlimited or unknown".to_owned(), human::bytes_exact),
        )
        .maybe("remaining", usage.remaining_bytes.map(human::bytes_exact))
        .maybe("as of", usage.as_of.map(|at| format!("{}, by the operator's clock", human::time(at))))
        .line("synced", human::time(usage.synced_at))
        .line("age", human::duration(usage.age_seconds.unsigned_abs()))
        .maybe(
            "declared lag",
            usage.declared_lag_seconds.map(|seconds| format!("up to {}", human::duration(seconds))),
        )
        .line("period", period(&usage.period))
}

fn period(period: &UsagePeriod) -> String {
    let name = period.kind.replace('_', " ");
    let shown = |at: Option<i64>| at.map_or_else(|| "?".to_owned(), human::time);
    match (period.start, period.end) {
        (None, None) => name,
        (start, end) => format!("{name}: {} to {}", shown(start), shown(end)),
    }
}

fn refresh_lines(fields: Fields, refresh: &RefreshReport, now: i64) -> Fields {
    let at = human::time_and_distance(refresh.finished_at.unwrap_or(refresh.accepted_at), now);
    let state = match refresh.state {
        RefreshState::Queued => "queued since",
        RefreshState::Running => "running since",
        RefreshState::Succeeded => "succeeded at",
        RefreshState::Failed => "failed at",
    };
    let change = refresh
        .before
        .zip(refresh.after)
        .filter(|_| refresh.state == RefreshState::Succeeded)
        .map(|(before, after)| human::change(before, after));
    fields
        .line("last refresh", format!("{state} {at}"))
        .line("", &refresh.refresh_id)
        .maybe("difference", change)
        .maybe("reason", refresh.reason.as_deref())
        .maybe("", refresh.reason_text.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_client::answer::ProfileAnswer;

    #[test]
    fn everything_known_is_told() {
        let usage = Usage {
            used_bytes: 1_234_567_890,
            total_bytes: Some(5_000_000_000),
            remaining_bytes: Some(3_765_432_110),
            as_of: Some(1_800_000_000),
            synced_at: 1_800_000_060,
            age_seconds: 125,
            declared_lag_seconds: Some(14_400),
            period: UsagePeriod { kind: "billing_cycle".into(), start: Some(1_798_000_000), end: None },
        };
        let card = CardAnswer {
            iccid: Some("8988308650100524999".into()),
            eid: None,
            card_status: "ACTIVATED_NAME".into(),
            label: String::new(),
            usage: Some(usage.clone()),
            overage_bytes: None,
            packages: Vec::new(),
            profiles: vec![ProfileAnswer {
                iccid: "8988308650100524999".into(),
                status: None,
                usage: Some(usage),
            }],
            refresh: None,
            next_refresh_at: None,
        };
        let text = in_words(&card, 1_800_000_125);
        for part in [
            "used          1.2 GB (1,234,567,890 bytes)",
            "remaining     3.8 GB",
            "as of         2027-01-15 08:00:00 UTC",
            "age           2 min 5 s",
            "up to 4 h",
            "billing cycle: ",
            "next refresh  now",
            "PROFILE              STATUS  USED    TOTAL   AGE",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let unread = in_words(&CardAnswer { usage: None, profiles: Vec::new(), ..card }, 0);
        assert!(unread.contains("not read yet") && unread.contains("no profiles"), "{unread}");
    }
}
