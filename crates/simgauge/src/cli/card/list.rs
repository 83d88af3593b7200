//! `simgauge card list`: cards by number, of any account.

use super::sums::{as_json, sums};
use crate::cli::output::{Output, Table, or_dash};
use serde_json::Value;
use simgauge_admin::{Administration, human};
use simgauge_store::CardView;
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

pub(super) async fn run(args: ListArgs, admin: &Administration, output: &Output) -> anyhow::Result<ExitCode> {
    let cards = admin.cards_after(args.account.as_deref(), &args.after, args.limit).await?;
    let list: Vec<Value> = cards.iter().map(as_json).collect();
    output.print(&list, || {
        let mut table = Table::new(&["NUMBER", "ACCOUNT", "STATUS", "USED", "TOTAL", "OPERATOR", "LABEL"]);
        cards.iter().for_each(|card| table.row(cells(card)));
        let mut text = table.or("no cards");
        let is_full = i64::try_from(cards.len()).is_ok_and(|count| count == args.limit);
        if let Some(last) = cards.last().filter(|_| is_full) {
            text.push_str(&format!("there may be more: --after {}\n", last.number));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn cells(card: &CardView) -> [String; 7] {
    let (used, total) = sums(card);
    let mut operators: Vec<&str> =
        card.profiles.iter().map(|profile| profile.operator_account.as_str()).collect();
    operators.dedup();
    [
        card.number.clone(),
        card.account.clone(),
        card.status.clone(),
        or_dash(used.map(human::bytes)),
        or_dash(total.map(human::bytes)),
        operators.join(" "),
        card.label.clone(),
    ]
}
