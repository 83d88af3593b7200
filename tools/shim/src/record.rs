//! The record: one event after the other, in the order in which they were done.
//!
//! An event is a head of 32 bytes, little-endian: the length of what follows (u32), the kind (u32), the inode
//! (u64), a number (u64) and the length of the path (u32), then four bytes of zero; then the path and the
//! data. All processes append to one file, each event with one write, so that events are never mixed.
//!
//! | kind | inode | number | path | data |
//! |---|---|---|---|---|
//! | 1 a file was created | its | | its | |
//! | 2 a file or folder was opened | its | | its | |
//! | 3 bytes were written | of the file | the offset | | the bytes |
//! | 4 the length was set | of the file | the length | | |
//! | 5 a sync begins | of the file | its number | | |
//! | 6 a sync is over | of the file | its number | | |
//! | 7 a name was removed | | | the name | |
//! | 8 a name was changed | | | the old name | the new name |
//! | 9 a note of the trial | | | | the text |
//! | 10 a second name was made | of the file | | the name | |
//! | 11 a sync failed | of the file | | | |

use crate::settings::{fail, settings};
use std::ffi::c_int;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Created = 1,
    Opened = 2,
    Written = 3,
    LengthSet = 4,
    SyncBegins = 5,
    SyncOver = 6,
    Removed = 7,
    Renamed = 8,
    Linked = 10,
    SyncFailed = 11,
}

/// Appends an event. Without a record it does nothing.
pub(crate) fn record(kind: Kind, inode: u64, number: u64, path: &[u8], data: &[u8]) {
    let Some(handle) = settings().record else { return };
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or_else(|_| fail("an event is too long"));
    let mut event = Vec::with_capacity(32 + path.len() + data.len());
    event.extend_from_slice(&length(path.len() + data.len()).to_le_bytes());
    event.extend_from_slice(&(kind as u32).to_le_bytes());
    event.extend_from_slice(&inode.to_le_bytes());
    event.extend_from_slice(&number.to_le_bytes());
    event.extend_from_slice(&length(path.len()).to_le_bytes());
    event.extend_from_slice(&[0; 4]);
    event.extend_from_slice(path);
    event.extend_from_slice(data);
    append(handle, &event);
}

fn append(handle: c_int, event: &[u8]) {
    // SAFETY: the pointer and the length are those of `event`.
    let written = unsafe { libc::syscall(libc::SYS_write, handle, event.as_ptr(), event.len()) };
    if usize::try_from(written).ok() != Some(event.len()) {
        fail("the record cannot be written");
    }
}
