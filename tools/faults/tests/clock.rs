//! The clock jumps, on the real program.

use simgauge_faults::{clock::jumps, trial::workshop};

#[test]
fn a_clock_that_jumps_locks_no_card_out() {
    let dir = workshop().expect("folder");
    assert_eq!(jumps(dir.path()).expect("the trial works"), Vec::<String>::new());
}
