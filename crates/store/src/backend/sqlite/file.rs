//! The database file itself: where it is, whether it is still the one that was opened, and which process
//! serves it.

use super::health::Fault;
use crate::error::StoreError;
use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// As many symbolic links as Linux follows.
const MOST_LINKS: usize = 40;
/// What the marker says to a person who opens it.
const MARKER_TEXT: &str = "simgauge made a database beside this file. If the database is missing, put it \
    back or restore a back-up of it. Remove this file only to begin with an empty one.\n";

/// The log of such a file lies in another folder than under its other name, often one that goes with a
/// container.
const MOUNTED: &str = "is mounted by itself, and SQLite keeps a log beside each name: what is written under \
    one name is lost to the others. Mount its folder";

/// What makes a file the same file under any name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A handle of a database file. It is never closed: closing a file releases all locks that the process has on
/// it, SQLite's as well (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
#[derive(Debug)]
struct Handle {
    file: File,
    /// Whether this process serves it: a lock on an open file does not keep out its own process.
    is_served: AtomicBool,
}

/// One handle for each database file that this process has opened.
static HANDLES: Mutex<BTreeMap<FileId, &'static Handle>> = Mutex::new(BTreeMap::new());

/// The database file of one open store.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    /// Without symbolic links, so that SQLite and this program name the log alike.
    path: PathBuf,
    id: FileId,
    handle: &'static Handle,
    /// The greatest length seen.
    length: AtomicU64,
}

impl DatabaseFile {
    /// Finds the file, and creates an empty one where there is none and none was before.
    ///
    /// # Errors
    /// [`StoreError::Gone`] where there was a database; [`StoreError::ManyNames`]; the file cannot be opened.
    pub(super) fn open(named: &Path) -> Result<Self, StoreError> {
        let path = resolve(named).map_err(|error| StoreError::File(named.to_owned(), error))?;
        let failed = |error| StoreError::File(path.clone(), error);
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len() == 0,
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(failed(error)),
        };
        if empty && had_database(&path) {
            return Err(gone(&path));
        }
        let mut new = OpenOptions::new();
        // Its owner's alone, like the key and back-ups; SQLite gives the log and its index the same mode.
        new.read(true).write(true).create_new(true).mode(0o600);
        let created = match new.open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
            Err(error) => return Err(failed(error)),
        };
        let metadata = std::fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(StoreError::NoFile { path, why: "is no file" });
        }
        if is_mounted(&path) {
            return Err(StoreError::NoFile { path, why: MOUNTED });
        }
        if metadata.nlink() > 1 {
            return Err(StoreError::ManyNames(path));
        }
        let (id, handle) = match handles.get_key_value(&FileId::of(&metadata)) {
            Some((id, handle)) => (*id, *handle),
            None => {
                let file = created.map_or_else(|| open_writable(&path), Ok).map_err(failed)?;
                let handle = &*Box::leak(Box::new(Handle { file, is_served: AtomicBool::new(false) }));
                let id = FileId::of(&handle.file.metadata().map_err(failed)?);
                handles.insert(id, handle);
                (id, handle)
            }
        };
        let file = Self { path: path.clone(), id, handle, length: AtomicU64::new(metadata.len()) };
        file.check()?;
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the write-ahead log.
    pub(super) fn log_path(&self) -> PathBuf {
        beside(&self.path, "-wal")
    }

    /// The path of the log's index, which SQLite keeps in shared memory.
    pub(super) fn index_path(&self) -> PathBuf {
        beside(&self.path, "-shm")
    }

    /// Whether the file that was opened is still at its place, and whole.
    pub(super) fn check(&self) -> Result<(), Fault> {
        check_at(&self.path, self.id, &self.length)
    }

    /// The file may become shorter from now on.
    pub(super) fn forget_length(&self) {
        self.length.store(0, Ordering::Relaxed);
    }

    /// Waits until what was written into the file is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.handle.file.sync_data()
    }

    /// Makes this process the one that serves the file, under any of its names.
    ///
    /// # Errors
    /// [`StoreError::Served`] where another one does.
    pub(super) fn lock(&self) -> Result<ServingLock, StoreError> {
        if self.handle.is_served.swap(true, Ordering::AcqRel) {
            return Err(StoreError::Served(self.path.clone()));
        }
        // Dropped where the lock is refused.
        let serving = ServingLock(self.handle);
        match self.handle.file.try_lock() {
            Ok(()) => Ok(serving),
            Err(TryLockError::WouldBlock) => Err(StoreError::Served(self.path.clone())),
            Err(TryLockError::Error(error)) => Err(StoreError::File(self.path.clone(), error)),
        }
    }

    /// Leaves a mark beside the file while it is served, so that the next process knows that this one ended
    /// without closing it. The log does not tell: any program that closes the file removes the log.
    pub(super) fn mark_served(&self) {
        // Where there is no room for it, the log may tell all the same.
        if File::create(served_mark(&self.path)).is_ok() {
            let _ = sync_folder(&self.path);
        }
    }

    /// Whether the mark of a process that serves the file, or served it, is there.
    pub(super) fn has_served_mark(&self) -> bool {
        std::fs::symlink_metadata(served_mark(&self.path)).is_ok()
    }

    /// The file was closed and is sound. Only who serves it removes the mark.
    pub(super) fn unmark_served(&self) {
        if self.handle.is_served.load(Ordering::Acquire) {
            let _ = std::fs::remove_file(served_mark(&self.path));
        }
    }

    /// Leaves a mark beside the file that there is a database, in case it is missing later.
    pub(crate) fn mark(&self) -> Result<(), StoreError> {
        let marker = marker(&self.path);
        let made = OpenOptions::new().write(true).create_new(true).open(&marker);
        let written = made.and_then(|mut file| {
            io::Write::write_all(&mut file, MARKER_TEXT.as_bytes())?;
            file.sync_all()
        });
        match written {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(StoreError::File(marker, error)),
            Ok(()) => sync_folder(&marker),
        }
    }

    /// The error where the file holds no tables although there was a database.
    pub(crate) fn check_not_emptied(&self) -> Result<(), StoreError> {
        if had_database(&self.path) { Err(gone(&self.path)) } else { Ok(()) }
    }
}

/// Opens a file as SQLite will: in a container, a file of the image becomes another one when it is first
/// opened for writing. A file that cannot be written is opened all the same; its first change fails.
fn open_writable(path: &Path) -> io::Result<File> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            File::open(path)
        }
        opened => opened,
    }
}

/// The right to serve a database file. Given back when dropped.
#[derive(Debug)]
#[must_use = "the file is served for as long as this is kept"]
pub struct ServingLock(&'static Handle);

impl Drop for ServingLock {
    fn drop(&mut self) {
        // The system gives it back at the end of the process in any case.
        let _ = self.0.file.unlock();
        self.0.is_served.store(false, Ordering::Release);
    }
}

/// Whether a file itself, not a folder above it, is mounted. Nothing is known where the system does not tell.
fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    is_among(&mounts, path)
}

/// The system lists mounts one a line, the path as the fifth field with spaces and the like as octal escapes
/// (<https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>).
fn is_among(mounts: &[u8], path: &Path) -> bool {
    let mut escaped = Vec::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => escaped.extend(format!("\\{byte:03o}").bytes()),
            byte => escaped.push(*byte),
        }
    }
    mounts.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').nth(4) == Some(&escaped))
}

/// What is at a path where a file should be.
pub(super) fn found(path: &Path) -> Result<Metadata, Fault> {
    std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Fault::moved(format!("{} has vanished", path.display())),
        _ => Fault::moved(format!("{} cannot be looked at: {error}", path.display())),
    })
}

/// Whether a file is still at its place, and at least as long as it was.
pub(super) fn check_at(path: &Path, id: FileId, greatest: &AtomicU64) -> Result<(), Fault> {
    // Before the look at the file, which others make longer and look at meanwhile.
    let before = greatest.load(Ordering::Acquire);
    let metadata = found(path)?;
    if FileId::of(&metadata) != id {
        return Err(Fault::moved(format!("{} was replaced by another file", path.display())));
    }
    let length = metadata.len();
    greatest.fetch_max(length, Ordering::AcqRel);
    if length < before {
        return Err(Fault::cut_off(format!(
            "{} was cut off: it had {before} bytes and has {length}",
            path.display()
        )));
    }
    Ok(())
}

/// A path without symbolic links. The file itself may be missing, also at the end of a link.
pub(crate) fn resolve(named: &Path) -> io::Result<PathBuf> {
    let mut path = named.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::canonicalize(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            resolved => return resolved,
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        match std::fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => {
                let folder = std::fs::canonicalize(folder).map_err(|error| {
                    let why = format!("the folder of the store, {}: {error}", folder.display());
                    io::Error::new(error.kind(), why)
                })?;
                let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
                return Ok(folder.join(name));
            }
        }
    }
    Err(io::Error::new(ErrorKind::InvalidFilename, "too many symbolic links"))
}

/// Brings the names in a file's folder onto the disk.
pub(super) fn sync_folder(file: &Path) -> Result<(), StoreError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // A file system that does not know this.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced.map_err(|error| StoreError::File(folder.to_owned(), error)),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

fn served_mark(path: &Path) -> PathBuf {
    beside(path, ".serving")
}

fn marker(path: &Path) -> PathBuf {
    beside(path, ".exists")
}

/// Whether a mark says that there is a database at a path, or was.
#[must_use]
pub fn had_database(path: &Path) -> bool {
    std::fs::symlink_metadata(marker(path)).is_ok()
}

fn gone(path: &Path) -> StoreError {
    StoreError::Gone { database: path.to_owned(), marker: marker(path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_that_is_mounted_by_itself_is_found_in_the_systems_list() {
        let mounts = b"22 27 0:21 / /proc rw,nosuid shared:13 - proc proc rw\n\
            40 27 8:1 /srv/s.db /data/my\\040store.db rw - ext4 /dev/sda1 rw\n";
        assert!(is_among(mounts, Path::new("/data/my store.db")));
        assert!(!is_among(mounts, Path::new("/data")) && !is_among(mounts, Path::new("/srv/s.db")));
    }

    #[test]
    fn a_path_is_resolved_also_where_nothing_is_yet() {
        let dir = tempfile::tempdir().expect("folder");
        let dir = std::fs::canonicalize(dir.path()).expect("exists");
        std::fs::create_dir(dir.join("data")).expect("made");
        symlink("data/real.db", dir.join("middle.db")).expect("linked");
        symlink("middle.db", dir.join("link.db")).expect("linked");
        symlink(dir.join("loop.db"), dir.join("loop.db")).expect("linked");
        let real = dir.join("data/real.db");
        assert_eq!(resolve(&dir.join("link.db")).expect("resolved"), real);
        std::fs::write(&real, "x").expect("written");
        assert_eq!(resolve(&dir.join("link.db")).expect("resolved"), real);
        assert_eq!(resolve(&dir.join("data/../data/new.db")).expect("resolved"), dir.join("data/new.db"));
        assert!(resolve(&dir.join("loop.db")).is_err());
        let error = resolve(&dir.join("none/new.db")).expect_err("no folder").to_string();
        assert!(error.contains("the folder of the store") && error.contains("none"), "{error}");
    }
}
