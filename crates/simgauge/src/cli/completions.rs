//! `simgauge completions`: what a shell needs to complete its command lines.

use super::command::Cli;
use super::output;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::process::ExitCode;

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "simgauge", &mut script);
    output::write(&script)?;
    Ok(ExitCode::SUCCESS)
}
