//! The clock jumps, on the real program.

use simgauge_faults::{clock::jump, trial::scratch_folder};

fn is_as_it_has_to_be(restart: bool) {
    let dir = scratch_folder().expect("folder");
    let found = jump(dir.path(), restart).expect("the trial works");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_clock_that_jumps_locks_no_card_out() {
    is_as_it_has_to_be(false);
}

#[test]
fn a_clock_that_jumps_locks_no_card_out_over_a_restart() {
    is_as_it_has_to_be(true);
}
