//! The operators that misbehave, all at once.

use simgauge_faults::{hostile::hostile_operator, trial::scratch_folder};

#[test]
fn misbehaving_operators_harm_nobody_else_and_recover() {
    let dir = scratch_folder().expect("folder");
    let found = hostile_operator(dir.path()).expect("the trial works");
    assert!(found.is_empty(), "{found:#?}");
}
