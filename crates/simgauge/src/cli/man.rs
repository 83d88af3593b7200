//! `simgauge man`: the manual pages, one for each command; for who makes packages.

use super::command::Cli;
use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write them to.
    dir: PathBuf,
}

/// Writes `simgauge.1`, `simgauge-serve.1` and so on.
pub(super) fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let dir = args.dir.display();
    std::fs::create_dir_all(&args.dir).with_context(|| format!("{dir} cannot be created"))?;
    clap_mangen::generate_to(Cli::command(), &args.dir)
        .with_context(|| format!("the pages cannot be written to {dir}"))?;
    Ok(ExitCode::SUCCESS)
}
