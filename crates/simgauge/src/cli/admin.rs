//! `simgauge admin`: the people who may use the console.

use super::output::Output;
use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use simgauge_admin::{AdminError, Administration, human};
use simgauge_domain::names;
use simgauge_store::{Admin, AdminRole};
use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;

/// Most bytes of the line that holds a password.
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
    /// Replace an admin's password and end their sessions. Asks for the new one, or reads it from standard
    /// input.
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
/// The admin does not exist or exists already, the password is too short or too long, or the store failed.
pub async fn run(command: AdminCommand, admin: &Administration, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        AdminCommand::Create { name, role } => {
            if admin.has_admin(&name).await? {
                return Err(AdminError::Exists(format!("admin {name}")).into());
            }
            admin.create_admin(&name, &ask_password()?, role).await?;
            output.print(&json!({ "name": name, "role": role.as_str() }), || {
                format!("admin {name} created; they log in at /console")
            })?;
        }
        AdminCommand::Password { name } => {
            if !admin.has_admin(&name).await? {
                return Err(AdminError::Missing(format!("admin {name}")).into());
            }
            admin.set_admin_password(&name, &ask_password()?).await?;
            output.print(&json!({ "name": name }), || format!("admin {name} has a new password"))?;
        }
        AdminCommand::Disable { name } => set_disabled(admin, &name, true, output).await?,
        AdminCommand::Enable { name } => set_disabled(admin, &name, false, output).await?,
        AdminCommand::List => output.list(
            &admin.admins().await?,
            as_json,
            ["ADMIN", "ROLE", "STATE", "CREATED"],
            cells,
            "no admins; create one with: simgauge admin create NAME",
        )?,
    }
    Ok(ExitCode::SUCCESS)
}

const fn state(disabled: bool) -> &'static str {
    if disabled { "disabled" } else { "enabled" }
}

async fn set_disabled(
    admin: &Administration,
    name: &str,
    disabled: bool,
    output: &Output,
) -> anyhow::Result<()> {
    admin.set_admin_disabled(name, disabled).await?;
    output
        .print(&json!({ "name": name, "disabled": disabled }), || format!("admin {name} {}", state(disabled)))
}

fn as_json(admin: &Admin) -> Value {
    json!({
        "name": admin.name,
        "role": admin.role.as_str(),
        "disabled": admin.disabled,
        "createdAt": admin.created_at.seconds(),
    })
}

fn cells(admin: &Admin) -> [String; 4] {
    let created = human::time(admin.created_at.seconds());
    [admin.name.clone(), admin.role.as_str().to_owned(), state(admin.disabled).to_owned(), created]
}

/// A password from the terminal, typed twice, or the first line of standard input. It is never an argument,
/// since other users can see arguments.
fn ask_password() -> anyhow::Result<SecretString> {
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
