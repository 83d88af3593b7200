//! What is done after a fault of the files: they are opened again and checked, and only then trusted.
//!
//! Where a file is only no longer at its place, the writer's own handles still lead to everything that was
//! committed: it is written back into the database file first. Where content may be lost, SQLite has to read
//! the log again: then it uses the checksums in it, and not what it remembers of it. Either way the log is
//! written back into the database file with new writes, whose sync tells the truth.

use super::check::check_file;
use super::checkpoint::write_back_all;
use super::connection::{blocking, leave_log};
use super::deferred::DeferredCardUpdates;
use super::log::Log;
use super::readers::Readers;
use super::writer::Writer;
use crate::error::StoreError;
use rusqlite::Connection;
use std::time::Duration;

/// Longest time that the quick check may take; a larger file is checked in part.
const CHECK_LIMIT: Duration = Duration::from_secs(10);

/// `serve_damaged`: damage that the check finds does not matter.
pub(crate) async fn recover(
    writer: &Writer,
    readers: &Readers,
    log: &Log,
    deferred: &DeferredCardUpdates,
    serve_damaged: bool,
) -> Result<(), StoreError> {
    if log.trusted().is_ok() {
        return Ok(());
    }
    // What happened to the files since: part of them may be lost by now.
    log.look_again();
    let Some(fault) = log.health().fault() else { return Ok(()) };
    let main = log.main();
    if fault.is_lost {
        main.forget_length();
    }
    // A database that is elsewhere is not opened under its name.
    main.check()?;
    let keep_or_leave = |connection: &Connection| match fault.is_lost {
        true => leave_log(connection),
        false => write_back_all(connection),
    };
    let write_back = |connection: &Connection| {
        write_back_all(connection)?;
        // The log is empty now: that is not a log that was cut off.
        log.open()?;
        log.sync_main()
    };
    let was_open = writer.reopen(readers, keep_or_leave, write_back).await?;
    if fault.is_lost || !was_open {
        log.lose(fault);
    }
    // Refreshes that were accepted and not confirmed may be gone.
    deferred.forget_all();
    let report = blocking(|| check_file(main.path(), false, Some(CHECK_LIMIT)))?;
    if !report.findings.is_empty() && !serve_damaged {
        return Err(StoreError::Damaged(report.findings.join("; ")));
    }
    log.health().restored();
    log.check()
}
