//! `simgauge account notify`: where an account is notified of what happens to its cards.

use crate::cli::output::{Fields, Output};
use anyhow::anyhow;
use serde_json::{Value, json};
use simgauge_admin::{AdminError, Administration, NotifyApp, NotifyChange};
use simgauge_domain::alert::NotifyStyle;
use simgauge_domain::names;
use simgauge_domain::target_policy::{TargetPolicy, shown};
use simgauge_domain::threshold::Percentages;
use simgauge_store::NotificationPrefs;

/// The arguments of `account notify`.
#[derive(Debug, clap::Args)]
pub struct NotifyArgs {
    /// The account.
    #[arg(value_parser = names::name)]
    name: String,
    /// Where notifications are posted: https and a public address, unless the configuration allows others.
    #[arg(long, conflicts_with = "off")]
    url: Option<String>,
    /// Send no notifications any more. What waits is given up, and can be replayed.
    #[arg(long)]
    off: bool,
    /// The app of the account whose secret signs; "oldest" for its oldest enabled one, which is the default.
    #[arg(long, value_name = "APPKEY")]
    app: Option<String>,
    /// Notify when usage reaches these percentages of a total, such as 50,80,100; "none" for none.
    #[arg(long, value_name = "LIST", value_parser = percentages)]
    thresholds: Option<Percentages>,
    /// Notify when nothing newer than so many hours is known after a refresh; 0 for never.
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(0..=8760))]
    stale_hours: Option<u32>,
    /// plain: this program's notifications only. platform: of a cloud eSIM with little left (under 100 MB,
    /// 10 % or 7 days) also the reference platform's CloudESimFlowAlert.
    #[arg(long, value_parser = style)]
    style: Option<NotifyStyle>,
}

fn style(text: &str) -> Result<NotifyStyle, String> {
    NotifyStyle::parse(text).ok_or_else(|| "must be plain or platform".to_owned())
}

fn percentages(text: &str) -> Result<Percentages, String> {
    if text == "none" {
        return Ok(Percentages::default());
    }
    let list: Option<Vec<u16>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    list.and_then(Percentages::new).ok_or_else(|| {
        format!("must be whole percentages from 1 to {}, such as 50,80,100", Percentages::MOST)
    })
}

pub(super) async fn run(
    args: NotifyArgs,
    admin: &Administration,
    policy: TargetPolicy,
    output: &Output,
) -> anyhow::Result<()> {
    let change = NotifyChange {
        url: if args.off { Some(None) } else { args.url.map(Some) },
        app: args.app.map(|app| if app == "oldest" { NotifyApp::Oldest } else { NotifyApp::Appkey(app) }),
        thresholds: args.thresholds,
        stale_hours: args.stale_hours,
        style: args.style,
    };
    let settings = admin.set_notify(&args.name, change, policy).await.map_err(with_next_step)?;
    output.print(&as_json(&settings), || {
        Fields::new()
            .line("account", settings.account.as_str())
            .line("url", settings.url.as_deref().map_or_else(|| "off".to_owned(), shown))
            .line("signed by", settings.app.as_deref().unwrap_or("its oldest enabled app"))
            .line("told of", in_words(&settings))
            .text()
    })
}

/// An error with the command that removes its cause.
fn with_next_step(error: AdminError) -> anyhow::Error {
    let next = match &error {
        AdminError::AppDisabled(app) => format!("simgauge app enable {app}"),
        AdminError::NoSigningApp(account) => format!("simgauge app create --account {account}"),
        _ => return error.into(),
    };
    anyhow!("{error}; first: {next}")
}

pub(super) fn as_json(settings: &NotificationPrefs) -> Value {
    json!({
        "account": settings.account,
        "url": settings.url.as_deref().map(shown),
        "app": settings.app,
        "thresholds": settings.thresholds.as_slice(),
        "staleHours": settings.stale_hours,
        "style": settings.style.as_str(),
    })
}

/// What is notified, in a few words.
pub(super) fn in_words(settings: &NotificationPrefs) -> String {
    if settings.url.is_none() {
        return "-".to_owned();
    }
    let mut words = vec!["refreshes".to_owned()];
    words.extend(settings.thresholds.as_slice().iter().map(|percentage| format!("{percentage} %")));
    words.extend(settings.stale_hours.map(|hours| format!("stale after {hours} h")));
    if settings.style == NotifyStyle::Platform {
        words.push("CloudESimFlowAlert".to_owned());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::test_store::TestStore;
    use simgauge_domain::time::UnixMs;

    fn args(url: Option<&str>) -> NotifyArgs {
        NotifyArgs {
            name: "acme".into(),
            url: url.map(str::to_owned),
            off: false,
            app: None,
            thresholds: None,
            stale_hours: None,
            style: None,
        }
    }

    #[tokio::test]
    async fn what_is_not_given_stays() {
        let TestStore { store, admin, dir: _dir } = TestStore::with_accounts(&["acme"]).await;
        let output = Output { json: true };
        let set = async |args| run(args, &admin, TargetPolicy::default(), &output).await;
        let now = async || store.notification_prefs("acme").await.expect("settings");

        let error = set(args(Some("https://example.com/hook"))).await.expect_err("no app");
        assert!(error.to_string().contains("no enabled app"), "{error}");
        store.create_app("k", "acme", "", b"sealed", UnixMs(0)).await.expect("app");
        for (bad, why) in [
            ("http://example.com/", "allow_http"),
            ("https://10.0.0.1/", "allow_private"),
            ("https://u:geheim@example.com/", "user or password"),
        ] {
            let error = set(args(Some(bad))).await.expect_err(bad).to_string();
            assert!(error.contains(why) && !error.contains("geheim"), "{error}");
        }
        assert_eq!(now().await.url, None);
        set(args(Some("https://example.com/hook?token=x"))).await.expect("set");
        let thresholds = Some(percentages("100, 80").expect("list"));
        set(NotifyArgs { thresholds, stale_hours: Some(48), app: Some("k".into()), ..args(None) })
            .await
            .expect("set");
        let settings = now().await;
        assert_eq!(settings.url.as_deref(), Some("https://example.com/hook?token=x"));
        assert_eq!(in_words(&settings), "refreshes, 80 %, 100 %, stale after 48 h");
        assert_eq!(as_json(&settings)["url"], "https://example.com/hook?***");
        let none = Some(percentages("none").expect("none"));
        let off = NotifyArgs {
            off: true,
            thresholds: none,
            stale_hours: Some(0),
            app: Some("oldest".into()),
            ..args(None)
        };
        set(off).await.expect("set");
        let settings = now().await;
        assert_eq!((settings.url, settings.app, settings.stale_hours), (None, None, None));
        assert!(settings.thresholds.as_slice().is_empty());
        store.set_app_disabled("k", true).await.expect("disabled");
        let disabled = NotifyArgs { app: Some("k".into()), ..args(None) };
        assert!(set(disabled).await.expect_err("cannot sign").to_string().contains("k is disabled"));
        let foreign = NotifyArgs { app: Some("x".into()), ..args(None) };
        assert!(set(foreign).await.expect_err("not its app").to_string().contains("app x"));
        for bad in ["", "0", "80,x", "1001", "80,,100", "-5"] {
            assert!(percentages(bad).is_err(), "{bad}");
        }
    }
}
