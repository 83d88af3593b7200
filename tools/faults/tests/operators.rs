//! The operators that misbehave, all at once.

mod known;

use known::is_only_known;
use simgauge_faults::{hostile::hostile_operator, trial::workshop};

/// A token that cannot be sent is kept until its time is over, although every reading fails with it.
const KNOWN: [&str; 1] = ["token-lines: the operator behaves, and a refresh ended so"];

#[test]
fn misbehaving_operators_harm_nobody_else_and_recover() {
    let dir = workshop().expect("folder");
    is_only_known(&hostile_operator(dir.path()).expect("the trial works"), &KNOWN);
}
