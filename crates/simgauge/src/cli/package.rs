//! `simgauge package`: the data plans that the platform sells on cards.

mod import;
#[cfg(test)]
mod tests;

use super::connection::CardNumber;
use super::output::{Output, Table, bytes_or_unlimited, time_or_dash};
use anyhow::{anyhow, bail};
use serde_json::{Value, json};
use simgauge_admin::package_fields::{self as fields, Total};
use simgauge_admin::{AdminError, Administration, human};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardView, NewPackage, PackageView};
use std::process::ExitCode;

/// Packages: the data plans that the platform sells on cards.
#[derive(Debug, clap::Subcommand)]
pub enum PackageCommand {
    /// Add a package to a card. What was used before stays where it is booked.
    Add(AddArgs),
    /// List a card's packages in the order in which usage is booked on them, expired ones included.
    List(ListArgs),
    /// Change a package's total: more is a top-up; of less, what is booked beyond it becomes overage.
    SetTotal(SetTotalArgs),
    /// Move a card's overage onto a package, as far as it has room.
    CoverOverage(CodeArgs),
    /// Remove a package that was entered by mistake; what was booked on it becomes overage.
    Remove(CodeArgs),
    /// Add packages from a CSV file.
    ///
    /// The first line names the columns, in any order: card (ICCID or EID), code, name and total_bytes
    /// (bytes, or an amount such as 10GB, or unlimited) are needed; valid_from and valid_to are optional.
    /// Rows are stored one by one; a package that its card has already is a bad row and stays as it is, so
    /// that an import that broke off can be run again.
    Import(import::ImportArgs),
}

/// The arguments of `package add`.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    #[command(flatten)]
    card: CardNumber,
    /// Names the package within its card.
    #[arg(long, value_parser = fields::code)]
    code: String,
    /// A name to show.
    #[arg(long, value_parser = fields::name)]
    name: String,
    /// Bytes in all, or an amount such as 10GB (1 GB = 1,000,000,000 bytes) or 10GiB, or unlimited.
    #[arg(long, value_parser = fields::filled_total)]
    total: Total,
    /// First instant it is valid: RFC 3339, or a date, or date and time, in the platform's time zone
    /// [default: since ever].
    #[arg(long, value_name = "TIME")]
    valid_from: Option<String>,
    /// First instant it is not valid any more, written like --valid-from: for all of May, the first of June
    /// [default: never].
    #[arg(long, value_name = "TIME")]
    valid_to: Option<String>,
}

/// The arguments of `package list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    card: CardNumber,
}

/// The arguments of `package set-total`.
#[derive(Debug, clap::Args)]
pub struct SetTotalArgs {
    #[command(flatten)]
    package: CodeArgs,
    /// Bytes in all, or an amount such as 10GB, or unlimited.
    #[arg(long, value_parser = fields::total)]
    total: Total,
}

/// A package of a card.
#[derive(Debug, clap::Args)]
pub struct CodeArgs {
    #[command(flatten)]
    card: CardNumber,
    /// The package's code.
    #[arg(long)]
    code: String,
}

/// Runs the command. Times without an offset are local times of `zone`.
///
/// # Errors
/// The card or package does not exist, or a value is wrong: the message names it; a file cannot be read or
/// written; or the store failed.
pub async fn run(
    command: PackageCommand,
    admin: &Administration,
    zone: &TimeZone,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    match command {
        PackageCommand::Add(args) => {
            let time = |name: &str, text: &Option<String>| {
                let parsed = text.as_deref().map(|text| fields::time(text, zone)).transpose();
                parsed.map_err(|reason| anyhow!("--{name} {reason}"))
            };
            let new = NewPackage {
                card: find(admin, &args.card).await?.number,
                valid_from: time("valid-from", &args.valid_from)?,
                valid_to: time("valid-to", &args.valid_to)?,
                code: args.code,
                name: args.name,
                total: args.total.0,
            };
            report(&admin.add_package(&new).await?, &new.code, "added", output)?;
        }
        PackageCommand::List(args) => {
            let card = find(admin, &args.card).await?;
            output.print(&listed(&card), || in_words(&card))?;
        }
        PackageCommand::SetTotal(SetTotalArgs { package: CodeArgs { card, code }, total }) => {
            let card = find(admin, &card).await?;
            let card = admin.set_package_total(&card.number, &code, total.0).await?;
            report(&card, &code, "changed", output)?;
        }
        PackageCommand::CoverOverage(CodeArgs { card, code }) => {
            let card = find(admin, &card).await?;
            report(&admin.cover_overage(&card.number, &code).await?, &code, "changed", output)?;
        }
        PackageCommand::Remove(CodeArgs { card, code }) => {
            let card = find(admin, &card).await?;
            report(&admin.remove_package(&card.number, &code).await?, &code, "removed", output)?;
        }
        PackageCommand::Import(args) => return import::run(args, admin, zone, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// The card of a number and kind.
async fn find(admin: &Administration, number: &CardNumber) -> anyhow::Result<CardView> {
    let (kind, number) = match number {
        CardNumber { eid: Some(eid), .. } => (CardKind::CloudEsim, eid.as_str()),
        CardNumber { iccid, .. } => (CardKind::Sim, iccid.as_deref().unwrap_or_default()),
    };
    match admin.card_of_kind(kind, number).await {
        Err(error @ AdminError::OtherKindOfCard { .. }) => {
            bail!("{error}; use the other one of --iccid and --eid")
        }
        found => Ok(found?),
    }
}

/// Prints a package after a change of it.
fn report(card: &CardView, code: &str, done: &str, output: &Output) -> anyhow::Result<()> {
    let package = card.packages.iter().find(|own| own.package.code == code);
    let json = json!({
        "card": card.number, "code": code, "done": done,
        "package": package.map(as_json), "overageBytes": card.overage,
    });
    output.print(&json, || {
        let mut text = format!("package {code} of {} {done}", card.number);
        if let Some(PackageView { package, .. }) = package {
            let (booked, total) = (human::bytes(package.booked), bytes_or_unlimited(package.total));
            text.push_str(&format!(": {booked} of {total} used"));
        }
        if card.overage > 0 {
            text.push_str(&format!("\nthe card's overage is {}", human::bytes_exact(card.overage)));
            if package.is_some_and(|own| own.package.remaining() != Some(0)) {
                text.push_str("; simgauge package cover-overage moves it onto the package");
            }
        }
        text
    })
}

fn listed(card: &CardView) -> Value {
    json!({
        "card": card.number,
        "account": card.account,
        "packages": card.packages.iter().map(as_json).collect::<Vec<_>>(),
        "overageBytes": card.overage,
    })
}

/// A package as the open API shows it.
fn as_json(own: &PackageView) -> Value {
    let package = &own.package;
    json!({
        "code": package.code,
        "name": own.name,
        "usedBytes": package.booked,
        "totalBytes": package.total,
        "remainingBytes": package.remaining(),
        "validFrom": package.valid_from.map(UnixMs::seconds),
        "validTo": package.valid_to.map(UnixMs::seconds),
    })
}

fn in_words(card: &CardView) -> String {
    let mut table = Table::new(&["CODE", "NAME", "USED", "TOTAL", "REMAINING", "VALID FROM", "VALID TO"]);
    for own in &card.packages {
        let package = &own.package;
        table.row([
            package.code.clone(),
            own.name.clone(),
            human::bytes(package.booked),
            bytes_or_unlimited(package.total),
            bytes_or_unlimited(package.remaining()),
            time_or_dash(package.valid_from),
            time_or_dash(package.valid_to),
        ]);
    }
    format!("{}overage: {}\n", table.or("no packages of the platform"), human::bytes_exact(card.overage))
}
