//! `simgauge package`: the platform's own packages on cards.

mod import;
use simgauge_admin::package_fields as parse;
#[cfg(test)]
mod tests;

use super::connection::CardNumber;
use super::human;
use super::output::{Output, Table};
use anyhow::{anyhow, bail};
use serde_json::{Value, json};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_service::clock::Clock;
use simgauge_store::{CardView, NewPackage, PackageView, Store};
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
    /// The first line names the columns, in any order: card (ICCID or EID), code, name and total_bytes (bytes, or an amount
    /// such as 10GB, or unlimited) are needed; valid_from and valid_to are optional. Rows are stored one by one; a package
    /// that its card has already is a bad row and stays as it is, so that an import that broke off can be run again.
    Import(import::ImportArgs),
}

/// The arguments of `package add`.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    #[command(flatten)]
    card: CardNumber,
    /// Names the package within its card.
    #[arg(long, value_parser = parse::code)]
    code: String,
    /// A name to show.
    #[arg(long, value_parser = parse::name)]
    name: String,
    /// Bytes in all, or an amount such as 10GB (1 GB = 1,000,000,000 bytes) or 10GiB, or unlimited.
    #[arg(long, value_parser = parse::filled_total)]
    total: parse::Total,
    /// First instant it is valid: RFC 3339, or a date, or date and time, in the platform's time zone [default: since ever].
    #[arg(long, value_name = "TIME")]
    valid_from: Option<String>,
    /// First instant it is not valid any more, written like --valid-from: for all of May, the first of June [default: never].
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
    #[arg(long, value_parser = parse::total)]
    total: parse::Total,
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
/// The card or package is not there, or a value is wrong: the message names it; a file cannot be read or written; or the
/// store failed.
pub async fn run(
    command: PackageCommand,
    store: &Store,
    zone: &TimeZone,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let now = Clock::default().now();
    match command {
        PackageCommand::Add(args) => {
            let time = |name: &str, text: &Option<String>| {
                let parsed = text.as_deref().map(|text| parse::time(text, zone)).transpose();
                parsed.map_err(|reason| anyhow!("--{name} {reason}"))
            };
            let card = find(store, &args.card).await?;
            let new = NewPackage {
                card: card.number,
                code: args.code,
                name: args.name,
                total: args.total.0,
                valid_from: time("valid-from", &args.valid_from)?,
                valid_to: time("valid-to", &args.valid_to)?,
            };
            store.add_package(&new, now).await?;
            tell(store, &new.card, &new.code, "added", output).await?;
        }
        PackageCommand::List(args) => {
            let card = find(store, &args.card).await?;
            output.print(&listed(&card), || in_words(&card))?;
        }
        PackageCommand::SetTotal(args) => {
            let card = find(store, &args.package.card).await?;
            store.set_package_total(&card.number, &args.package.code, args.total.0, now).await?;
            tell(store, &card.number, &args.package.code, "changed", output).await?;
        }
        PackageCommand::CoverOverage(args) => {
            let card = find(store, &args.card).await?;
            store.cover_overage(&card.number, &args.code, now).await?;
            tell(store, &card.number, &args.code, "changed", output).await?;
        }
        PackageCommand::Remove(args) => {
            let card = find(store, &args.card).await?;
            store.remove_package(&card.number, &args.code, now).await?;
            tell(store, &card.number, &args.code, "removed", output).await?;
        }
        PackageCommand::Import(args) => return import::run(args, store, zone, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// The card that is meant.
async fn find(store: &Store, number: &CardNumber) -> anyhow::Result<CardView> {
    let (kind, what, number) = match number {
        CardNumber { eid: Some(eid), .. } => (CardKind::CloudEsim, "cloud eSIM", eid.as_str()),
        CardNumber { iccid, .. } => (CardKind::Sim, "physical card", iccid.as_deref().unwrap_or_default()),
    };
    // Letters in numbers are stored as capitals.
    let number = number.to_ascii_uppercase();
    match store.card_of_any(&number).await? {
        Some(card) if card.kind == kind => Ok(card),
        Some(_) => bail!("{number} is not the number of a {what}; use the other one of --iccid and --eid"),
        None => bail!("there is no {what} {number}"),
    }
}

/// Tells how a package stands after a change.
async fn tell(store: &Store, number: &str, code: &str, done: &str, output: &Output) -> anyhow::Result<()> {
    let card =
        store.card_of_any(number).await?.ok_or_else(|| anyhow!("the card {number} is gone meanwhile"))?;
    let package = card.packages.iter().find(|own| own.package.code == code);
    let json = json!({
        "card": card.number, "code": code, "done": done,
        "package": package.map(as_json), "overageBytes": card.overage,
    });
    output.print(&json, || {
        let mut text = format!("package {code} of {number} {done}");
        if let Some(own) = package {
            text.push_str(&format!(": {} of {} used", human::bytes(own.package.booked), total_of(own)));
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

fn total_of(own: &PackageView) -> String {
    own.package.total.map_or_else(|| "unlimited".to_owned(), human::bytes)
}

fn in_words(card: &CardView) -> String {
    let mut table = Table::new(&["CODE", "NAME", "USED", "TOTAL", "REMAINING", "VALID FROM", "VALID TO"]);
    let time = |at: Option<UnixMs>| at.map_or_else(|| "-".to_owned(), |at| human::time(at.seconds()));
    for own in &card.packages {
        let package = &own.package;
        table.row([
            package.code.clone(),
            own.name.clone(),
            human::bytes(package.booked),
            total_of(own),
            package.remaining().map_or_else(|| "unlimited".to_owned(), human::bytes),
            time(package.valid_from),
            time(package.valid_to),
        ]);
    }
    format!("{}overage: {}\n", table.or("no packages of the platform"), human::bytes_exact(card.overage))
}
