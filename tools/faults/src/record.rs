//! Reading what `simgauge-shim` recorded, and adding notes to it. The format: `tools/shim/src/record.rs`.

use anyhow::{Context as _, bail, ensure};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// The head of an event, in bytes.
const HEAD: usize = 32;
/// The kind of a note, which the trial writes itself.
const NOTE: u32 = 9;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A file was created, or given one more name.
    Named {
        inode: u64,
        name: String,
        is_new: bool,
    },
    /// A file or a folder was opened that was there.
    Opened {
        inode: u64,
        name: String,
    },
    /// Bytes were written.
    Written {
        inode: u64,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// The length was set.
    LengthSet {
        inode: u64,
        length: u64,
    },
    /// A sync of this number begins or is over.
    SyncBegins {
        inode: u64,
        sync: u64,
    },
    SyncOver {
        inode: u64,
        sync: u64,
    },
    /// A sync failed.
    SyncFailed {
        inode: u64,
    },
    /// A name was removed.
    Removed {
        name: String,
    },
    /// A name was changed.
    Renamed {
        old: String,
        new: String,
    },
    /// The trial knows something from here on.
    Mark(String),
}

/// Reads a record.
///
/// # Errors
/// It cannot be read, or is not one.
pub fn read(path: &Path) -> anyhow::Result<Vec<Event>> {
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    let mut events = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (event, after) = split(rest).with_context(|| format!("event {} of the record", events.len()))?;
        events.push(event);
        rest = after;
    }
    Ok(events)
}

fn split(bytes: &[u8]) -> anyhow::Result<(Event, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD).context("its head is cut off")?;
    let small = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let large = |at: usize| u64::from(small(at)) | u64::from(small(at + 4)) << 32;
    let (length, path) = (usize::try_from(small(0))?, usize::try_from(small(24))?);
    let (body, after) = rest.split_at_checked(length).context("it is cut off")?;
    let (path, data) = body.split_at_checked(path).context("its path is cut off")?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).context("a name is not UTF-8");
    let (inode, number) = (large(8), large(16));
    let event = match small(4) {
        kind @ (1 | 10) => Event::Named { inode, name: text(path)?, is_new: kind == 1 },
        2 => Event::Opened { inode, name: text(path)? },
        3 => Event::Written { inode, offset: number, bytes: data.to_vec() },
        4 => Event::LengthSet { inode, length: number },
        5 => Event::SyncBegins { inode, sync: number },
        6 => Event::SyncOver { inode, sync: number },
        7 => Event::Removed { name: text(path)? },
        8 => Event::Renamed { old: text(path)?, new: text(data)? },
        NOTE => Event::Mark(text(data)?),
        11 => Event::SyncFailed { inode },
        kind => bail!("there is no kind {kind}"),
    };
    Ok((event, after))
}

/// Adds notes to a record while processes write to it.
#[derive(Debug)]
pub struct Notes(File);

impl Notes {
    /// Opens a record, or begins one.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        Ok(Self(file.with_context(|| format!("{}", path.display()))?))
    }

    /// Everything that was recorded before had happened before.
    ///
    /// # Errors
    /// The record cannot be written.
    pub fn add(&self, note: &str) -> anyhow::Result<()> {
        let mut event = Vec::with_capacity(HEAD + note.len());
        event.extend_from_slice(&u32::try_from(note.len())?.to_le_bytes());
        event.extend_from_slice(&NOTE.to_le_bytes());
        event.resize(HEAD, 0);
        event.extend_from_slice(note.as_bytes());
        // With one write, so that it is not mixed with others'.
        ensure!((&self.0).write(&event)? == event.len(), "the record takes no more");
        Ok(())
    }
}
