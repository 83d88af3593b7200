//! `simgauge man`: the manual pages, one for each command, for packages of a distribution.

use anyhow::Context as _;
use clap::{Args, Command};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write them to.
    dir: PathBuf,
}

/// Writes `simgauge.1`, `simgauge-serve.1` and so on.
pub(super) fn run(args: &ManArgs, program: Command) -> anyhow::Result<ExitCode> {
    let dir = args.dir.display();
    std::fs::create_dir_all(&args.dir).with_context(|| format!("{dir} cannot be created"))?;
    clap_mangen::generate_to(program, &args.dir)
        .with_context(|| format!("the pages cannot be written to {dir}"))?;
    Ok(ExitCode::SUCCESS)
}
