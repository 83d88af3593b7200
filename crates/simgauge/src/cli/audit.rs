//! `simgauge audit`: who did what.

use super::output::{self, Output};
use serde_json::{Value, json};
use simgauge_admin::{Administration, human};
use simgauge_domain::audit::{ChainError, ChainPosition};
use simgauge_domain::time::UnixMs;
use simgauge_store::{AuditEntry, CardChange};
use std::process::ExitCode;

/// Who did what.
#[derive(Debug, clap::Subcommand)]
pub enum AuditCommand {
    /// List the newest entries.
    List {
        /// How many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// List what the import of an entry changed on cards that were known before.
    Changes {
        /// The entry's number.
        entry: i64,
    },
    /// Check that no entry was changed, removed or inserted; exit code 1 where one was. Prints where the
    /// chain ends: keep that elsewhere, and give it the next time.
    Verify {
        /// What an earlier `verify` printed: the chain must still lead there.
        #[arg(long, value_name = "SEQ:HASH", value_parser = anchor)]
        anchor: Option<ChainPosition>,
    },
    /// Print every entry as a line of JSON, oldest first.
    Export {
        /// Only those after this one.
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: i64,
    },
}

fn anchor(text: &str) -> Result<ChainPosition, String> {
    let read = || {
        let (seq, hash) = text.split_once(':')?;
        let good = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        Some(ChainPosition {
            seq: seq.parse().ok().filter(|seq| *seq > 0)?,
            hash: good.then(|| hash.to_lowercase())?,
        })
    };
    read().ok_or_else(|| "must be a number, a colon and 64 hex digits".to_owned())
}

/// Runs the command.
///
/// # Errors
/// The store failed.
pub async fn run(command: AuditCommand, admin: &Administration, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        AuditCommand::List { limit } => output.list(
            &admin.newest_audit_entries(limit).await?,
            as_json,
            ["SEQ", "AT", "WHO", "DID", "TO", "DETAIL"],
            cells,
            "nobody did anything yet",
        )?,
        AuditCommand::Changes { entry } => output.list(
            &admin.import_changes(entry).await?,
            change_as_json,
            ["CARD", "WHAT", "BEFORE", "AFTER"],
            change_cells,
            "it changed no card that was known before",
        )?,
        AuditCommand::Verify { anchor } => return verify(anchor, admin, output).await,
        AuditCommand::Export { mut after } => loop {
            let page = admin.audit_entries_after(after).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            let lines: String = page.iter().map(|entry| format!("{}\n", as_json(entry))).collect();
            output::write(lines.as_bytes())?;
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn change_as_json(change: &CardChange) -> Value {
    json!({ "card": change.number, "what": change.field, "before": change.before, "after": change.after })
}

fn change_cells(change: &CardChange) -> [String; 4] {
    let CardChange { number, field, before, after, .. } = change.clone();
    [number, field, before.unwrap_or_else(|| "-".to_owned()), after]
}

async fn verify(
    anchor: Option<ChainPosition>,
    admin: &Administration,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let end = match admin.verify_audit(anchor).await? {
        Ok(end) => end,
        Err(broken) => {
            let why = in_words(broken);
            output.print(&json!({ "valid": false, "problem": why }), || why.clone())?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let mark = (end.seq > 0).then(|| format!("{}:{}", end.seq, end.hash));
    output.print(&json!({ "valid": true, "entries": end.seq, "anchor": mark }), || match &mark {
        Some(mark) => format!("{} entries, as they were written; keep elsewhere: {mark}", end.seq),
        None => "no entries yet".to_owned(),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn in_words(broken: ChainError) -> String {
    match broken {
        ChainError::Missing(seq) => format!("entry {seq} is missing"),
        ChainError::Changed(seq) => format!("entry {seq} is not what was written"),
        ChainError::Inserted(seq) => format!("entry {seq} was inserted"),
        ChainError::Rewritten(seq) => {
            format!("the entries up to {seq} were written anew: they do not lead to the anchor")
        }
    }
}

fn as_json(entry: &AuditEntry) -> Value {
    json!({
        "seq": entry.seq,
        "at": UnixMs(entry.at).seconds(),
        "atMs": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "hash": entry.hash,
    })
}

fn cells(entry: &AuditEntry) -> [String; 6] {
    [
        entry.seq.to_string(),
        human::time(UnixMs(entry.at).seconds()),
        entry.actor.clone(),
        entry.action.clone(),
        entry.subject.clone(),
        entry.detail.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_read() {
        let hash = "ab".repeat(32);
        assert_eq!(
            anchor(&format!("7:{}", hash.to_uppercase())),
            Ok(ChainPosition { seq: 7, hash: hash.clone() })
        );
        for wrong in ["", "7", "0:", &format!("0:{hash}"), &format!("x:{hash}"), "7:abc"] {
            assert!(anchor(wrong).is_err(), "{wrong}");
        }
    }
}
