//! Bringing an embedded store's log onto the disk. SQLite itself does not wait for that
//! (`synchronous=NORMAL`). A commit first releases the right to write. Then it waits for the disk, together
//! with all other commits of that time.
//!
//! What is synced is the file that SQLite writes to. It is opened once, when SQLite has opened it. Before
//! each sync it is compared with the file at its path: a log that was deleted or replaced is not read after
//! a crash. Before each commit, too: SQLite writes where the log ended by its own account, so the next commit
//! makes a log that was cut off as long as before. The log's index (`-shm`) is compared as well: through it
//! programs see each other's writes.

use super::connection::blocking;
use super::file::{DatabaseFile, FileId, check_at, sync_folder};
use super::health::{Fault, StoreHealth};
use crate::error::StoreError;
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The write-ahead log of one database file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    main: Arc<DatabaseFile>,
    health: StoreHealth,
    /// Commits of this process so far.
    committed: AtomicU64,
    synced: Mutex<Synced>,
    /// The log that SQLite writes to, once it is open. Not behind the lock of `synced`, which is kept during
    /// a sync: the next commit looks at it meanwhile.
    open: Mutex<Option<Arc<OpenLog>>>,
}

/// The number of a commit of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Commit(u64);

#[derive(Debug)]
struct Synced {
    /// The last commit that is on the disk.
    last: Commit,
    lost: Option<Lost>,
}

/// Commits that were not on the disk when content of the files was lost: those after one, up to another.
#[derive(Debug)]
struct Lost {
    after: Commit,
    last: Commit,
    fault: Fault,
}

#[derive(Debug)]
struct OpenLog {
    file: File,
    id: FileId,
    /// Of its index.
    index: FileId,
    /// The greatest length seen.
    length: AtomicU64,
}

impl Log {
    pub(super) fn of(main: Arc<DatabaseFile>) -> Self {
        Self {
            path: main.log_path(),
            main,
            health: StoreHealth::default(),
            committed: AtomicU64::new(0),
            synced: Mutex::new(Synced { last: Commit(0), lost: None }),
            open: Mutex::new(None),
        }
    }

    /// Opens the log that SQLite has just opened.
    pub(super) fn open(&self) -> Result<(), StoreError> {
        let failed = |error| StoreError::File(self.path.clone(), error);
        let file = File::open(&self.path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        // Its name, and the database's: `sync` brings only their content onto the disk.
        sync_folder(&self.path)?;
        let index = self.main.index_path();
        let index = std::fs::metadata(&index).map_err(|error| StoreError::File(index, error))?;
        let (id, index) = (FileId::of(&metadata), FileId::of(&index));
        let opened = OpenLog { file, id, index, length: AtomicU64::new(metadata.len()) };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(opened));
        Ok(())
    }

    /// Something was committed that [`Log::sync`] has to wait for.
    pub(crate) fn committed(&self) -> Commit {
        Commit(self.committed.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Waits, on the thread that asks, until a commit is on the disk, with everything committed by then.
    ///
    /// # Errors
    /// [`StoreError::Untrusted`]: whether what was committed outlives a power cut is unknown.
    pub(crate) fn sync(&self, commit: Commit) -> Result<(), StoreError> {
        let mut synced = self.lock();
        if let Some(lost) = synced.lost.as_ref().filter(|lost| lost.after < commit && commit <= lost.last) {
            return Err(lost.fault.clone().into());
        }
        if synced.last >= commit {
            return Ok(());
        }
        // After the lock: what waited for a sync that failed is not confirmed by another one.
        self.health.check()?;
        let all = Commit(self.committed.load(Ordering::Acquire));
        self.sync_files().map_err(|fault| self.health.fail(fault))?;
        synced.last = all;
        Ok(())
    }

    /// Content of the files may be lost: what was not on the disk before is never confirmed. Nobody commits
    /// meanwhile.
    pub(super) fn lose(&self, fault: Fault) {
        let mut synced = self.lock();
        let last = Commit(self.committed.load(Ordering::Acquire));
        synced.lost = Some(Lost { after: synced.last, last, fault });
    }

    fn sync_files(&self) -> Result<(), Fault> {
        self.compare()?;
        let Some(log) = self.opened() else { return Ok(()) };
        log.file.sync_data().map_err(|error| Fault::not_synced(&self.path, &error))
    }

    fn compare(&self) -> Result<(), Fault> {
        self.main.check()?;
        let Some(log) = self.opened() else { return Ok(()) };
        check_at(&self.path, log.id, &log.length)?;
        self.compare_index(&log)
    }

    fn compare_index(&self, log: &OpenLog) -> Result<(), Fault> {
        let path = self.main.index_path();
        match std::fs::metadata(&path) {
            Ok(metadata) if FileId::of(&metadata) == log.index => Ok(()),
            Ok(_) => Err(Fault::split(format!("{} was replaced by another file", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Fault::split(format!("{} has vanished", path.display())))
            }
            Err(error) => Err(Fault::moved(format!("{} cannot be looked at: {error}", path.display()))),
        }
    }

    /// After a fault: whether there are worse ones by now.
    pub(super) fn look_again(&self) {
        if let Err(fault) = self.compare() {
            self.health.fail(fault);
        }
    }

    /// Compares the files with what stands at their paths, on the thread that asks. It waits for no sync.
    ///
    /// # Errors
    /// [`StoreError::Untrusted`], now or since an earlier fault.
    pub(super) fn look(&self) -> Result<(), StoreError> {
        self.trusted()?;
        self.compare().map_err(|fault| self.health.fail(fault))
    }

    /// Compares the files with what stands at their paths.
    ///
    /// # Errors
    /// [`StoreError::Untrusted`], now or since an earlier fault.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        blocking(|| self.look())
    }

    /// # Errors
    /// [`StoreError::Untrusted`] after a fault.
    pub(crate) fn trusted(&self) -> Result<(), StoreError> {
        self.health.check()
    }

    /// Waits until what was written back into the database file is on the disk.
    pub(super) fn sync_main(&self) -> Result<(), StoreError> {
        self.main.sync().map_err(|error| self.health.fail(Fault::not_synced(self.main.path(), &error)))
    }

    pub(super) fn main(&self) -> &DatabaseFile {
        &self.main
    }

    pub(super) fn health(&self) -> &StoreHealth {
        &self.health
    }

    fn opened(&self) -> Option<Arc<OpenLog>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Synced> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FileFault;
    use std::io::Write as _;
    use std::path::Path;

    fn log(dir: &Path) -> Log {
        let path = dir.join("store.db");
        std::fs::write(dir.join("store.db-wal"), "log").expect("written");
        std::fs::write(dir.join("store.db-shm"), "index").expect("written");
        let log = Log::of(Arc::new(DatabaseFile::open(&path).expect("opened")));
        log.open().expect("opened");
        log
    }

    /// Nothing can be brought onto the disk from a device that has none.
    fn break_disk(log: &Log) -> File {
        replace_file(log, File::open("/dev/null").expect("opened"))
    }

    fn replace_file(log: &Log, file: File) -> File {
        let opened = log.open.lock().expect("locked").take().and_then(Arc::into_inner).expect("open");
        let before = opened.file;
        *log.open.lock().expect("locked") = Some(Arc::new(OpenLog { file, ..opened }));
        before
    }

    #[test]
    fn after_a_sync_that_failed_no_later_one_counts() {
        let dir = tempfile::tempdir().expect("folder");
        let log = log(dir.path());
        log.sync(log.committed()).expect("synced");
        let disk = break_disk(&log);
        let error = log.sync(log.committed()).expect_err("failed").to_string();
        assert!(error.contains("store.db-wal cannot be brought onto the disk"), "{error}");
        replace_file(&log, disk);
        assert_eq!(log.sync(log.committed()).expect_err("refused").to_string(), error);
        assert!(log.check().is_err() && log.trusted().is_err());
    }

    /// One thread commits, and another one syncs meanwhile.
    #[test]
    fn a_log_that_grows_between_two_looks_is_not_cut_off() {
        let dir = tempfile::tempdir().expect("folder");
        let log = log(dir.path());
        let mut file = std::fs::OpenOptions::new().append(true).open(&log.path).expect("opened");
        std::thread::scope(|scope| {
            let syncs = scope.spawn(|| (0..20_000).try_for_each(|_| log.compare()));
            for _ in 0..20_000 {
                file.write_all(b"frame").expect("written");
                log.compare().expect("whole");
            }
            syncs.join().expect("ended").expect("whole");
        });
    }

    #[test]
    fn what_waited_while_content_was_lost_is_not_confirmed_afterwards() {
        let dir = tempfile::tempdir().expect("folder");
        let log = log(dir.path());
        let (before, waits) = (log.committed(), log.committed());
        log.sync(before).expect("synced");
        let lost = log.committed();
        std::fs::write(dir.path().join("store.db-wal"), "").expect("cut");
        log.check().expect_err("cut off");
        log.lose(log.health().fault().expect("a fault"));
        log.open().expect("opened again");
        log.health().restored();
        let after = log.committed();
        log.sync(after).expect("synced");
        log.sync(waits).expect("was on the disk with the one before it");
        assert!(matches!(log.sync(lost), Err(StoreError::Untrusted(FileFault::CutOff, _))));
    }

    #[test]
    fn a_file_that_vanishes_shrinks_or_is_replaced_is_named() {
        type Damage = fn(&Path);
        let gone: Damage = |path| std::fs::remove_file(path).expect("removed");
        let cut: Damage = |path| std::fs::write(path, "").expect("cut");
        let replaced: Damage = |path| {
            let other = path.with_extension("other");
            std::fs::copy(path, &other).expect("copied");
            std::fs::rename(&other, path).expect("moved");
        };
        for file in ["store.db", "store.db-wal", "store.db-shm"] {
            for (damage, words) in
                [(gone, "has vanished"), (cut, "was cut off"), (replaced, "was replaced by another file")]
            {
                if file.ends_with("-shm") && words.contains("cut") {
                    continue;
                }
                let dir = tempfile::tempdir().expect("folder");
                std::fs::write(dir.path().join("store.db"), "database").expect("written");
                let log = log(dir.path());
                log.check().expect("sound");
                damage(&dir.path().join(file));
                let error = log.sync(log.committed()).expect_err("refused").to_string();
                assert!(error.contains(&format!("{file} {words}")), "{error}");
            }
        }
    }
}
