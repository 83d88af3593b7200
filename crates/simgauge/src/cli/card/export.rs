//! `simgauge card export`: cards as the CSV file that an import takes.

use crate::cli::human;
use crate::cli::input::known_account;
use crate::cli::output::{Fields, Output};
use anyhow::Context as _;
use serde_json::json;
use simgauge_admin::import::cells::{COLUMNS, guard};
use simgauge_domain::card_kind::CardKind;
use simgauge_store::{CardView, ProfileView, Store};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Cards read at a time.
const PAGE: i64 = 2_000;

/// The arguments of `card export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Only cards of this account.
    #[arg(long)]
    account: Option<String>,
    /// The file; standard output unless given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What an export wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) cards: u64,
    pub(super) rows: u64,
}

pub(super) async fn run(args: ExportArgs, store: &Store, output: &Output) -> anyhow::Result<ExitCode> {
    let account = args.account.as_deref();
    known_account(store, account).await?;
    let Some(path) = args.output else {
        return match export(store, account, io::stdout()).await {
            // Whoever reads has seen enough.
            Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
            other => other.map(|_| ExitCode::SUCCESS),
        };
    };
    // Under another name until it is complete: half an export looks like a whole one.
    let part = part_of(&path);
    let file = File::create(&part).with_context(|| format!("{} cannot be created", part.display()))?;
    let written = match export(store, account, file).await {
        Ok(written) => written,
        Err(error) => {
            // The first error is the one to tell.
            let _ = std::fs::remove_file(&part);
            return Err(error.context(format!("export to {}", path.display())));
        }
    };
    std::fs::rename(&part, &path).with_context(|| format!("{} cannot be created", path.display()))?;
    output.print(&json!({ "cards": written.cards, "rows": written.rows, "file": path }), || {
        Fields::new()
            .line("cards", human::count(written.cards))
            .line("rows", human::count(written.rows))
            .line("file", path.display().to_string())
            .text()
    })?;
    Ok(ExitCode::SUCCESS)
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is_one = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(is_one)
            || cause
                .downcast_ref::<csv::Error>()
                .is_some_and(|error| matches!(error.kind(), csv::ErrorKind::Io(error) if is_one(error)))
    })
}

/// Writes every card of the account, or of all.
pub(super) async fn export(store: &Store, account: Option<&str>, to: impl Write) -> anyhow::Result<Written> {
    let mut writer = csv::Writer::from_writer(BufWriter::with_capacity(256 * 1024, to));
    writer.write_record(COLUMNS)?;
    let mut written = Written::default();
    let mut after = String::new();
    loop {
        let page = store.cards_after(account, &after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.number);
        for card in &page {
            written.cards += 1;
            for profile in &card.profiles {
                written.rows += 1;
                writer.write_record(record(card, profile).map(guard).iter().map(AsRef::as_ref))?;
            }
        }
    }
    writer.flush()?;
    Ok(written)
}

/// A row: the columns' order is that of [`COLUMNS`].
fn record<'a>(card: &'a CardView, profile: &'a ProfileView) -> [&'a str; COLUMNS.len()] {
    let (iccid, eid, profile_iccid) = match card.kind {
        CardKind::CloudEsim => (profile.iccid.as_str(), card.number.as_str(), ""),
        CardKind::Sim if profile.iccid == card.number => (card.number.as_str(), "", ""),
        CardKind::Sim => (card.number.as_str(), "", profile.iccid.as_str()),
    };
    [iccid, eid, &card.account, &profile.operator_account, &card.status, &card.label, profile_iccid]
}
