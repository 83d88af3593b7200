//! `simgauge account notify`: where an account is told what happens to its cards, and of what.

use crate::cli::input;
use crate::cli::output::{Fields, Output};
use crate::notify::{TargetPolicy, check, shown};
use anyhow::bail;
use serde_json::{Value, json};
use simgauge_domain::threshold::Percentages;
use simgauge_store::{App, NotificationPrefs, Store};

/// The arguments of `account notify`.
#[derive(Debug, clap::Args)]
pub struct NotifyArgs {
    /// The account.
    #[arg(value_parser = input::name)]
    name: String,
    /// Where notifications are posted: https and a public address, unless the configuration allows others.
    #[arg(long, conflicts_with = "off")]
    url: Option<String>,
    /// Tell nothing any more. What waits is given up, and can be replayed.
    #[arg(long)]
    off: bool,
    /// The app of the account whose secret signs; "oldest" for its oldest enabled one, which is the default.
    #[arg(long, value_name = "APPKEY")]
    app: Option<String>,
    /// Percentages of a total that are told when usage reaches them, such as 50,80,100; "none" for none.
    #[arg(long, value_name = "LIST", value_parser = percentages)]
    thresholds: Option<Percentages>,
    /// Tell when nothing newer than so many hours is known after a refresh; 0 for never.
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(0..=8760))]
    stale_hours: Option<u32>,
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
    store: &Store,
    policy: TargetPolicy,
    output: &Output,
) -> anyhow::Result<()> {
    let mut settings = store.notification_prefs(&args.name).await?;
    if let Some(url) = args.url {
        settings.url = Some(check(&url, policy)?.to_string());
    }
    if args.off {
        settings.url = None;
    }
    if let Some(app) = args.app {
        let is_disabled = |known: &App| known.appkey == app && known.disabled != 0;
        if store.apps().await?.iter().any(is_disabled) {
            bail!("app {app} is disabled and cannot sign; first: simgauge app enable {app}");
        }
        settings.app = (app != "oldest").then_some(app);
    }
    settings.thresholds = args.thresholds.unwrap_or(settings.thresholds);
    if let Some(hours) = args.stale_hours {
        settings.stale_hours = (hours > 0).then_some(hours);
    }
    if settings.url.is_some() && settings.app.is_none() {
        let signs = |app: &App| app.account == settings.account && app.disabled == 0;
        if !store.apps().await?.iter().any(signs) {
            bail!(
                "account {0} has no enabled app whose secret could sign; first: simgauge app create --account {0}",
                args.name
            );
        }
    }
    store.set_notification_prefs(&settings).await?;
    output.print(&as_json(&settings), || {
        Fields::new()
            .line("account", settings.account.as_str())
            .line("url", settings.url.as_deref().map_or_else(|| "off".to_owned(), shown))
            .line("signed by", settings.app.as_deref().unwrap_or("its oldest enabled app"))
            .line("told of", in_words(&settings))
            .text()
    })
}

pub(super) fn as_json(settings: &NotificationPrefs) -> Value {
    json!({
        "account": settings.account,
        "url": settings.url.as_deref().map(shown),
        "app": settings.app,
        "thresholds": settings.thresholds.as_slice(),
        "staleHours": settings.stale_hours,
    })
}

/// What is told, in a few words; nothing where nothing is.
pub(super) fn in_words(settings: &NotificationPrefs) -> String {
    if settings.url.is_none() {
        return "-".to_owned();
    }
    let mut words = vec!["refreshes".to_owned()];
    words.extend(settings.thresholds.as_slice().iter().map(|percentage| format!("{percentage} %")));
    words.extend(settings.stale_hours.map(|hours| format!("stale after {hours} h")));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_domain::time::UnixMs;

    fn args(url: Option<&str>) -> NotifyArgs {
        NotifyArgs {
            name: "acme".into(),
            url: url.map(str::to_owned),
            off: false,
            app: None,
            thresholds: None,
            stale_hours: None,
        }
    }

    #[tokio::test]
    async fn what_is_not_given_stays() {
        let dir = tempfile::tempdir().expect("folder");
        let url = format!("sqlite://{}", dir.path().join("store.db").display());
        let store = Store::connect(&url, 2).await.expect("store");
        store.migrate().await.expect("migrated");
        store.create_account("acme", "en", UnixMs(0)).await.expect("account");
        let output = Output { json: true };
        let set = async |args| run(args, &store, TargetPolicy::default(), &output).await;
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
