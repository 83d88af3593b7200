//! `simgauge account`: customers of the platform.

use super::human;
use super::input;
use super::output::{Output, Table};
use crate::clock::Clock;
use serde_json::json;
use simgauge_domain::time::UnixMs;
use simgauge_store::Store;
use std::process::ExitCode;

/// Customers of the platform.
#[derive(Debug, clap::Subcommand)]
pub enum AccountCommand {
    /// Create an account.
    Create {
        /// Its name: 1 to 64 letters, digits, '_', '-' or '.'.
        #[arg(value_parser = input::name)]
        name: String,
        /// The language of its messages, where a call does not ask for one.
        #[arg(long, default_value = "zh", value_parser = ["zh", "en"])]
        language: String,
    },
    /// List the accounts.
    List,
}

/// Runs the command.
///
/// # Errors
/// The account exists already, or the store failed.
pub async fn run(command: AccountCommand, store: &Store, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::Create { name, language } => {
            store.create_account(&name, &language, Clock::default().now()).await?;
            output.print(&json!({ "name": name, "language": language }), || {
                format!("account {name} created; next: simgauge app create --account {name}")
            })?;
        }
        AccountCommand::List => {
            let accounts = store.accounts().await?;
            let mut table = Table::new(&["ACCOUNT", "LANGUAGE", "CREATED"]);
            let mut list = Vec::new();
            for account in accounts {
                let created_at = UnixMs(account.created_at).seconds();
                list.push(
                    json!({ "name": account.name, "language": account.language, "createdAt": created_at }),
                );
                table.row([account.name, account.language, human::time(created_at)]);
            }
            output.print(&list, || table.or("no accounts; create one with: simgauge account create NAME"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
