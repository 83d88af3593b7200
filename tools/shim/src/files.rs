//! Which handle is which file.

use crate::settings::settings;
use std::ffi::{CStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Handles up to here are looked at. Servers have some hundreds.
const HANDLES: usize = 65_536;
/// The inode by handle; 0: of no interest.
static INODES: [AtomicU64; HANDLES] = [const { AtomicU64::new(0) }; HANDLES];

/// The inode of a file that is looked at.
pub(crate) fn inode(handle: c_int) -> Option<u64> {
    let inode = usize::try_from(handle).ok().and_then(|at| INODES.get(at))?.load(Ordering::Relaxed);
    (inode != 0).then_some(inode)
}

pub(crate) fn set_inode(handle: c_int, inode: u64) {
    if let Some(place) = usize::try_from(handle).ok().and_then(|at| INODES.get(at)) {
        place.store(inode, Ordering::Relaxed);
    }
}

/// The inode of what a new handle leads to, whatever it is.
pub(crate) fn inode_behind(handle: c_int) -> Option<u64> {
    // SAFETY: zeros are a valid value, and the call fills it.
    unsafe {
        let mut about: libc::stat = std::mem::zeroed();
        (libc::fstat(handle, &mut about) == 0).then_some(about.st_ino)
    }
}

/// A name in the folder, without symbolic links and without the folder in front.
///
/// The last part of a name stays as it is: a change of names is about a link, not about what it leads to.
pub(crate) fn name(at: c_int, path: *const c_char) -> Option<Vec<u8>> {
    settings().folder.as_ref()?;
    let path = absolute(at, path)?;
    let parent = path.parent()?.canonicalize().ok()?;
    match path.components().next_back()? {
        Component::Normal(last) => below(&parent.join(last)),
        _ => below(&path.canonicalize().ok()?),
    }
}

/// The name of what a handle leads to, in the same way.
pub(crate) fn name_behind(handle: c_int) -> Option<Vec<u8>> {
    settings().folder.as_ref()?;
    below(&std::fs::read_link(format!("/proc/self/fd/{handle}")).ok()?)
}

/// Whether there is something of that name, also behind a link.
pub(crate) fn exists(at: c_int, path: *const c_char) -> bool {
    // SAFETY: the caller of the C function answers for the pointer; zeros are a valid value.
    unsafe {
        let mut about: libc::stat = std::mem::zeroed();
        libc::fstatat(at, path, &mut about, 0) == 0
    }
}

fn below(path: &Path) -> Option<Vec<u8>> {
    let name = path.strip_prefix(settings().folder.as_ref()?).ok()?;
    Some(name.as_os_str().as_bytes().to_vec())
}

fn absolute(at: c_int, path: *const c_char) -> Option<PathBuf> {
    if path.is_null() {
        return None;
    }
    // SAFETY: the caller of the C function answers for the pointer.
    let path = Path::new(std::ffi::OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    let folder = if at == libc::AT_FDCWD {
        std::env::current_dir().ok()?
    } else {
        std::fs::read_link(format!("/proc/self/fd/{at}")).ok()?
    };
    Some(folder.join(path))
}
