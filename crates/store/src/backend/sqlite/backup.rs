//! A consistent copy of a database file, while it is used.
//!
//! The copy is made page by page from one moment, so that what the check finds in the copy is what is wrong
//! with the original. It gets its name only when it is whole and checked.

use super::check::{counts, pages};
use super::connection::open_read_only;
use super::file::sync_folder;
use crate::error::StoreError;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A file that goes unless it gets its name.
struct Unfinished {
    path: PathBuf,
    /// Locked, so that no two back-ups write it. What a killed one left behind is not, and is taken over.
    file: File,
}

impl Unfinished {
    /// Beside the target, for its owner only.
    fn beside(target: &Path) -> Result<Self, StoreError> {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".unfinished");
        let path = target.with_file_name(name);
        match lock(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(StoreError::File(path, error)),
        }
    }

    /// Brings the file onto the disk and gives it its name.
    fn finish(self, target: &Path) -> Result<(), StoreError> {
        let failed = |error| StoreError::File(target.to_owned(), error);
        self.file.sync_all().map_err(failed)?;
        // Nobody made it meanwhile.
        if target.symlink_metadata().is_ok() {
            return Err(StoreError::Exists(format!("the file {}", target.display())));
        }
        std::fs::rename(&self.path, target).map_err(failed)?;
        sync_folder(target)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        remove_journals(&self.path);
    }
}

/// Removes what SQLite keeps beside a database while it is written.
fn remove_journals(path: &Path) {
    for suffix in ["-journal", "-wal", "-shm"] {
        let mut name = path.to_owned().into_os_string();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
}

/// An empty file that this process alone writes.
fn lock(path: &Path) -> io::Result<File> {
    let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).clone();
    let file = options.open(path)?;
    let taken = || io::Error::new(ErrorKind::WouldBlock, "another back-up writes this file");
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => taken(),
        TryLockError::Error(error) => error,
    })?;
    // Between the two steps the other one may have finished: this would be its result under another name.
    if path.metadata().map(|found| found.ino()).ok() != Some(file.metadata()?.ino()) {
        return Err(taken());
    }
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    remove_journals(path);
    Ok(file)
}

/// Copies and checks.
///
/// # Errors
/// [`StoreError::Damaged`] where the database is, the target exists, or it cannot be written; then there is
/// no target.
pub(super) fn back_up(source: &Path, target: &Path) -> Result<(), StoreError> {
    let unfinished = Unfinished::beside(target)?;
    copy(source, &unfinished.path).map_err(StoreError::or_damaged)?;
    unfinished.finish(target)
}

fn copy(source: &Path, target: &Path) -> Result<(), StoreError> {
    let source = open_read_only(source)?;
    // The moment that is copied, and what is counted in it.
    source.execute_batch("BEGIN")?;
    let expected = counts(&source)?;
    let mut copy = open(target)?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    let step = Backup::new(&source, &mut copy)?.step(-1)?;
    drop(source);
    if step != StepResult::Done {
        return Err(StoreError::busy());
    }
    drop(copy);
    let copy = open(target)?;
    // One file, without a log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0))?;
    let findings = pages(&copy, false)?;
    if !findings.is_empty() {
        return Err(StoreError::Damaged(findings.join("; ")));
    }
    if counts(&copy)? != expected {
        return Err(StoreError::Damaged("the copy has other numbers of rows".to_owned()));
    }
    Ok(())
}

fn open(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(file, flags)?)
}
