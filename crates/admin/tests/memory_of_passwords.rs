//! What checks of passwords leave in memory. A program of its own: other tests would be measured, too.
#![cfg(target_os = "linux")]

use simgauge_admin::password::{UNKNOWN_ADMIN, is_right};
use std::sync::{Barrier, Mutex};

/// Threads that check one password each, one after the other, and live on, as those of a server do.
const THREADS: usize = 8;

/// What the process has in memory, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn checks_on_many_threads_leave_no_memory_behind_on_each() {
    let before = resident();
    let one_at_a_time = Mutex::new(());
    let (checked, measured) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    let after = std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let guard = one_at_a_time.lock().expect("nobody panics");
                assert!(!is_right(&"demo-secret".into(), UNKNOWN_ADMIN));
                drop(guard);
                checked.wait();
                measured.wait();
            });
        }
        checked.wait();
        let after = resident();
        measured.wait();
        after
    });
    let mib = after.saturating_sub(before) / 1024;
    assert!(mib < 50, "{mib} MiB were left behind; a check needs 19");
}
