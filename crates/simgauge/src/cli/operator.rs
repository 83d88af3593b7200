//! `simgauge operator`: operator accounts and their lanes, and the definitions of operators' APIs.

mod assumed;
mod check;
mod definitions;
mod list;
mod live;
mod named;
mod new;
mod outcome;
mod trial;

#[cfg(test)]
mod tests;

use super::on_store::{on_store, operator_account_names};
use super::output::Output;
use crate::app::open_existing_store;
use crate::config::Config;
use crate::operators::open_questions;
use serde_json::json;
use simgauge_operators::Catalog;
use std::process::ExitCode;

/// Operators: accounts, lanes and definitions.
#[derive(Debug, clap::Subcommand)]
pub enum OperatorCommand {
    /// List the operator accounts with their lanes.
    List,
    /// Have an operator tried again within seconds, whatever it asked for (Retry-After) and however often it
    /// failed.
    Retry {
        /// The operator account.
        name: String,
    },
    /// List the operator definitions there are.
    Definitions,
    /// Show an operator definition: its text is what a definition of one's own can start from.
    Show {
        /// Its name, or a file.
        name: String,
    },
    /// Write a definition that compiles, with comments on what to change, and its fixtures.
    New(new::NewArgs),
    /// Show what a saved answer reads as by a definition, without a call.
    Try(trial::TryArgs),
    /// Check definitions: their text, their fixtures, or with --live an operator account against the real
    /// operator.
    Check(check::CheckArgs),
}

/// Runs the command.
///
/// # Errors
/// A definition is broken, what was named does not exist, or the store failed.
pub async fn run(command: OperatorCommand, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let catalog = || Catalog::load(config.definitions_dir());
    match command {
        OperatorCommand::List => {
            let store = open_existing_store(config).await?;
            let configured = list::Configured {
                names: operator_account_names(config),
                open_questions: open_questions(config, &catalog()?),
            };
            on_store(store, async |admin| list::run(&configured, admin, output).await).await
        }
        OperatorCommand::Retry { name } => {
            let store = open_existing_store(config).await?;
            on_store(store, async |admin| {
                admin.retry_lane(&name).await?;
                output.print(&json!({ "name": name, "retried": true }), || {
                    format!("operator account {name} is tried again within seconds")
                })?;
                Ok(ExitCode::SUCCESS)
            })
            .await
        }
        OperatorCommand::Definitions => definitions::list(&catalog()?, output),
        OperatorCommand::Show { name } => {
            definitions::show(&named::find(&name, config.definitions_dir())?, output)
        }
        OperatorCommand::New(args) => new::run(&args, config, output),
        OperatorCommand::Try(args) => trial::run(&args, config, output).await,
        OperatorCommand::Check(args) => check::run(args, config, output).await,
    }
}
