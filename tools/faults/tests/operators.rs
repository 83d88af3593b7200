//! The operators that misbehave, all at once.

mod known;

use known::is_only_known;
use simgauge_faults::{hostile::hostile_operator, trial::workshop};

/// What was found and is not mended yet.
const KNOWN: [&str; 0] = [];

#[test]
fn misbehaving_operators_harm_nobody_else_and_recover() {
    let dir = workshop().expect("folder");
    is_only_known(&hostile_operator(dir.path()).expect("the trial works"), &KNOWN);
}
