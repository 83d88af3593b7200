//! Whole trials. Each answers what it found; nothing is as it has to be.

use crate::points::{choose, try_point};
use crate::power::{Phase, Plan, Recording};
use anyhow::Context as _;
use simgauge_process as process;
use tempfile::TempDir;

/// Every phase that does not wait for a minute.
pub const PHASES: [Phase; 7] = [
    Phase::Load,
    Phase::Checkpoint,
    Phase::Import,
    Phase::RotateKey,
    Phase::BackUp,
    Phase::Restart,
    Phase::Load,
];

/// Records one plan and cuts the power at so many points.
///
/// # Errors
/// The trial itself failed.
pub fn power_cuts(plan: &Plan, points: usize, seed: u64) -> anyhow::Result<Vec<String>> {
    let mut dir = scratch_folder()?;
    let recording = Recording::make(plan, dir.path())?;
    println!(
        "{plan:?}: {} events, {} refreshes answered, other answers {:?}",
        recording.events.len(),
        recording.seen.answered.len(),
        recording.seen.others
    );
    let mut found = Vec::new();
    for (number, point) in choose(&recording.events, points, seed).into_iter().enumerate() {
        let at = dir.path().join(format!("point-{number}"));
        let of_point = try_point(&recording, point, &at).with_context(|| format!("{point:?}"))?;
        if of_point.is_empty() {
            std::fs::remove_dir_all(&at)?;
        }
        // Now and not in the end: the whole takes an hour.
        of_point.iter().for_each(|one| println!("{one}"));
        found.extend(of_point);
    }
    // On a disk that lies, losses are what is expected.
    let lies = plan.faults.iter().any(|(name, _)| *name == "SIMGAUGE_SHIM_SYNC_LIES");
    if !found.is_empty() && !lies {
        println!("the files are kept in {}", dir.path().display());
        dir.disable_cleanup(true);
    }
    Ok(found)
}

/// The long form: with and without links, with everything going on, and on disks that fail.
///
/// # Errors
/// The trial itself failed.
pub fn all_power_cuts(points: usize, seed: Option<u64>) -> anyhow::Result<Vec<String>> {
    let seed = seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut phases = PHASES.to_vec();
    phases.push(Phase::Fold);
    let plans = [false, true].map(|links| Plan { links, faults: Vec::new(), phases: phases.clone() });
    let few = |fault: (&'static str, &str)| Plan {
        links: false,
        faults: vec![(fault.0, fault.1.to_owned())],
        phases: vec![Phase::Load; 3],
    };
    let failing = [
        few(("SIMGAUGE_SHIM_SYNC", "EIO@40")),
        few(("SIMGAUGE_SHIM_SYNC", "EIO@40+")),
        few(("SIMGAUGE_SHIM_WRITE", "EIO@400")),
        few(("SIMGAUGE_SHIM_WRITE", "ENOSPC@400+")),
        few(("SIMGAUGE_SHIM_SYNC_MS", "30")),
    ];
    let mut found = Vec::new();
    // Two fifths of the points for each of the first ones, a fifth for all others.
    let shares = plans.iter().map(|plan| (plan, points * 2 / 5));
    for (plan, points) in shares.chain(failing.iter().map(|plan| (plan, points.div_ceil(25)))) {
        found.extend(power_cuts(plan, points, seed).with_context(|| format!("{plan:?}"))?);
    }
    Ok(found)
}

/// Where the files of a trial are kept.
///
/// # Errors
/// The folder cannot be made.
pub fn scratch_folder() -> anyhow::Result<TempDir> {
    // On the disk and not in the system's folder, which can be in memory and small.
    let program = process::program()?;
    let target = program.parent().context("it has no folder")?;
    Ok(tempfile::Builder::new().prefix("faults-").tempdir_in(target)?)
}
