//! What the environment asks for. It is read once.

use std::ffi::{CStr, CString, c_int};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The settings of this process.
pub(crate) struct Settings {
    /// Without symbolic links.
    pub(crate) folder: Option<PathBuf>,
    /// The handle of the record.
    pub(crate) record: Option<c_int>,
    pub(crate) writes: Failing,
    pub(crate) syncs: Failing,
    pub(crate) sync_ms: u64,
    pub(crate) sync_lies: bool,
    clock: Option<&'static AtomicI64>,
}

/// Which calls fail, and how.
#[derive(Default)]
pub(crate) struct Failing {
    error: c_int,
    /// The first that fails, from 1; 0: none.
    first: u64,
    all_after: bool,
    calls: AtomicU64,
}

impl Failing {
    /// Counts a call. Answers the error that it fails with.
    pub(crate) fn next(&self) -> Option<c_int> {
        if self.first == 0 {
            return None;
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        (call == self.first || (self.all_after && call > self.first)).then_some(self.error)
    }

    /// Reads `EIO@120` or `ENOSPC@120+`.
    fn parse(text: &str) -> Option<Self> {
        let (error, place) = text.split_once('@')?;
        let error = match error {
            "EIO" => libc::EIO,
            "ENOSPC" => libc::ENOSPC,
            _ => return None,
        };
        let first = place.trim_end_matches('+').parse().ok().filter(|first| *first > 0)?;
        Some(Self { error, first, all_after: place.ends_with('+'), calls: AtomicU64::new(0) })
    }
}

impl Settings {
    /// By how many milliseconds the wall clock is off.
    pub(crate) fn clock_ms(&self) -> i64 {
        self.clock.map_or(0, |clock| i64::from_le(clock.load(Ordering::Relaxed)))
    }

    pub(crate) fn is_clock_shifted(&self) -> bool {
        self.clock.is_some()
    }

    fn read() -> Self {
        let failing = |name: &str| match variable(name) {
            Some(text) => Failing::parse(&text)
                .unwrap_or_else(|| fail(&format!("{name} must be like EIO@120 or ENOSPC@120+"))),
            None => Failing::default(),
        };
        let sync_ms = match variable("SIMGAUGE_SHIM_SYNC_MS").map(|text| text.parse()) {
            Some(Err(_)) => fail("SIMGAUGE_SHIM_SYNC_MS must be a number"),
            Some(Ok(ms)) => ms,
            None => 0,
        };
        Self {
            folder: variable("SIMGAUGE_SHIM_FOLDER").map(PathBuf::from),
            record: variable("SIMGAUGE_SHIM_RECORD").map(|path| open_record(Path::new(&path))),
            writes: failing("SIMGAUGE_SHIM_WRITE"),
            syncs: failing("SIMGAUGE_SHIM_SYNC"),
            sync_ms,
            sync_lies: variable("SIMGAUGE_SHIM_SYNC_LIES").is_some_and(|value| value == "1"),
            clock: variable("SIMGAUGE_SHIM_CLOCK").map(|path| map_clock(&path)),
        }
    }
}

/// The settings of this process.
pub(crate) fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(Settings::read)
}

/// Says why and ends the process: a layer that does less than it was asked to would make a trial worthless.
pub(crate) fn fail(why: &str) -> ! {
    let line = format!("simgauge-shim: {why}\n");
    // SAFETY: the pointer and the length are those of `line`.
    unsafe { libc::syscall(libc::SYS_write, 2, line.as_ptr(), line.len()) };
    std::process::abort()
}

/// Of the environment, without the standard library's lock: this can run before anything else does.
fn variable(name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` ends with a zero; what comes back is null or ends with one.
    let value = unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value))?
    };
    Some(value.to_str().unwrap_or_else(|_| fail("a variable is not UTF-8")).to_owned())
}

fn open_at(path: &Path, flags: c_int) -> c_int {
    let Ok(name) = CString::new(path.as_os_str().as_encoded_bytes()) else { fail("a path holds a zero") };
    // SAFETY: `name` ends with a zero and lives until the call is over.
    let handle = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, name.as_ptr(), flags, 0o600) };
    match c_int::try_from(handle) {
        Ok(handle) if handle >= 0 => handle,
        _ => fail(&format!("{} cannot be opened", path.display())),
    }
}

fn open_record(path: &Path) -> c_int {
    open_at(path, libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC)
}

fn map_clock(path: &str) -> &'static AtomicI64 {
    let handle = open_at(Path::new(path), libc::O_RDONLY | libc::O_CLOEXEC);
    // SAFETY: a new mapping that is never undone. The kernel puts it at the beginning of a page, so it is
    // aligned. Who reads beyond the end of a shorter file is ended by the system.
    unsafe {
        let at = libc::mmap(std::ptr::null_mut(), 8, libc::PROT_READ, libc::MAP_SHARED, handle, 0);
        if at == libc::MAP_FAILED {
            fail("the clock's file cannot be mapped");
        }
        libc::syscall(libc::SYS_close, handle);
        &*at.cast::<AtomicI64>()
    }
}
