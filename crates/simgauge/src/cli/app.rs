//! `simgauge app`: appkeys and their secrets.

use super::human;
use super::input::{self, Quota};
use super::output::{Fields, Output, Table};
use crate::api::network;
use crate::clock::Clock;
use crate::secrets::{new_appkey, new_secret};
use ipnet::IpNet;
use serde_json::json;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::sign::SignType;
use simgauge_store::{Store, StoredQuota};
use std::process::ExitCode;
use std::time::Duration;

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
        /// How its calls have to be signed: sha-1, as the API documents it, or hmac-sha256.
        #[arg(long, default_value = "sha-1", value_parser = input::sign_type)]
        sign_type: SignType,
    },
    /// List the apps.
    List,
    /// Replace an app's secret and show the new one, this once. The old one stops working, at once or after a while.
    Rotate {
        /// The app.
        appkey: String,
        /// Let the old secret be good as well for so long (such as 24h), until the customer's programs have the new one.
        #[arg(long, value_name = "SPAN", value_parser = input::span)]
        keep_old: Option<Duration>,
    },
    /// Let an app call from some networks only. The list replaces the one before.
    Allow {
        /// The app.
        appkey: String,
        /// Networks such as 192.0.2.0/24 or 2001:db8::/32, or single addresses.
        #[arg(required_unless_present = "anywhere", value_parser = network)]
        networks: Vec<IpNet>,
        /// Let it call from anywhere.
        #[arg(long, conflicts_with = "networks")]
        anywhere: bool,
    },
    /// Limit an app's calls, beside the limit of its account.
    Quota {
        /// The app.
        appkey: String,
        /// How many.
        #[command(flatten)]
        quota: Quota,
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
        AppCommand::Create { account, appkey, label, sign_type } => {
            let appkey = match appkey {
                Some(appkey) => appkey,
                None => new_appkey()?,
            };
            let secret = new_secret()?;
            let sealed = seal(&secret, &appkey)?;
            store.create_app(&appkey, &account, &label, &sealed, Clock::default().now()).await?;
            // Nobody has the secret yet, so nobody signs in the wrong way meanwhile.
            store.set_app_sign_type(&appkey, sign_type.as_str()).await?;
            show_secret(&appkey, &secret, None, output)?;
        }
        AppCommand::Rotate { appkey, keep_old } => {
            let secret = new_secret()?;
            let old_until = keep_old.map(|span| Clock::default().now().after(span));
            store.set_app_secret(&appkey, &seal(&secret, &appkey)?, old_until).await?;
            show_secret(&appkey, &secret, old_until, output)?;
        }
        AppCommand::Allow { appkey, networks, .. } => {
            let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
            store.set_app_allow(&appkey, &texts.join(",")).await?;
            output.print(&json!({ "appkey": appkey, "allow": texts }), || match texts.is_empty() {
                true => format!("app {appkey} may call from anywhere"),
                false => format!("app {appkey} may call from {} only", texts.join(", ")),
            })?;
        }
        AppCommand::Quota { appkey, quota } => {
            let quota = quota.stored();
            store.set_app_quota(&appkey, quota).await?;
            output.print(&json!({ "appkey": appkey, "quota": quota_as_json(quota) }), || {
                format!("app {appkey}: {}", input::quota_in_words(quota, "no limit of its own"))
            })?;
        }
        AppCommand::Disable { appkey } => switch(store, &appkey, true, output).await?,
        AppCommand::Enable { appkey } => switch(store, &appkey, false, output).await?,
        AppCommand::List => list(store, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show_secret(appkey: &str, secret: &str, old_until: Option<UnixMs>, output: &Output) -> anyhow::Result<()> {
    let old_until = old_until.map(UnixMs::seconds);
    let mut shown = json!({ "appkey": appkey, "secret": secret });
    if let Some(until) = old_until {
        shown["oldSecretUntil"] = until.into();
    }
    output.print(&shown, || {
        let fields = Fields::new()
            .line("appkey", appkey)
            .line("secret", secret)
            .maybe("the old secret is good until", old_until.map(human::time))
            .text();
        format!("{fields}keep the secret now: it is not shown again\n")
    })
}

/// A quota for programs.
pub(super) fn quota_as_json(quota: Option<StoredQuota>) -> serde_json::Value {
    match quota {
        None => serde_json::Value::Null,
        Some(quota) => json!({ "perSecond": quota.per_second, "burst": quota.burst }),
    }
}

async fn switch(store: &Store, appkey: &str, disabled: bool, output: &Output) -> anyhow::Result<()> {
    store.set_app_disabled(appkey, disabled).await?;
    output.print(&json!({ "appkey": appkey, "disabled": disabled }), || {
        format!("app {appkey} {}", if disabled { "disabled" } else { "enabled" })
    })
}

async fn list(store: &Store, output: &Output) -> anyhow::Result<()> {
    let now = Clock::default().now();
    let mut table = Table::new(&["APPKEY", "ACCOUNT", "STATE", "SIGN", "FROM", "QUOTA", "CREATED", "LABEL"]);
    let mut list = Vec::new();
    for app in store.apps().await? {
        let created_at = UnixMs(app.created_at).seconds();
        let disabled = app.disabled != 0;
        let quota = app.quota;
        let allow: Vec<&str> = app.allow.split(',').filter(|network| !network.is_empty()).collect();
        let old_until = app.old_until.map(UnixMs).filter(|until| now < *until).map(UnixMs::seconds);
        list.push(json!({
            "appkey": app.appkey, "account": app.account, "disabled": disabled, "createdAt": created_at, "label": app.label,
            "signType": app.sign_type, "allow": allow, "quota": quota_as_json(quota), "oldSecretUntil": old_until,
        }));
        let state = match (disabled, old_until) {
            (true, _) => "disabled".to_owned(),
            (false, None) => "enabled".to_owned(),
            (false, Some(until)) => format!("enabled, old secret until {}", human::time(until)),
        };
        let from = if allow.is_empty() { "anywhere".to_owned() } else { allow.join(", ") };
        table.row([
            app.appkey,
            app.account,
            state,
            app.sign_type,
            from,
            input::quota_in_words(quota, "-"),
            human::time(created_at),
            app.label,
        ]);
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
            sign_type: SignType::HmacSha256,
        };
        run(app("acme", "k"), &store, &seal, &output).await.expect("created");
        let twice = run(app("acme", "k"), &store, &seal, &output).await.expect_err("exists");
        assert_eq!(twice.to_string(), "app k exists already");
        let lost = run(app("nobody", "k2"), &store, &seal, &output).await.expect_err("no account");
        assert_eq!(lost.to_string(), "account nobody does not exist");

        let k = async || store.app("k").await.expect("read").expect("app");
        let first = k().await;
        assert_eq!(first.sign_type, "HMAC-SHA256");
        let rotate = |keep_old| AppCommand::Rotate { appkey: "k".into(), keep_old };
        run(rotate(Some(Duration::from_secs(3600))), &store, &seal, &output).await.expect("rotated");
        let second = k().await;
        assert_ne!(second.secret, first.secret);
        assert_eq!(second.old_secret, Some(first.secret));
        assert!(second.old_until.is_some_and(|until| until > Clock::default().now().0 + 3_500_000));
        run(rotate(None), &store, &seal, &output).await.expect("rotated");
        let third = k().await;
        assert_ne!(third.secret, second.secret);
        assert_eq!((third.old_secret, third.old_until), (None, None), "the old one is good no more");

        let networks =
            vec![network("192.0.2.9/24").expect("network"), network("2001:db8::1").expect("network")];
        let allow = |networks| AppCommand::Allow { appkey: "k".into(), networks, anywhere: false };
        run(allow(networks), &store, &seal, &output).await.expect("allowed");
        assert_eq!(k().await.allow, "192.0.2.0/24,2001:db8::1/128");
        run(allow(Vec::new()), &store, &seal, &output).await.expect("allowed");
        assert_eq!(k().await.allow, "");
        run(AppCommand::Disable { appkey: "k".into() }, &store, &seal, &output).await.expect("disabled");
        assert_eq!(store.app("k").await.expect("read").expect("app").disabled, 1);
        run(AppCommand::Enable { appkey: "k".into() }, &store, &seal, &output).await.expect("enabled");
        assert_eq!(store.app("k").await.expect("read").expect("app").disabled, 0);
        let lost = run(AppCommand::Enable { appkey: "x".into() }, &store, &seal, &output).await;
        assert_eq!(lost.expect_err("no app").to_string(), "app x does not exist");
    }
}
