//! `simgauge app`: appkeys and their secrets.

use super::human;
use super::input;
use super::output::{Fields, Output, Table};
use crate::clock::Clock;
use anyhow::Context as _;
use serde_json::json;
use simgauge_domain::time::UnixMs;
use simgauge_store::Store;
use std::process::ExitCode;

/// Appkeys, with which customers' programs call the API.
#[derive(Debug, clap::Subcommand)]
pub enum AppCommand {
    /// Create an app and show its secret, this once.
    Create {
        /// The account it belongs to.
        #[arg(long, value_parser = input::name)]
        account: String,
        /// Its appkey; made up unless given.
        #[arg(long, value_parser = input::name)]
        appkey: Option<String>,
        /// A note for people.
        #[arg(long, default_value = "", value_parser = input::label)]
        label: String,
    },
    /// List the apps.
    List,
    /// Replace an app's secret and show the new one, this once. The old one stops working.
    Rotate {
        /// The app.
        appkey: String,
    },
    /// Refuse an app's calls.
    Disable {
        /// The app.
        appkey: String,
    },
    /// Let a disabled app call again.
    Enable {
        /// The app.
        appkey: String,
    },
}

/// Seals a secret (first) of an app (second) for the store.
pub type Seal<'a> = &'a dyn Fn(&str, &str) -> anyhow::Result<Vec<u8>>;

/// Runs the command.
///
/// # Errors
/// There is no such account or app, the appkey is taken, or the store failed.
pub async fn run(
    command: AppCommand,
    store: &Store,
    seal: Seal<'_>,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    match command {
        AppCommand::Create { account, appkey, label } => {
            let appkey = match appkey {
                Some(appkey) => appkey,
                None => random_hex::<10>()?,
            };
            let secret = random_hex::<32>()?;
            let sealed = seal(&secret, &appkey)?;
            store.create_app(&appkey, &account, &label, &sealed, Clock::default().now()).await?;
            show_secret(&appkey, &secret, output)?;
        }
        AppCommand::Rotate { appkey } => {
            let secret = random_hex::<32>()?;
            store.set_app_secret(&appkey, &seal(&secret, &appkey)?).await?;
            show_secret(&appkey, &secret, output)?;
        }
        AppCommand::Disable { appkey } => switch(store, &appkey, true, output).await?,
        AppCommand::Enable { appkey } => switch(store, &appkey, false, output).await?,
        AppCommand::List => list(store, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn random_hex<const BYTES: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).ok().context("the system gives no random bytes")?;
    Ok(hex::encode(bytes))
}

fn show_secret(appkey: &str, secret: &str, output: &Output) -> anyhow::Result<()> {
    output.print(&json!({ "appkey": appkey, "secret": secret }), || {
        let fields = Fields::new().line("appkey", appkey).line("secret", secret).text();
        format!("{fields}keep the secret now: it is not shown again\n")
    })
}

async fn switch(store: &Store, appkey: &str, disabled: bool, output: &Output) -> anyhow::Result<()> {
    store.set_app_disabled(appkey, disabled).await?;
    output.print(&json!({ "appkey": appkey, "disabled": disabled }), || {
        format!("app {appkey} {}", if disabled { "disabled" } else { "enabled" })
    })
}

async fn list(store: &Store, output: &Output) -> anyhow::Result<()> {
    let mut table = Table::new(&["APPKEY", "ACCOUNT", "STATE", "CREATED", "LABEL"]);
    let mut list = Vec::new();
    for app in store.apps().await? {
        let created_at = UnixMs(app.created_at).seconds();
        let disabled = app.disabled != 0;
        list.push(json!({
            "appkey": app.appkey, "account": app.account, "disabled": disabled, "createdAt": created_at, "label": app.label,
        }));
        let state = if disabled { "disabled" } else { "enabled" };
        table.row([app.appkey, app.account, state.to_owned(), human::time(created_at), app.label]);
    }
    output.print(&list, || table.or("no apps; create one with: simgauge app create --account NAME"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::account::{self, AccountCommand};
    use crate::notify::TargetPolicy;

    #[tokio::test]
    async fn an_app_from_creation_to_rotation() {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite://{}", dir.path().join("store.db").display());
        let store = Store::connect(&url, 2).await.expect("store");
        store.migrate().await.expect("migrated");
        let output = Output { json: true };
        let seal = |secret: &str, appkey: &str| {
            assert_eq!(secret.len(), 64);
            Ok(format!("sealed {secret} of {appkey}").into_bytes())
        };
        let create = || AccountCommand::Create { name: "acme".into(), language: "en".into() };
        account::run(create(), &store, TargetPolicy::default(), &output).await.expect("created");
        let twice =
            account::run(create(), &store, TargetPolicy::default(), &output).await.expect_err("exists");
        assert_eq!(twice.to_string(), "account acme exists already");

        let app = |account: &str, appkey: &str| AppCommand::Create {
            account: account.into(),
            appkey: Some(appkey.into()),
            label: String::new(),
        };
        run(app("acme", "k"), &store, &seal, &output).await.expect("created");
        let twice = run(app("acme", "k"), &store, &seal, &output).await.expect_err("exists");
        assert_eq!(twice.to_string(), "app k exists already");
        let lost = run(app("nobody", "k2"), &store, &seal, &output).await.expect_err("no account");
        assert_eq!(lost.to_string(), "account nobody does not exist");

        let secret = async || store.app("k").await.expect("read").expect("app").secret;
        let first = secret().await;
        run(AppCommand::Rotate { appkey: "k".into() }, &store, &seal, &output).await.expect("rotated");
        assert_ne!(secret().await, first);
        run(AppCommand::Disable { appkey: "k".into() }, &store, &seal, &output).await.expect("disabled");
        assert_eq!(store.app("k").await.expect("read").expect("app").disabled, 1);
        run(AppCommand::Enable { appkey: "k".into() }, &store, &seal, &output).await.expect("enabled");
        assert_eq!(store.app("k").await.expect("read").expect("app").disabled, 0);
        let lost = run(AppCommand::Enable { appkey: "x".into() }, &store, &seal, &output).await;
        assert_eq!(lost.expect_err("no app").to_string(), "app x does not exist");
    }
}
