//! `simgauge usage`: a card as the platform knows it, its history, and whether its books agree.

mod history;
pub mod reconcile;

use super::connection::{CardNumber, Connection, report};
use super::output::{Fields, Output, Table, bytes_or_unlimited, difference, or_dash, unless_empty};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use simgauge_admin::human;
use simgauge_client::answer::{CardAnswer, PackageState, RefreshReport, RefreshState, Usage, UsagePeriod};
use simgauge_service::clock::Clock;
use std::process::ExitCode;

/// `usage` by itself, or `usage reconcile`.
#[derive(Debug)]
pub enum UsageArgs {
    /// Over the open API.
    Show(ShowArgs),
    /// On the store.
    Reconcile(reconcile::ReconcileArgs),
}

/// Show a card's usage, packages, profiles and last refresh.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    card: CardNumber,
    /// Show what was read of it instead, newest first, and its days.
    #[arg(long)]
    history: bool,
    /// So many readings.
    #[arg(long, value_name = "N", default_value = "20", requires = "history",
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    #[command(flatten)]
    connection: Connection,
}

// Written by hand: the second form must not ask for what the first form needs, even where the environment
// gives a part of it.
impl Args for UsageArgs {
    fn augment_args(command: Command) -> Command {
        let about = "Check that every card's packages, books and readings agree with what its operators last \
            reported.";
        let reconcile = reconcile::ReconcileArgs::augment_args(Command::new("reconcile")).about(about);
        ShowArgs::augment_args(command)
            .subcommand(reconcile)
            .subcommand_negates_reqs(true)
            .args_conflicts_with_subcommands(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for UsageArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some((_, matches)) => reconcile::ReconcileArgs::from_arg_matches(matches).map(Self::Reconcile),
            None => ShowArgs::from_arg_matches(matches).map(Self::Show),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// The answer cannot be printed. A call that failed is printed and is exit code 1, or 3 where it was told to
/// wait.
pub async fn run(args: ShowArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let now = Clock::default().now().seconds();
    let shown = async {
        let client = args.connection.client()?;
        Ok(if args.history {
            let history = history::read(&client, &args.card, args.limit.into()).await?;
            output.print(&history, || history::in_words(&history))
        } else {
            let card = args.card.read(&client).await?;
            output.print(&card, || in_words(&card, now))
        })
    };
    match shown.await {
        Ok(printed) => printed.map(|()| ExitCode::SUCCESS),
        Err(error) => report(&error, now, output),
    }
}

const fn package_state(state: PackageState) -> &'static str {
    match state {
        PackageState::Active => "active",
        PackageState::Waiting => "waiting",
        PackageState::UsedUp => "used up",
        PackageState::Expired => "expired",
    }
}

fn in_words(card: &CardAnswer, now: i64) -> String {
    let mut fields = Fields::new()
        .maybe("iccid", card.iccid.as_deref())
        .maybe("eid", card.eid.as_deref())
        .line("status", &card.card_status)
        .maybe("label", unless_empty(&card.label));
    fields = match &card.usage {
        Some(usage) => usage_lines(fields, usage),
        None => fields.line("used", "not read yet"),
    };
    if let Some(refresh) = &card.refresh {
        fields = refresh_lines(fields, refresh, now);
    }
    let next = card.next_refresh_at.map_or_else(|| "now".to_owned(), |at| human::time_and_distance(at, now));
    let mut text = fields.line("next refresh", next).text();

    let mut packages = Table::new(&["PACKAGE", "NAME", "STATE", "USED", "TOTAL", "REMAINING", "VALID UNTIL"]);
    for package in &card.packages {
        packages.row([
            package.code.clone(),
            package.name.clone(),
            package_state(package.state).to_owned(),
            human::bytes(package.used_bytes),
            bytes_or_unlimited(package.total_bytes),
            bytes_or_unlimited(package.remaining_bytes),
            or_dash(package.valid_to.map(human::time)),
        ]);
    }
    if !card.packages.is_empty() {
        text = format!("{text}\n{}", packages.or(""));
    }
    let mut profiles = Table::new(&["PROFILE", "STATUS", "USED", "TOTAL", "AGE"]);
    for profile in &card.profiles {
        let usage = profile.usage.as_ref();
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
        .maybe("warning", usage.warning.as_deref().map(not_believed))
}

fn not_believed(reason: &str) -> String {
    format!("the newest reading is not believed ({reason}); this is the usage before it")
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
    let succeeded = refresh.state == RefreshState::Succeeded;
    fields
        .line("last refresh", format!("{state} {at}"))
        .line("", &refresh.refresh_id)
        .maybe("difference", difference(succeeded, refresh.before, refresh.after))
        .maybe("reason", refresh.reason.as_deref())
        .maybe("", refresh.reason_text.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use simgauge_client::answer::ProfileAnswer;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: UsageArgs,
    }

    #[test]
    fn arguments() {
        let parse = |line: &str| Line::try_parse_from(line.split_whitespace()).map(|line| line.args);
        let login = "--appkey k --secret s";
        let Ok(UsageArgs::Show(show)) = parse(&format!("usage {login} --eid 1 --history --limit 7")) else {
            panic!("parsed");
        };
        assert_eq!((show.history, show.limit), (true, 7));
        assert!(matches!(parse("usage reconcile --account acme"), Ok(UsageArgs::Reconcile(_))));
        for wrong in [
            "usage".to_owned(),
            "usage --iccid 1".to_owned(),
            format!("usage {login}"),
            format!("usage {login} --iccid 1 --limit 7"),
            format!("usage {login} --iccid 1 --history --limit 0"),
            "usage --iccid 1 reconcile".to_owned(),
        ] {
            assert_eq!(parse(&wrong).expect_err(&wrong).exit_code(), 2, "{wrong}");
        }
    }

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
            period: UsagePeriod {
                kind: "billing_cycle".into(),
                start: Some(1_798_000_000),
                end: None,
                assumed: true,
            },
            warning: Some("fall".into()),
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
            operator: None,
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
