//! `simgauge usage reconcile`: whether the books agree with the readings, and the readings with the usage
//! that operators last reported.

use super::history;
use crate::cli::output::Output;
use serde_json::{Value, json};
use simgauge_admin::{
    AdminError, Administration, DamagedCard, Difference, DifferenceKind, ReconcilePage, ReconcileScope,
    ReconcileTotals, Reconciliation, human,
};
use simgauge_client::answer::ReadingAnswer;
use simgauge_service::answers::reading_answer;
use std::process::ExitCode;

/// The arguments of `usage reconcile`.
#[derive(Debug, clap::Args)]
pub struct ReconcileArgs {
    /// Only cards of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only this card, by ICCID or EID.
    #[arg(long, value_name = "NUMBER")]
    card: Option<String>,
    /// Only the cards that come after the one of this number, which a check that broke off names.
    #[arg(long, value_name = "NUMBER", conflicts_with = "card")]
    after: Option<String>,
    /// Show at most so many differences; the rest is only counted.
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
}

/// Runs the command: exit code 0 says that everything agrees, 1 that something does not or cannot be read.
///
/// # Errors
/// The card or account does not exist, or the check broke off: the store failed, or somebody stopped it.
pub async fn run(args: ReconcileArgs, admin: &Administration, output: &Output) -> anyhow::Result<ExitCode> {
    let scope = ReconcileScope { account: args.account, card: args.card, after: args.after };
    let mut reconciliation = admin.reconcile(scope, args.limit).await?;
    let mut found = Found::default();
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let page = tokio::select! {
            biased;
            interrupted = &mut interrupted => Err(match interrupted {
                Ok(()) => anyhow::anyhow!("stopped"),
                Err(error) => error.into(),
            }),
            page = next_page(&mut reconciliation) => page.map_err(anyhow::Error::from),
        };
        match page {
            Ok(Some(page)) => found.add(page, output)?,
            Ok(None) => break,
            Err(error) => return Err(broken_off(error, &reconciliation)),
        }
    }
    let totals = reconciliation.totals();
    let summary = json!({
        "cards": totals.cards,
        "profiles": totals.profiles,
        "differingCards": totals.differing_cards,
        "differenceCount": totals.differences,
        "differences": found.differences,
        "damagedCards": found.damaged,
    });
    output.print(&summary, || totals_in_words(totals, found.shown))?;
    Ok(ExitCode::from(u8::from(totals.differences > 0 || totals.damaged_cards > 0)))
}

/// The next page, after a look at whether somebody stopped it: an embedded store never waits by itself.
async fn next_page(reconciliation: &mut Reconciliation<'_>) -> Result<Option<ReconcilePage>, AdminError> {
    tokio::task::yield_now().await;
    reconciliation.next_page().await
}

/// What was found so far. For people it is shown at once, for programs at the end as one document.
#[derive(Default)]
struct Found {
    differences: Vec<Value>,
    damaged: Vec<Value>,
    shown: u64,
}

impl Found {
    fn add(&mut self, page: ReconcilePage, output: &Output) -> anyhow::Result<()> {
        self.shown += count(page.differences.len());
        for difference in page.differences {
            if output.json {
                self.differences.push(as_json(difference));
            } else {
                output.print(&(), || in_words(difference))?;
            }
        }
        for DamagedCard { card, error } in page.damaged {
            if output.json {
                self.damaged.push(json!({ "card": card, "error": error.to_string() }));
            } else {
                output.print(&(), || format!("card {card} cannot be checked: {error}"))?;
            }
        }
        Ok(())
    }
}

/// Why a check broke off, and how to go on.
fn broken_off(error: anyhow::Error, reconciliation: &Reconciliation<'_>) -> anyhow::Error {
    let totals = reconciliation.totals();
    match reconciliation.last() {
        Some(last) => error.context(format!(
            "the check broke off after {}, with {} so far; go on with --after {last}",
            counted(totals.cards, "card"),
            counted(totals.differences, "difference"),
        )),
        None => error,
    }
}

fn as_json(difference: Difference) -> Value {
    let Difference { card, account, kind, readings } = difference;
    let readings: Vec<ReadingAnswer> = readings.into_iter().map(reading_answer).collect();
    match kind {
        DifferenceKind::Books { ledger_bytes, booked_bytes, counted_bytes } => json!({
            "card": card, "account": account, "kind": "books", "ledgerBytes": json_bytes(ledger_bytes),
            "bookedBytes": booked_bytes, "countedBytes": counted_bytes, "readings": readings,
        }),
        DifferenceKind::Operator { iccid, operator_account, counted_bytes, operator_bytes } => json!({
            "card": card, "account": account, "kind": "operator", "iccid": iccid,
            "operatorAccount": operator_account, "countedBytes": counted_bytes,
            "operatorBytes": operator_bytes, "readings": readings,
        }),
    }
}

/// A sum of packages can be more than a number of JSON's holds everywhere; then it is a text.
fn json_bytes(bytes: i128) -> Value {
    i64::try_from(bytes).map_or_else(|_| bytes.to_string().into(), Value::from)
}

fn in_words(difference: Difference) -> String {
    let exact = |bytes: i128| {
        let sign = if bytes < 0 { "-" } else { "" };
        format!("{sign}{} bytes", human::count(u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX)))
    };
    let Difference { card, account, kind, readings } = difference;
    let what = match kind {
        DifferenceKind::Books { ledger_bytes, booked_bytes, counted_bytes } => format!(
            "packages and overage hold {}, the books add up to {}, the readings to {}",
            exact(ledger_bytes),
            exact(booked_bytes.into()),
            exact(counted_bytes.into()),
        ),
        DifferenceKind::Operator { iccid, operator_account, counted_bytes, operator_bytes } => format!(
            "profile {iccid} at {operator_account}: the readings of the current count add up to {}, the \
             operator's last figure is {}",
            exact(counted_bytes.into()),
            exact(operator_bytes.into()),
        ),
    };
    let readings: Vec<ReadingAnswer> = readings.into_iter().map(reading_answer).collect();
    let readings = history::readings(&readings).or("no readings");
    format!("card {card} of {account}: {what}\n{readings}\n")
}

fn totals_in_words(totals: ReconcileTotals, shown: u64) -> String {
    let were = if totals.profiles == 1 { "was" } else { "were" };
    let checked = format!(
        "{} with {} that {were} read",
        counted(totals.cards, "card"),
        counted(totals.profiles, "profile")
    );
    let damaged = match totals.damaged_cards {
        0 => String::new(),
        damaged => format!("; {} cannot be checked", counted(damaged, "card")),
    };
    if totals.differences == 0 {
        return match totals.damaged_cards {
            0 => format!("{checked}: all agree"),
            _ => format!("{checked}: no difference{damaged}"),
        };
    }
    let differences = counted(totals.differences, "difference");
    let not_shown = totals.differences.saturating_sub(shown);
    let rest =
        if not_shown > 0 { format!(" ({} not shown)", human::count(not_shown)) } else { String::new() };
    format!("{checked}: {differences} on {}{rest}{damaged}", counted(totals.differing_cards, "card"))
}

/// `1 card`, `2 cards`.
fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", human::count(number), if number == 1 { "" } else { "s" })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
