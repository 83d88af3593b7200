//! `simgauge secrets`: the key that seals app secrets.

use super::output::Output;
use anyhow::anyhow;
use serde_json::json;
use simgauge_admin::{AdminError, Administration, KeyRotation};
use simgauge_service::secrets::Sealer;
use std::process::ExitCode;

/// The key that seals app secrets at rest.
#[derive(Debug, clap::Subcommand)]
pub enum SecretsCommand {
    /// Replace the key: adds a new one, seals every secret with it, drops the old one. Can be run again after
    /// a failure, and while the server runs.
    RotateKey {
        /// On PostgreSQL: no other node has a copy of the key file.
        #[arg(long)]
        only_node: bool,
    },
    /// First step where several nodes share the store: puts a new key first into the key file. Copy the file
    /// to every node then.
    AddKey,
    /// Second step: seals every secret with the first key of the file.
    Reseal,
    /// Last step: takes the old keys out of the file. Copy it to every node again.
    DropOldKeys,
}

/// Runs the command.
///
/// # Errors
/// The keys are in no file, a secret cannot be opened, or the store failed.
pub async fn run(
    command: SecretsCommand,
    admin: &Administration,
    sealer: &Sealer,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    match command {
        SecretsCommand::RotateKey { only_node } => {
            let rotated = admin.rotate_key(sealer, only_node).await.map_err(with_next_step)?;
            let KeyRotation { apps, resumed } = rotated;
            output.print(&json!({ "apps": apps, "resumed": resumed }), || {
                let resumed = if resumed { "a rotation that had begun was finished: " } else { "" };
                format!(
                    "{resumed}the secrets of {apps} apps are sealed with the new key; \
                     back-ups made before need the old one"
                )
            })?;
        }
        SecretsCommand::AddKey => {
            let added = admin.add_key(sealer).await?;
            output.print(&json!({ "added": added }), || {
                let message = match added {
                    true => {
                        "a new key stands first; copy the key file to every node, then: simgauge secrets \
                         reseal"
                    }
                    false => "a rotation is under way already; the key file holds more than one key",
                };
                message.to_owned()
            })?;
        }
        SecretsCommand::Reseal => {
            let apps = admin.reseal_secrets(sealer).await?;
            output.print(&json!({ "apps": apps }), || {
                format!(
                    "the secrets of {apps} apps are sealed with the first key; \
                     next: simgauge secrets drop-old-keys"
                )
            })?;
        }
        SecretsCommand::DropOldKeys => {
            let dropped = admin.drop_old_keys(sealer).await?;
            output.print(&json!({ "dropped": dropped }), || {
                format!(
                    "{dropped} old keys are out of the file; copy it to every node. \
                     Back-ups made before need the old key"
                )
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An error with the commands to run instead.
fn with_next_step(error: AdminError) -> anyhow::Error {
    match error {
        AdminError::OtherNodes => anyhow!(
            "{error}: run secrets add-key, copy the key file to every node, run secrets reseal, then secrets \
             drop-old-keys, and copy the file again; or say --only-node"
        ),
        other => other.into(),
    }
}
