//! `simgauge account`: customers of the platform.

pub mod notify;

use super::app::quota_as_json;
use super::human;
use super::input::{self, Quota};
use super::output::{Output, Table};
use crate::clock::Clock;
use crate::notify::{TargetPolicy, shown};
use serde_json::json;
use simgauge_domain::time::UnixMs;
use simgauge_store::{NotificationPrefs, Store};
use std::collections::HashMap;
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
    /// Say where an account is told what happens to its cards, and of what. What is not given stays as it is.
    Notify(notify::NotifyArgs),
    /// Limit the calls of all apps of an account together.
    Quota {
        /// The account.
        name: String,
        /// How many.
        #[command(flatten)]
        quota: Quota,
    },
}

/// Runs the command.
///
/// # Errors
/// The account exists already, or the store failed.
pub async fn run(
    command: AccountCommand,
    store: &Store,
    policy: TargetPolicy,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::Create { name, language } => {
            store.create_account(&name, &language, Clock::default().now()).await?;
            output.print(&json!({ "name": name, "language": language }), || {
                format!("account {name} created; next: simgauge app create --account {name}")
            })?;
        }
        AccountCommand::List => {
            let accounts = store.accounts().await?;
            let mut settings: HashMap<String, NotificationPrefs> = store
                .all_notification_prefs()
                .await?
                .into_iter()
                .map(|settings| (settings.account.clone(), settings))
                .collect();
            let mut table = Table::new(&["ACCOUNT", "LANGUAGE", "CREATED", "QUOTA", "NOTIFIED AT", "OF"]);
            let mut list = Vec::new();
            for account in accounts {
                let created_at = UnixMs(account.created_at).seconds();
                let settings = settings.remove(&account.name);
                let quota = account.quota;
                list.push(json!({
                    "name": account.name,
                    "language": account.language,
                    "createdAt": created_at,
                    "quota": quota_as_json(quota),
                    "notify": settings.as_ref().map(notify::as_json),
                }));
                let url = settings.as_ref().and_then(|settings| settings.url.as_deref()).map(shown);
                let of = settings.as_ref().map(notify::in_words).unwrap_or_default();
                table.row([
                    account.name,
                    account.language,
                    human::time(created_at),
                    input::quota_in_words(quota, "as configured"),
                    url.unwrap_or_else(|| "-".to_owned()),
                    of,
                ]);
            }
            output.print(&list, || table.or("no accounts; create one with: simgauge account create NAME"))?;
        }
        AccountCommand::Notify(args) => notify::run(args, store, policy, output).await?,
        AccountCommand::Quota { name, quota } => {
            let quota = quota.stored();
            store.set_account_quota(&name, quota).await?;
            output.print(&json!({ "name": name, "quota": quota_as_json(quota) }), || {
                format!("account {name}: {}", input::quota_in_words(quota, "as configured"))
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
