//! `simgauge account`: customers of the platform.

mod notify;

use super::input::{self, Quota};
use super::output::{Output, or_dash};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};
use simgauge_admin::{AccountOverview, Administration, human};
use simgauge_domain::names;
use simgauge_domain::target_policy::{TargetPolicy, shown};
use simgauge_domain::time::UnixMs;
use simgauge_protocol::Language;
use std::process::ExitCode;

/// Customers of the platform.
#[derive(Debug, clap::Subcommand)]
pub enum AccountCommand {
    /// Create an account.
    Create {
        /// Its name: 1 to 64 letters, digits, '_', '-' or '.'.
        #[arg(value_parser = names::name)]
        name: String,
        /// The language of its messages, where a call does not ask for one.
        #[arg(long, default_value = "zh", value_parser = language())]
        language: Language,
    },
    /// List the accounts.
    List,
    /// Set where an account is notified of what happens to its cards. What is not given stays as it is.
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

fn language() -> impl TypedValueParser<Value = Language> {
    let names = PossibleValuesParser::new(["zh", "en"]);
    names.try_map(|name| Language::parse(&name).ok_or("there is no such language"))
}

/// Runs the command.
///
/// # Errors
/// The account exists already or does not exist, its address cannot be one, or the store failed.
pub async fn run(
    command: AccountCommand,
    admin: &Administration,
    policy: TargetPolicy,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::Create { name, language } => {
            admin.create_account(&name, language).await?;
            output.print(&json!({ "name": name, "language": language.as_str() }), || {
                format!("account {name} created; next: simgauge app create --account {name}")
            })?;
        }
        AccountCommand::List => output.list(
            &admin.accounts().await?,
            as_json,
            ["ACCOUNT", "LANGUAGE", "CREATED", "QUOTA", "NOTIFIED AT", "OF"],
            cells,
            "no accounts; create one with: simgauge account create NAME",
        )?,
        AccountCommand::Notify(args) => notify::run(args, admin, policy, output).await?,
        AccountCommand::Quota { name, quota } => {
            let quota = quota.stored();
            admin.set_account_quota(&name, quota).await?;
            output.print(&json!({ "name": name, "quota": input::quota_as_json(quota) }), || {
                format!("account {name}: {}", input::quota_in_words(quota, "as configured"))
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(overview: &AccountOverview) -> Value {
    json!({
        "name": overview.account.name,
        "language": overview.account.language,
        "createdAt": UnixMs(overview.account.created_at).seconds(),
        "quota": input::quota_as_json(overview.account.quota),
        "notify": overview.notify.as_ref().map(notify::as_json),
    })
}

fn cells(overview: &AccountOverview) -> [String; 6] {
    let AccountOverview { account, notify } = overview;
    [
        account.name.clone(),
        account.language.clone(),
        human::time(UnixMs(account.created_at).seconds()),
        input::quota_in_words(account.quota, "as configured"),
        or_dash(notify.as_ref().and_then(|notify| notify.url.as_deref()).map(shown)),
        notify.as_ref().map(notify::in_words).unwrap_or_default(),
    ]
}
