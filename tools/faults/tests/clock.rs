//! The clock jumps, on the real program.

mod known;

use known::is_only_known;
use simgauge_faults::{clock::jump, trial::workshop};

/// What was found and is not mended yet.
const KNOWN: [&str; 0] = [];

fn is_as_it_has_to_be(restart: bool) {
    let dir = workshop().expect("folder");
    is_only_known(&jump(dir.path(), restart).expect("the trial works"), &KNOWN);
}

#[test]
fn a_clock_that_jumps_locks_no_card_out() {
    is_as_it_has_to_be(false);
}

#[test]
fn a_clock_that_jumps_locks_no_card_out_over_a_restart() {
    is_as_it_has_to_be(true);
}
