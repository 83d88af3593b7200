//! `simgauge app`: appkeys and their secrets.

use super::input::{self, Quota};
use super::output::{Fields, Output};
use ipnet::IpNet;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use simgauge_admin::{Administration, IssuedSecret, NewApp, human};
use simgauge_domain::names;
use simgauge_domain::origin::network;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::sign::SignType;
use simgauge_service::clock::Clock;
use simgauge_service::secrets::Sealer;
use simgauge_store::App;
use std::process::ExitCode;
use std::time::Duration;

/// Appkeys, with which customers' programs call the API.
#[derive(Debug, clap::Subcommand)]
pub enum AppCommand {
    /// Create an app and show its secret, this once.
    Create {
        /// The account it belongs to.
        #[arg(long, value_parser = names::name)]
        account: String,
        /// Its appkey; random unless given.
        #[arg(long, value_parser = names::name)]
        appkey: Option<String>,
        /// A note for people.
        #[arg(long, default_value = "", value_parser = names::label)]
        label: String,
        /// How its calls have to be signed: sha-1, as the API documents it, or hmac-sha256.
        #[arg(long, default_value = "sha-1", value_parser = input::sign_type)]
        sign_type: SignType,
    },
    /// List the apps.
    List,
    /// Replace an app's secret and show the new one, this once. The old one stops working, at once or after a
    /// while.
    Rotate {
        /// The app.
        appkey: String,
        /// Keep the old secret good for so long (such as 24h), until the customer's programs have the new
        /// one.
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

/// Runs the command.
///
/// # Errors
/// The account or app does not exist, the appkey is taken, or the store failed.
pub async fn run(
    command: AppCommand,
    admin: &Administration,
    sealer: &Sealer,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    match command {
        AppCommand::Create { account, appkey, label, sign_type } => {
            let new = NewApp { account, appkey, label, sign_type };
            show_secret(&admin.create_app(new, sealer).await?, output)?;
        }
        AppCommand::Rotate { appkey, keep_old } => {
            show_secret(&admin.rotate_app(&appkey, keep_old, sealer).await?, output)?;
        }
        AppCommand::Allow { appkey, networks, .. } => {
            admin.set_app_networks(&appkey, &networks).await?;
            let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
            output.print(&json!({ "appkey": appkey, "allow": texts }), || match texts.is_empty() {
                true => format!("app {appkey} may call from anywhere"),
                false => format!("app {appkey} may call from {} only", texts.join(", ")),
            })?;
        }
        AppCommand::Quota { appkey, quota } => {
            let quota = quota.stored();
            admin.set_app_quota(&appkey, quota).await?;
            output.print(&json!({ "appkey": appkey, "quota": input::quota_as_json(quota) }), || {
                format!("app {appkey}: {}", input::quota_in_words(quota, "no limit of its own"))
            })?;
        }
        AppCommand::Disable { appkey } => set_disabled(admin, &appkey, true, output).await?,
        AppCommand::Enable { appkey } => set_disabled(admin, &appkey, false, output).await?,
        AppCommand::List => {
            let now = Clock::default().now();
            output.list(
                &admin.apps().await?,
                |app| as_json(app, now),
                ["APPKEY", "ACCOUNT", "STATE", "SIGN", "FROM", "QUOTA", "CREATED", "LABEL"],
                |app| cells(app, now),
                "no apps; create one with: simgauge app create --account NAME",
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_secret(issued: &IssuedSecret, output: &Output) -> anyhow::Result<()> {
    let IssuedSecret { appkey, secret, old_until } = issued;
    let (secret, old_until) = (secret.expose_secret(), old_until.map(UnixMs::seconds));
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

async fn set_disabled(
    admin: &Administration,
    appkey: &str,
    disabled: bool,
    output: &Output,
) -> anyhow::Result<()> {
    admin.set_app_disabled(appkey, disabled).await?;
    output.print(&json!({ "appkey": appkey, "disabled": disabled }), || {
        format!("app {appkey} {}", if disabled { "disabled" } else { "enabled" })
    })
}

fn as_json(app: &App, now: UnixMs) -> Value {
    json!({
        "appkey": app.appkey,
        "account": app.account,
        "disabled": app.disabled != 0,
        "createdAt": UnixMs(app.created_at).seconds(),
        "label": app.label,
        "signType": app.sign_type,
        "allow": allow_list(app),
        "quota": input::quota_as_json(app.quota),
        "oldSecretUntil": old_secret_until(app, now),
    })
}

fn cells(app: &App, now: UnixMs) -> [String; 8] {
    let state = match (app.disabled != 0, old_secret_until(app, now)) {
        (true, _) => "disabled".to_owned(),
        (false, None) => "enabled".to_owned(),
        (false, Some(until)) => format!("enabled, old secret until {}", human::time(until)),
    };
    let allow = allow_list(app);
    [
        app.appkey.clone(),
        app.account.clone(),
        state,
        app.sign_type.clone(),
        if allow.is_empty() { "anywhere".to_owned() } else { allow.join(", ") },
        input::quota_in_words(app.quota, "-"),
        human::time(UnixMs(app.created_at).seconds()),
        app.label.clone(),
    ]
}

fn allow_list(app: &App) -> Vec<&str> {
    app.allow.split(',').filter(|network| !network.is_empty()).collect()
}

/// Until when the secret before the last rotation is good, in Unix seconds.
fn old_secret_until(app: &App, now: UnixMs) -> Option<i64> {
    app.old_until.map(UnixMs).filter(|until| now < *until).map(UnixMs::seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::account::{self, AccountCommand};
    use crate::cli::test_store::TestStore;
    use simgauge_domain::target_policy::TargetPolicy;
    use simgauge_protocol::Language;

    #[tokio::test]
    async fn an_app_from_creation_to_rotation() {
        let TestStore { store, admin, dir: _dir } = TestStore::with_accounts(&[]).await;
        let output = Output { json: true };
        let sealer = Sealer::new(&[7; 32]);
        let create = || AccountCommand::Create { name: "acme".into(), language: Language::En };
        account::run(create(), &admin, TargetPolicy::default(), &output).await.expect("created");
        let twice =
            account::run(create(), &admin, TargetPolicy::default(), &output).await.expect_err("exists");
        assert_eq!(twice.to_string(), "account acme exists already");

        let app = |account: &str, appkey: &str| AppCommand::Create {
            account: account.into(),
            appkey: Some(appkey.into()),
            label: String::new(),
            sign_type: SignType::HmacSha256,
        };
        run(app("acme", "k"), &admin, &sealer, &output).await.expect("created");
        let twice = run(app("acme", "k"), &admin, &sealer, &output).await.expect_err("exists");
        assert_eq!(twice.to_string(), "app k exists already");
        let lost = run(app("nobody", "k2"), &admin, &sealer, &output).await.expect_err("no account");
        assert_eq!(lost.to_string(), "account nobody does not exist");

        let k = async || store.app("k").await.expect("read").expect("app");
        let first = k().await;
        assert_eq!(first.sign_type, "HMAC-SHA256");
        assert_eq!(sealer.open(&first.secret, "k").expect("opens").expose_secret().len(), 64);
        let rotate = |keep_old| AppCommand::Rotate { appkey: "k".into(), keep_old };
        run(rotate(Some(Duration::from_secs(3600))), &admin, &sealer, &output).await.expect("rotated");
        let second = k().await;
        assert_ne!(second.secret, first.secret);
        assert_eq!(second.old_secret, Some(first.secret));
        assert!(second.old_until.is_some_and(|until| until > Clock::default().now().0 + 3_500_000));
        run(rotate(None), &admin, &sealer, &output).await.expect("rotated");
        let third = k().await;
        assert_ne!(third.secret, second.secret);
        assert_eq!((third.old_secret, third.old_until), (None, None), "the old one is good no more");

        let networks =
            vec![network("192.0.2.9/24").expect("network"), network("2001:db8::1").expect("network")];
        let allow = |networks| AppCommand::Allow { appkey: "k".into(), networks, anywhere: false };
        run(allow(networks), &admin, &sealer, &output).await.expect("allowed");
        assert_eq!(k().await.allow, "192.0.2.0/24,2001:db8::1/128");
        run(allow(Vec::new()), &admin, &sealer, &output).await.expect("allowed");
        assert_eq!(k().await.allow, "");
        run(AppCommand::Disable { appkey: "k".into() }, &admin, &sealer, &output).await.expect("disabled");
        assert_eq!(store.app("k").await.expect("read").expect("app").disabled, 1);
        run(AppCommand::Enable { appkey: "k".into() }, &admin, &sealer, &output).await.expect("enabled");
        assert_eq!(store.app("k").await.expect("read").expect("app").disabled, 0);
        let lost = run(AppCommand::Enable { appkey: "x".into() }, &admin, &sealer, &output).await;
        assert_eq!(lost.expect_err("no app").to_string(), "app x does not exist");
    }
}
