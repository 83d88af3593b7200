//! `simgauge package`: the data plans that the platform sells on cards.

mod import;
#[cfg(test)]
mod tests;

use super::connection::CardNumber;
use super::output::{Output, Table, bytes_or_unlimited, time_or_dash};
use anyhow::{anyhow, bail};
use jiff::civil::Date;
use serde_json::{Value, json};
use simgauge_admin::package_fields::{self as fields, Total};
use simgauge_admin::{AdminError, Administration, human};
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::metering::package_state::show_what_counts_first;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardView, NewPackage, PackageView};
use std::process::ExitCode;

/// Packages: the data plans that the platform sells on cards.
#[derive(Debug, clap::Subcommand)]
pub enum PackageCommand {
    /// Add a package to a card. What was used before stays where it is booked.
    Add(AddArgs),
    /// List a card's packages, expired ones included. What counts now comes first.
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
    /// A date in valid_to means the whole of that day, in the platform's time zone. Packages of a card of
    /// which one begins on the day on which another ends are reported.
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
    /// When it ends, written like --valid-from. A date means the whole of that day: for all of May, the 31st
    /// of May [default: never].
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
    let shown_in = ShownIn { zone, now: admin.now() };
    match command {
        PackageCommand::Add(args) => {
            let (from, to) = (args.valid_from.as_deref(), args.valid_to.as_deref());
            let valid_from = from.map(|text| fields::valid_from(text, zone)).transpose();
            let valid_to = to.map(|text| fields::valid_to(text, zone)).transpose();
            let new = NewPackage {
                card: find(admin, &args.card).await?.number,
                valid_from: valid_from.map_err(|reason| anyhow!("--valid-from {reason}"))?,
                valid_to: valid_to.map_err(|reason| anyhow!("--valid-to {reason}"))?,
                code: args.code,
                name: args.name,
                total: args.total.0,
            };
            report(&admin.add_package(&new).await?, &new.code, "added", &shown_in, output)?;
        }
        PackageCommand::List(args) => {
            let card = find(admin, &args.card).await?;
            output.print(&listed(&card, &shown_in), || in_words(&card, &shown_in))?;
        }
        PackageCommand::SetTotal(SetTotalArgs { package: CodeArgs { card, code }, total }) => {
            let card = find(admin, &card).await?;
            let card = admin.set_package_total(&card.number, &code, total.0).await?;
            report(&card, &code, "changed", &shown_in, output)?;
        }
        PackageCommand::CoverOverage(CodeArgs { card, code }) => {
            let card = find(admin, &card).await?;
            report(&admin.cover_overage(&card.number, &code).await?, &code, "changed", &shown_in, output)?;
        }
        PackageCommand::Remove(CodeArgs { card, code }) => {
            let card = find(admin, &card).await?;
            report(&admin.remove_package(&card.number, &code).await?, &code, "removed", &shown_in, output)?;
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

/// Where and when a package is shown.
struct ShownIn<'a> {
    zone: &'a TimeZone,
    now: UnixMs,
}

/// Prints a package after a change of it.
fn report(
    card: &CardView,
    code: &str,
    done: &str,
    shown_in: &ShownIn<'_>,
    output: &Output,
) -> anyhow::Result<()> {
    let package = card.packages.iter().find(|own| own.package.code == code);
    let json = json!({
        "card": card.number, "code": code, "done": done,
        "package": package.map(|own| as_json(own, shown_in)), "overageBytes": card.overage,
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

fn listed(card: &CardView, shown_in: &ShownIn<'_>) -> Value {
    let packages = in_order(card, shown_in.now);
    json!({
        "card": card.number,
        "account": card.account,
        "packages": packages.into_iter().map(|own| as_json(own, shown_in)).collect::<Vec<_>>(),
        "overageBytes": card.overage,
    })
}

/// What counts now comes first.
fn in_order(card: &CardView, now: UnixMs) -> Vec<&PackageView> {
    let mut packages: Vec<&PackageView> = card.packages.iter().collect();
    show_what_counts_first(&mut packages, |own| own.package.state(now));
    packages
}

/// A package as the open API shows it, and its days where it begins and ends with whole ones.
fn as_json(own: &PackageView, shown_in: &ShownIn<'_>) -> Value {
    let package = &own.package;
    let day = |day: Option<Date>| day.map(|day| day.to_string());
    json!({
        "code": package.code,
        "name": own.name,
        "state": package.state(shown_in.now).as_str(),
        "usedBytes": package.booked,
        "totalBytes": package.total,
        "remainingBytes": package.remaining(),
        "validFrom": package.valid_from.map(UnixMs::seconds),
        "validTo": package.valid_to.map(UnixMs::seconds),
        "firstDay": day(package.valid_from.and_then(|at| fields::first_instant_of(at, shown_in.zone))),
        "lastDay": day(package.valid_to.and_then(|at| fields::last_day(at, shown_in.zone))),
    })
}

fn in_words(card: &CardView, shown_in: &ShownIn<'_>) -> String {
    let mut table =
        Table::new(&["CODE", "NAME", "STATE", "USED", "TOTAL", "REMAINING", "VALID FROM", "VALID TO"]);
    for own in in_order(card, shown_in.now) {
        let package = &own.package;
        table.row([
            package.code.clone(),
            own.name.clone(),
            package.state(shown_in.now).as_str().replace('_', " "),
            human::bytes(package.booked),
            bytes_or_unlimited(package.total),
            bytes_or_unlimited(package.remaining()),
            day_or_time(package.valid_from, fields::first_instant_of, shown_in.zone),
            day_or_time(package.valid_to, fields::last_day, shown_in.zone),
        ]);
    }
    format!("{}overage: {}\n", table.or("no packages of the platform"), human::bytes_exact(card.overage))
}

/// The whole day, where it is one, as it was written.
fn day_or_time(
    at: Option<UnixMs>,
    day: impl Fn(UnixMs, &TimeZone) -> Option<Date>,
    zone: &TimeZone,
) -> String {
    match at.and_then(|at| day(at, zone)) {
        Some(day) => day.to_string(),
        None => time_or_dash(at),
    }
}
