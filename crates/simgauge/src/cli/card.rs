//! `simgauge card`: importing, exporting and showing cards.

mod export;
mod import;
mod list;
mod show;
mod sums;
#[cfg(test)]
mod tests;

use super::output::Output;
use simgauge_admin::Administration;
use simgauge_store::CardRules;
use std::process::ExitCode;

/// Cards: what customers refresh.
#[derive(Debug, clap::Subcommand)]
pub enum CardCommand {
    /// Bring cards in from a CSV file.
    ///
    /// The first line names the columns, in any order: iccid, account and operator_account are needed; eid,
    /// status, label and profile_iccid are optional. A row with an eid is a profile (its iccid) of that cloud
    /// eSIM; several rows of one eid are several profiles. A physical card with several profiles repeats its
    /// iccid with different profile_iccid. A card that is known already gets the row's operator account, and
    /// its status and label where they are given; it keeps its usage and history. A new card without a status
    /// is ACTIVATED_NAME. Numbers may be spelled with spaces, hyphens or a trailing F. A number that differs
    /// from a known one by its check digit only is refused, as the same SIM, unless --distinct.
    Import(import::ImportArgs),
    /// Write cards as a CSV file that `card import` takes.
    Export(export::ExportArgs),
    /// List cards by number.
    List(list::ListArgs),
    /// Show a card with its profiles, usage, last refresh and cooldown.
    Show(show::ShowArgs),
}

/// Runs the command. `operator_accounts` are the names of the configured operator accounts. An import checks
/// its rows against them, unless there are none. `rules` hold the cooldowns.
///
/// # Errors
/// A file cannot be read or written, a card or account does not exist, or the store failed.
pub async fn run(
    command: CardCommand,
    admin: &Administration,
    operator_accounts: &[String],
    rules: &CardRules,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    match command {
        CardCommand::Import(args) => import::run(args, admin, operator_accounts, output).await,
        CardCommand::Export(args) => export::run(args, admin, output).await,
        CardCommand::List(args) => list::run(args, admin, output).await,
        CardCommand::Show(args) => show::run(args, admin, rules, output).await,
    }
}
