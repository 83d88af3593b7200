//! `simgauge notification`: what accounts are told, and what could not be delivered.

use super::human;
use super::input;
use super::output::{Output, Table};
use crate::clock::Clock;
use serde_json::{Value, json};
use simgauge_domain::time::UnixMs;
use simgauge_store::{NotificationState, NotificationView, Store};
use std::process::ExitCode;

/// Notifications: what accounts are told.
#[derive(Debug, clap::Subcommand)]
pub enum NotificationCommand {
    /// List notifications, newest first.
    List {
        /// Only those of this account.
        #[arg(long, value_parser = input::name)]
        account: Option<String>,
        /// Only those in this state.
        #[arg(long, value_parser = state)]
        state: Option<NotificationState>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Deliver notifications again, each in its old place among those of its card. One that waits is tried at once.
    #[command(group = clap::ArgGroup::new("which").required(true).args(["id", "dead"]))]
    Replay {
        /// The notification.
        id: Option<String>,
        /// All that were given up.
        #[arg(long)]
        dead: bool,
        /// With --dead: only those of this account.
        #[arg(long, value_parser = input::name, conflicts_with = "id")]
        account: Option<String>,
    },
}

fn state(text: &str) -> Result<NotificationState, String> {
    NotificationState::parse(text).ok_or_else(|| "must be waiting, delivered or dead".to_owned())
}

/// Runs the command.
///
/// # Errors
/// There is no such notification, or the store failed.
pub async fn run(command: NotificationCommand, store: &Store, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        NotificationCommand::List { account, state, limit } => {
            input::known_account(store, account.as_deref()).await?;
            let found = store.notifications(account.as_deref(), state, limit).await?;
            let list: Vec<Value> = found.iter().map(as_json).collect();
            output.print(&list, || table(&found).or("no notifications"))?;
        }
        NotificationCommand::Replay { id: Some(id), .. } => {
            store.replay_notification(&id, Clock::default().now()).await?;
            output.print(&json!({ "replayed": 1 }), || {
                format!("notification {id} waits to be delivered again")
            })?;
        }
        NotificationCommand::Replay { id: None, account, .. } => {
            input::known_account(store, account.as_deref()).await?;
            let count = store.replay_dead(account.as_deref(), Clock::default().now()).await?;
            output.print(&json!({ "replayed": count }), || match count {
                0 => "no notification is dead".to_owned(),
                1 => "1 notification waits to be delivered again".to_owned(),
                _ => format!("{} notifications wait to be delivered again", human::count(count)),
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(one: &NotificationView) -> Value {
    json!({
        "id": one.id,
        "account": one.account,
        "card": one.card,
        "event": one.event,
        "state": one.state.as_str(),
        "attempts": one.attempts,
        "createdAt": one.created_at.seconds(),
        "nextAt": one.next_at.map(UnixMs::seconds),
        "endedAt": one.ended_at.map(UnixMs::seconds),
        "lastError": one.last_error,
        "body": serde_json::from_str::<Value>(&one.body).unwrap_or_default(),
    })
}

fn table(found: &[NotificationView]) -> Table {
    let mut table =
        Table::new(&["ID", "ACCOUNT", "CARD", "EVENT", "CREATED", "STATE", "ATTEMPTS", "LAST ERROR"]);
    for one in found {
        let state = match (one.state, one.next_at) {
            (NotificationState::Waiting, None) => "waiting for an older one".to_owned(),
            (state, _) => state.as_str().to_owned(),
        };
        table.row([
            one.id.clone(),
            one.account.clone(),
            one.number.clone(),
            one.event.clone(),
            human::time(one.created_at.seconds()),
            state,
            one.attempts.to_string(),
            one.last_error.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table
}
