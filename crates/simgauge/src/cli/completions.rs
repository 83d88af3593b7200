//! `simgauge completions`: a script with which a shell completes command lines.

use super::output;
use clap::{Args, Command};
use clap_complete::Shell;
use std::process::ExitCode;

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the script that completes `program`.
pub(super) fn run(args: &CompletionsArgs, mut program: Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "simgauge", &mut script);
    output::write(&script)?;
    Ok(ExitCode::SUCCESS)
}
