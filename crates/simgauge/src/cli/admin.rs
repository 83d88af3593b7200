//! `simgauge admin`: the people who may use the console.

use super::human;
use super::output::{Output, Table};
use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use simgauge_admin::password;
use simgauge_domain::names;
use simgauge_service::clock::Clock;
use simgauge_store::{AdminRole, Store};
use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;

/// More on standard input is no password.
const LINE_MAX: u64 = 4096;

/// People who may use the console.
#[derive(Debug, clap::Subcommand)]
pub enum AdminCommand {
    /// Create an admin. Asks for the password, or reads it from the first line of standard input.
    Create {
        /// The name to log in with: 1 to 64 letters, digits, '_', '-' or '.'.
        #[arg(value_parser = names::name)]
        name: String,
        /// What they may do: look and act, or only look.
        #[arg(long, default_value = "full", value_parser = role)]
        role: AdminRole,
    },
    /// List the admins.
    List,
    /// End an admin's sessions and let them log in no more.
    Disable {
        /// The admin.
        name: String,
    },
    /// Let a disabled admin log in again.
    Enable {
        /// The admin.
        name: String,
    },
    /// Replace an admin's password and end their sessions. Asks for the new one, or reads it from standard input.
    Password {
        /// The admin.
        name: String,
    },
}

fn role(name: &str) -> Result<AdminRole, String> {
    AdminRole::parse(&name.replace('-', "_")).ok_or_else(|| "must be full or read-only".to_owned())
}

/// Runs the command.
///
/// # Errors
/// There is no such admin, or one already; the password is too short; or the store failed.
pub async fn run(command: AdminCommand, store: &Store, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        AdminCommand::Create { name, role } => {
            if store.admin(&name).await?.is_some() {
                bail!("admin {name} exists already");
            }
            let hash = password::hash(&asked_password()?)?;
            store.create_admin(&name, &hash, role, Clock::default().now()).await?;
            output.print(&json!({ "name": name, "role": role.as_str() }), || {
                format!("admin {name} created; they log in at /console")
            })?;
        }
        AdminCommand::Password { name } => {
            if store.admin(&name).await?.is_none() {
                bail!("admin {name} does not exist");
            }
            let hash = password::hash(&asked_password()?)?;
            store.set_admin_password(&name, &hash).await?;
            output.print(&json!({ "name": name }), || format!("admin {name} has a new password"))?;
        }
        AdminCommand::Disable { name } => switch(store, &name, true, output).await?,
        AdminCommand::Enable { name } => switch(store, &name, false, output).await?,
        AdminCommand::List => list(store, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn switch(store: &Store, name: &str, disabled: bool, output: &Output) -> anyhow::Result<()> {
    store.set_admin_disabled(name, disabled).await?;
    output.print(&json!({ "name": name, "disabled": disabled }), || {
        format!("admin {name} {}", if disabled { "disabled" } else { "enabled" })
    })
}

async fn list(store: &Store, output: &Output) -> anyhow::Result<()> {
    let mut table = Table::new(&["ADMIN", "ROLE", "STATE", "CREATED"]);
    let mut list = Vec::new();
    for admin in store.admins().await? {
        let created_at = admin.created_at.seconds();
        list.push(json!({
            "name": admin.name, "role": admin.role.as_str(), "disabled": admin.disabled, "createdAt": created_at,
        }));
        let state = if admin.disabled { "disabled" } else { "enabled" };
        table.row([admin.name, admin.role.as_str().to_owned(), state.to_owned(), human::time(created_at)]);
    }
    output.print(&list, || table.or("no admins; create one with: simgauge admin create NAME"))
}

/// A password from the terminal, typed twice, or the first line of standard input. Never an argument, which others can see.
fn asked_password() -> anyhow::Result<SecretString> {
    if std::io::stdin().is_terminal() {
        let ask = |prompt: &str| rpassword::prompt_password(prompt).context("the password cannot be read");
        let first: SecretString = ask("Password: ")?.into();
        let second: SecretString = ask("Once more: ")?.into();
        if first.expose_secret() != second.expose_secret() {
            bail!("the two passwords differ");
        }
        return Ok(first);
    }
    let mut line = String::new();
    let mut from = std::io::Read::take(std::io::stdin().lock(), LINE_MAX);
    from.read_line(&mut line).context("standard input cannot be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}
