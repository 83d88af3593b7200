//! `simgauge operator list`: the operator accounts with their lanes.

use crate::cli::output::{Output, or_dash};
use serde_json::{Value, json};
use simgauge_admin::{Administration, human};
use simgauge_domain::time::UnixMs;
use simgauge_operators::Question;
use simgauge_service::clock::Clock;
use simgauge_store::LaneRow;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// An operator account that is configured, or that the store has a lane of.
struct Account {
    name: String,
    is_configured: bool,
    lane: Option<LaneRow>,
    /// The names of the questions that it leaves open.
    open_questions: Vec<String>,
}

/// What the configuration says of operator accounts.
pub(super) struct Configured {
    pub(super) names: Vec<String>,
    pub(super) open_questions: BTreeMap<String, Vec<Question>>,
}

pub(super) async fn run(
    configured: &Configured,
    admin: &Administration,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let now = Clock::default().now();
    output.list(
        &merged(admin.lanes().await?, configured),
        |account| as_json(account, now),
        ["OPERATOR ACCOUNT", "LANE", "HEALTH", "WAITING", "BUDGET", "LAST ERROR", "NOT ANSWERED"],
        |account| cells(account, now),
        "no operator accounts; add [[operator_account]] to the configuration",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// By name.
fn merged(lanes: Vec<LaneRow>, configured: &Configured) -> Vec<Account> {
    let mut merged: BTreeMap<String, Option<LaneRow>> =
        configured.names.iter().map(|name| (name.clone(), None)).collect();
    merged.extend(lanes.into_iter().map(|lane| (lane.name.clone(), Some(lane))));
    let accounts = merged.into_iter();
    let account = |(name, lane): (String, Option<LaneRow>)| Account {
        is_configured: configured.names.contains(&name),
        open_questions: configured
            .open_questions
            .get(&name)
            .into_iter()
            .flatten()
            .map(|question| question.name.clone())
            .collect(),
        name,
        lane,
    };
    accounts.map(account).collect()
}

/// What the lane last reported.
fn status(lane: &LaneRow) -> Value {
    serde_json::from_str(&lane.status).unwrap_or_default()
}

fn as_json(account: &Account, now: UnixMs) -> Value {
    let lane = account.lane.as_ref();
    json!({
        "name": account.name,
        "configured": account.is_configured,
        "holder": lane.map(|lane| &lane.holder),
        "held": lane.is_some_and(|lane| lane.lease_until > now.0),
        "leaseUntil": lane.map(|lane| UnixMs(lane.lease_until).seconds()),
        "status": lane.map(status),
        "openQuestions": account.open_questions,
    })
}

fn cells(account: &Account, now: UnixMs) -> [String; 7] {
    let status = account.lane.as_ref().map(status).unwrap_or_default();
    let reported = |name: &str| {
        or_dash(match status.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        })
    };
    let mut lane = account.lane.as_ref().map_or_else(|| "not started".to_owned(), |lane| in_words(lane, now));
    if !account.is_configured {
        lane.push_str(", not in the configuration");
    }
    let open = or_dash((!account.open_questions.is_empty()).then(|| account.open_questions.join(", ")));
    [
        account.name.clone(),
        lane,
        reported("health"),
        reported("queue"),
        reported("budget"),
        reported("last_error"),
        open,
    ]
}

fn in_words(lane: &LaneRow, now: UnixMs) -> String {
    let until = UnixMs(lane.lease_until);
    if until > now {
        format!("held by {}, {} left", lane.holder, human::duration(until.since(now).as_secs()))
    } else if lane.lease_until == 0 {
        format!("given back by {}", lane.holder)
    } else {
        format!("lost by {} {} ago", lane.holder, human::duration(now.since(until).as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &str, lease_until: i64) -> LaneRow {
        let status = r#"{"health":"ok"}"#.to_owned();
        LaneRow { name: name.into(), holder: "n1".into(), epoch: 1, lease_until, status }
    }

    fn configured() -> Configured {
        let question = Question { name: "billing_day".into(), about: String::new(), assumed: String::new() };
        Configured { names: vec!["a".into()], open_questions: BTreeMap::from([("a".into(), vec![question])]) }
    }

    #[test]
    fn lanes_and_configuration_are_merged() {
        let merged = merged(vec![lane("b", 5_000)], &configured());
        assert_eq!(merged.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let json = as_json(&merged[1], UnixMs(1_000));
        assert_eq!(
            (&json["configured"], &json["held"], &json["status"]["health"]),
            (&json!(false), &json!(true), &json!("ok"))
        );
        assert_eq!(as_json(&merged[0], UnixMs(0))["holder"], Value::Null);
        assert_eq!(as_json(&merged[0], UnixMs(0))["openQuestions"], json!(["billing_day"]));
        assert_eq!(cells(&merged[0], UnixMs(0))[6], "billing_day");
        assert_eq!(cells(&merged[1], UnixMs(0))[6], "-");
    }

    #[test]
    fn leases_in_words() {
        assert_eq!(in_words(&lane("b", 5_000), UnixMs(1_000)), "held by n1, 4 s left");
        assert_eq!(in_words(&lane("b", 5_000), UnixMs(65_000)), "lost by n1 1 min ago");
        assert_eq!(in_words(&lane("b", 0), UnixMs(65_000)), "given back by n1");
    }
}
