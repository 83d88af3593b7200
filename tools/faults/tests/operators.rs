//! The operators that misbehave, all at once.

use simgauge_faults::{hostile::hostile_operator, trial::workshop};

#[test]
fn misbehaving_operators_harm_nobody_else_and_recover() {
    let dir = workshop().expect("folder");
    let found = hostile_operator(dir.path()).expect("the trial works");
    assert_eq!(found, Vec::<String>::new());
}
