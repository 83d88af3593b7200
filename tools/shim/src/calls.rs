//! The C functions that this library takes the place of. Each does what it is named after by a system call of
//! its own, so that no other library is needed.
//!
//! `open` and `openat` take a third argument only with some flags. On the machines that glibc supports it is
//! passed like any other, so a function with a fixed number of arguments takes it.

use crate::files::{exists, inode, inode_behind, name, name_behind, set_inode};
use crate::record::{Kind, record};
use crate::settings::settings;
use libc::{mode_t, off_t, size_t, ssize_t};
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Defines the functions that may be called by two names: with and without large files.
macro_rules! both {
    ($($plain:ident $large:ident ($($arg:ident: $kind:ty),*) -> $answer:ty = $body:expr;)*) => { $(
        /// # Safety
        /// As the C function.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $plain($($arg: $kind),*) -> $answer { $body }
        /// # Safety
        /// As the C function.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $large($($arg: $kind),*) -> $answer { $body }
    )* };
}

/// Defines a function.
macro_rules! one {
    ($($name:ident ($($arg:ident: $kind:ty),*) -> $answer:ty = $body:expr;)*) => { $(
        /// # Safety
        /// As the C function.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $kind),*) -> $answer { $body }
    )* };
}

/// A system call. What the kernel answers fits the function's type.
macro_rules! system {
    ($number:ident $(, $arg:expr)*) => {
        // SAFETY: the arguments are those of the C function, whose caller answers for them.
        unsafe { libc::syscall(libc::$number $(, $arg)*) }
    };
}

both! {
    open open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int =
        opened(libc::AT_FDCWD, path, flags, mode);
    openat openat64(at: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int =
        opened(at, path, flags, mode);
    pwrite pwrite64(handle: c_int, bytes: *const c_void, length: size_t, at: off_t) -> ssize_t =
        written(handle, bytes, length, Some(at));
    ftruncate ftruncate64(handle: c_int, length: off_t) -> c_int = length_set(handle, length);
}

one! {
    write(handle: c_int, bytes: *const c_void, length: size_t) -> ssize_t =
        written(handle, bytes, length, None);
    fsync(handle: c_int) -> c_int = synced(handle, || system!(SYS_fsync, handle));
    fdatasync(handle: c_int) -> c_int = synced(handle, || system!(SYS_fdatasync, handle));
    unlink(path: *const c_char) -> c_int = removed(libc::AT_FDCWD, path, 0);
    unlinkat(at: c_int, path: *const c_char, flags: c_int) -> c_int = removed(at, path, flags);
    rename(old: *const c_char, new: *const c_char) -> c_int =
        renamed((libc::AT_FDCWD, old), (libc::AT_FDCWD, new), 0);
    renameat(old_at: c_int, old: *const c_char, new_at: c_int, new: *const c_char) -> c_int =
        renamed((old_at, old), (new_at, new), 0);
    renameat2(old_at: c_int, old: *const c_char, new_at: c_int, new: *const c_char, flags: c_uint) -> c_int =
        renamed((old_at, old), (new_at, new), flags);
    link(old: *const c_char, new: *const c_char) -> c_int =
        linked((libc::AT_FDCWD, old), (libc::AT_FDCWD, new), 0);
    linkat(old_at: c_int, old: *const c_char, new_at: c_int, new: *const c_char, flags: c_int) -> c_int =
        linked((old_at, old), (new_at, new), flags);
    close(handle: c_int) -> c_int = closed(handle);
    clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int = clock_read(clock, time);
    gettimeofday(time: *mut libc::timeval, zone: *mut c_void) -> c_int = time_of_day(time, zone);
    time(place: *mut libc::time_t) -> libc::time_t = seconds(place);
}

/// An answer that is a status or a handle.
fn status(answer: c_long) -> c_int {
    c_int::try_from(answer).unwrap_or(-1)
}

fn error(number: c_int) -> c_int {
    // SAFETY: the place belongs to this thread.
    unsafe { *libc::__errno_location() = number };
    -1
}

fn opened(at: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let is_new = flags & libc::O_CREAT != 0 && settings().folder.is_some() && !exists(at, path);
    let handle = status(system!(SYS_openat, at, path, flags, mode));
    if handle < 0 || settings().folder.is_none() {
        return handle;
    }
    set_inode(handle, 0);
    let is_nameless = flags & libc::O_TMPFILE == libc::O_TMPFILE;
    if let (false, Some(name), Some(inode)) = (is_nameless, name_behind(handle), inode_behind(handle)) {
        set_inode(handle, inode);
        record(if is_new { Kind::Created } else { Kind::Opened }, inode, 0, &name, &[]);
        if flags & libc::O_TRUNC != 0 && !is_new {
            record(Kind::LengthSet, inode, 0, &[], &[]);
        }
    }
    handle
}

fn closed(handle: c_int) -> c_int {
    // Before: the number may be given to another thread at once.
    set_inode(handle, 0);
    status(system!(SYS_close, handle))
}

fn written(handle: c_int, bytes: *const c_void, length: size_t, at: Option<off_t>) -> ssize_t {
    let inode = inode(handle);
    if let Some(number) = inode.and_then(|_| settings().writes.next()) {
        return error(number) as ssize_t;
    }
    let done = match at {
        Some(at) => system!(SYS_pwrite64, handle, bytes, length, at),
        None => system!(SYS_write, handle, bytes, length),
    } as ssize_t;
    if let (Some(inode), Ok(count @ 1..)) = (inode, usize::try_from(done)) {
        // SAFETY: so many bytes were just written from there.
        let data = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
        // SAFETY: a system call on a handle.
        let began = || unsafe { libc::lseek(handle, 0, libc::SEEK_CUR) } - done as off_t;
        let offset = u64::try_from(at.unwrap_or_else(began)).unwrap_or_default();
        record(Kind::Written, inode, offset, &[], data);
    }
    done
}

fn length_set(handle: c_int, length: off_t) -> c_int {
    let inode = inode(handle);
    if let Some(number) = inode.and_then(|_| settings().writes.next()) {
        return error(number);
    }
    let answer = status(system!(SYS_ftruncate, handle, length));
    if let (0, Some(inode), Ok(length)) = (answer, inode, u64::try_from(length)) {
        record(Kind::LengthSet, inode, length, &[], &[]);
    }
    answer
}

fn synced(handle: c_int, sync: impl FnOnce() -> c_long) -> c_int {
    static SYNCS: AtomicU64 = AtomicU64::new(0);
    let Some(inode) = inode(handle) else { return status(sync()) };
    let settings = settings();
    if settings.sync_ms > 0 {
        std::thread::sleep(Duration::from_millis(settings.sync_ms));
    }
    if let Some(number) = settings.syncs.next() {
        record(Kind::SyncFailed, inode, 0, &[], &[]);
        return error(number);
    }
    if settings.sync_lies {
        return 0;
    }
    let number = u64::from(std::process::id()) << 32 | SYNCS.fetch_add(1, Ordering::Relaxed);
    record(Kind::SyncBegins, inode, number, &[], &[]);
    let answer = status(sync());
    if answer == 0 {
        record(Kind::SyncOver, inode, number, &[], &[]);
    }
    answer
}

fn removed(at: c_int, path: *const c_char, flags: c_int) -> c_int {
    let name = name(at, path);
    let answer = status(system!(SYS_unlinkat, at, path, flags));
    if let (0, Some(name)) = (answer, name) {
        record(Kind::Removed, 0, 0, &name, &[]);
    }
    answer
}

fn renamed(old: (c_int, *const c_char), new: (c_int, *const c_char), flags: c_uint) -> c_int {
    let names = (name(old.0, old.1), name(new.0, new.1));
    let answer = status(system!(SYS_renameat2, old.0, old.1, new.0, new.1, flags));
    match (answer, names) {
        (0, (Some(old), Some(new))) => record(Kind::Renamed, 0, 0, &old, &new),
        (0, (Some(old), None)) => record(Kind::Removed, 0, 0, &old, &[]),
        (0, (None, Some(_))) => crate::settings::fail("a file was moved into the folder from outside"),
        _ => {}
    }
    answer
}

fn linked(old: (c_int, *const c_char), new: (c_int, *const c_char), flags: c_int) -> c_int {
    let answer = status(system!(SYS_linkat, old.0, old.1, new.0, new.1, flags));
    if let (0, Some(name)) = (answer, name(new.0, new.1)) {
        // SAFETY: as the C function; zeros are a valid value.
        let inode = unsafe {
            let mut about: libc::stat = std::mem::zeroed();
            libc::fstatat(new.0, new.1, &mut about, libc::AT_SYMLINK_NOFOLLOW);
            about.st_ino
        };
        record(Kind::Linked, inode, 0, &name, &[]);
    }
    answer
}

fn clock_read(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    let answer = status(system!(SYS_clock_gettime, clock, time));
    if answer == 0 && matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) {
        let ms = settings().clock_ms();
        // SAFETY: the kernel has just written there.
        let time = unsafe { &mut *time };
        let nanos = time.tv_nsec + ms.rem_euclid(1000) * 1_000_000;
        time.tv_sec += ms.div_euclid(1000) + nanos / 1_000_000_000;
        time.tv_nsec = nanos % 1_000_000_000;
    }
    answer
}

fn wall_clock() -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    clock_read(libc::CLOCK_REALTIME, &mut now);
    now
}

fn time_of_day(time: *mut libc::timeval, zone: *mut c_void) -> c_int {
    if !settings().is_clock_shifted() {
        return status(system!(SYS_gettimeofday, time, zone));
    }
    let now = wall_clock();
    // SAFETY: as the C function.
    if let Some(time) = unsafe { time.as_mut() } {
        (time.tv_sec, time.tv_usec) = (now.tv_sec, now.tv_nsec / 1000);
    }
    0
}

fn seconds(place: *mut libc::time_t) -> libc::time_t {
    let now = wall_clock().tv_sec;
    // SAFETY: as the C function.
    if let Some(place) = unsafe { place.as_mut() } {
        *place = now;
    }
    now
}
