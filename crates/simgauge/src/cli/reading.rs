//! `simgauge reading`: readings that are not believed, and new periods that were only assumed.

use super::output::{Output, or_dash, time_or_dash};
use serde_json::{Value, json};
use simgauge_admin::{Administration, human};
use simgauge_domain::names;
use simgauge_domain::time::UnixMs;
use simgauge_store::{SuspectFilter, SuspectView};
use std::process::ExitCode;

/// Readings: what is not believed, and what was assumed.
#[derive(Debug, clap::Subcommand)]
pub enum ReadingCommand {
    /// Suspect readings: held back, and booked by nothing until they are settled.
    #[command(subcommand)]
    Suspect(SuspectCommand),
    /// Take back the new period that was assumed on a card since its usage fell: the operator's count went
    /// on.
    ReversePeriod {
        /// The card, by its ICCID or EID.
        card: String,
    },
}

#[derive(Debug, clap::Subcommand)]
pub enum SuspectCommand {
    /// List those that wait, by operator account, the oldest first.
    List {
        /// Only those of this operator account.
        #[arg(long, value_parser = names::name)]
        lane: Option<String>,
        /// Only those of this card.
        #[arg(long)]
        card: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Believe them: they are booked.
    Accept(Which),
    /// Drop them: nothing is booked.
    Reject(Which),
}

/// The readings that are meant.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Those of this card.
    #[arg(long)]
    card: Option<String>,
    /// Those of this operator account. A change of its unit is decided, too.
    #[arg(long, value_parser = names::name)]
    lane: Option<String>,
    /// All.
    #[arg(long)]
    all: bool,
}

/// Runs the command.
///
/// # Errors
/// The card does not exist, or the store failed.
pub async fn run(
    command: ReadingCommand,
    admin: &Administration,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    match command {
        ReadingCommand::Suspect(SuspectCommand::List { lane, card, limit }) => output.list(
            &admin.waiting_suspects(&SuspectFilter { card, lane }, None, limit).await?,
            as_json,
            ["CARD", "ACCOUNT", "OPERATOR", "READ", "BEFORE", "SUSPECT", "REASON", "BOOKED AT"],
            cells,
            "no suspect readings",
        )?,
        ReadingCommand::Suspect(SuspectCommand::Accept(which)) => decide(which, true, admin, output).await?,
        ReadingCommand::Suspect(SuspectCommand::Reject(which)) => decide(which, false, admin, output).await?,
        ReadingCommand::ReversePeriod { card } => {
            let reversed = admin.reverse_assumed_periods(&card).await?;
            let list = reversed.iter().map(|one| json!({ "iccid": one.iccid, "bytes": one.bytes }));
            output.print(&json!({ "reversed": list.collect::<Vec<_>>() }), || match reversed.as_slice() {
                [] => format!("no assumed period of card {card} can be taken back"),
                some => some
                    .iter()
                    .map(|one| format!("profile {}: {} bytes were booked", one.iccid, one.bytes))
                    .collect::<Vec<_>>()
                    .join("\n"),
            })?;
            if reversed.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn decide(which: Which, accept: bool, admin: &Administration, output: &Output) -> anyhow::Result<()> {
    let filter = SuspectFilter { card: which.card, lane: which.lane };
    let count = admin.decide_suspects(&filter, accept).await?;
    let (field, word) = if accept { ("accepted", "booked") } else { ("rejected", "dropped") };
    output.print(&json!({ field: count }), || match count {
        0 => "no reading waits".to_owned(),
        1 => format!("1 reading was {word}"),
        _ => format!("{} readings were {word}", human::count(count)),
    })
}

fn as_json(one: &SuspectView) -> Value {
    json!({
        "card": one.number,
        "iccid": one.iccid,
        "account": one.account,
        "operatorAccount": one.operator_account,
        "beganAt": one.began_at.seconds(),
        "believedBytes": one.believed,
        "usedBytes": one.used,
        "reason": one.reason.as_str(),
        "dueAt": one.due_at.map(UnixMs::seconds),
    })
}

fn cells(one: &SuspectView) -> [String; 8] {
    [
        one.number.clone(),
        one.account.clone(),
        one.operator_account.clone(),
        human::time(one.began_at.seconds()),
        or_dash(one.believed.map(human::bytes)),
        human::bytes(one.used),
        one.reason.as_str().to_owned(),
        time_or_dash(one.due_at),
    ]
}
