//! The short form of the power cuts.

use simgauge_faults::power::Phase::Load;
use simgauge_faults::power::Plan;
use simgauge_faults::trial::{PHASES, power_cuts};

/// As `scripts/soak faults` prints it, to have a run again.
const SEED: u64 = 20_261_130;

fn cut(links: bool) -> Vec<String> {
    let plan = Plan { links, faults: Vec::new(), phases: PHASES.to_vec() };
    power_cuts(&plan, 5, SEED).expect("the trial works")
}

#[test]
fn what_was_answered_outlives_power_cuts() {
    assert_eq!(cut(false), Vec::<String>::new());
}

#[test]
fn what_was_answered_outlives_power_cuts_behind_links() {
    assert_eq!(cut(true), Vec::<String>::new());
}

/// After a sync that failed, later ones bring nothing of before to the disk.
#[test]
fn what_was_answered_outlives_a_sync_that_failed() {
    let faults = vec![("SIMGAUGE_SHIM_SYNC", "EIO@12".to_owned())];
    let plan = Plan { links: false, faults, phases: vec![Load] };
    assert_eq!(power_cuts(&plan, 2, SEED).expect("the trial works"), Vec::<String>::new());
}

/// The trial itself: on a disk that does not sync, answered refreshes are lost, and it sees that.
#[test]
fn a_disk_that_lies_is_noticed() {
    let faults = vec![("SIMGAUGE_SHIM_SYNC_LIES", "1".to_owned())];
    let plan = Plan { links: false, faults, phases: vec![Load] };
    let found = power_cuts(&plan, 2, SEED).expect("the trial works");
    assert!(found.iter().any(|one| one.contains("an answered refresh is there")), "{found:#?}");
}
