//! `simgauge refresh`: reads a card's usage from its operator now, and shows what became of it.

use super::connection::{CardNumber, Connection, report};
use super::output::{Fields, Output, difference};
use serde::Serialize;
use simgauge_admin::human;
use simgauge_client::answer::{RefreshAnswer, RefreshState};
use simgauge_client::{Client, ClientError, RefreshOptions};
use simgauge_protocol::request::WAIT_MAX_SECONDS;
use simgauge_service::clock::Clock;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Have a card's usage read from its operator now.
#[derive(Debug, clap::Args)]
pub struct RefreshArgs {
    #[command(flatten)]
    card: CardNumber,
    /// Wait for the refresh to end and show the usage before and after. SECONDS (0 to 8) is how long the
    /// server may hold its answer; after that it is asked again and again until --timeout. Exit code 1 where
    /// the refresh failed or has not ended by then, 3 where the server says to come back later (429).
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "8",
        value_parser = clap::value_parser!(u8).range(0..=WAIT_MAX_SECONDS))]
    wait: Option<u8>,
    /// How long to go on asking, in seconds from the start.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "wait",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    #[command(flatten)]
    connection: Connection,
}

/// An accepted refresh, followed to its end where that was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Followed {
    #[serde(flatten)]
    answer: RefreshAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference_bytes: Option<i128>,
}

/// Runs the command.
///
/// # Errors
/// The answer cannot be printed. A call that failed is printed and is exit code 1, or 3 where it was told to
/// wait.
pub async fn run(args: RefreshArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let now = || Clock::default().now().seconds();
    let followed = match args.connection.client() {
        Ok(client) => follow(&client, &args).await,
        Err(error) => Err(error),
    };
    let followed = match followed {
        Ok(followed) => followed,
        // The platform accepted it and answers no more than that.
        Err(ClientError::NoData { message }) => {
            output.print(&serde_json::json!({ "message": message }), || message.clone())?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return report(&error, now(), output),
    };
    let ended = followed.answer.refresh.as_ref().map(|refresh| refresh.state);
    output.print(&followed, || in_words(&followed, args.wait.is_some(), now()))?;
    Ok(match ended {
        Some(RefreshState::Succeeded) => ExitCode::SUCCESS,
        None if args.wait.is_none() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

async fn follow(client: &Client, args: &RefreshArgs) -> Result<Followed, ClientError> {
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    let longest = u8::try_from(args.timeout).unwrap_or(u8::MAX);
    let options = RefreshOptions { wait: args.wait.map(|wait| wait.min(longest)) };
    let mut answer = match &args.card {
        CardNumber { eid: Some(eid), .. } => client.refresh_cloud_esim(eid, options).await?,
        CardNumber { iccid, .. } => client.refresh_sim(iccid.as_deref().unwrap_or_default(), options).await?,
    };
    if args.wait.is_some() {
        complete(client, &mut answer, deadline).await.inspect_err(|_| {
            eprintln!("the refresh {} was accepted and goes on by itself, but:", answer.refresh_id);
        })?;
    }
    let difference_bytes = answer
        .refresh
        .as_ref()
        .and_then(|report| Some(i128::from(report.after?) - i128::from(report.before?)));
    Ok(Followed { answer, difference_bytes })
}

/// Follows an accepted refresh to its end, where the held answer did not carry that yet.
async fn complete(client: &Client, answer: &mut RefreshAnswer, deadline: Instant) -> Result<(), ClientError> {
    if has_ended(answer.state) && answer.refresh.is_some() {
        return Ok(());
    }
    answer.refresh = None;
    if let Some(ended) = poll(client, &answer.refresh_id, deadline).await? {
        answer.state = ended.state;
        answer.poll = None;
        answer.usage = ended.usage;
        answer.refresh = ended.refresh;
    }
    Ok(())
}

fn has_ended(state: RefreshState) -> bool {
    matches!(state, RefreshState::Succeeded | RefreshState::Failed)
}

/// Asks until the refresh has ended; none where it has not by the deadline.
async fn poll(
    client: &Client,
    refresh_id: &str,
    deadline: Instant,
) -> Result<Option<RefreshAnswer>, ClientError> {
    let mut pause = Duration::from_millis(500);
    while Instant::now() + pause < deadline {
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_secs(3));
        let answer = client.refresh(refresh_id).await?;
        if has_ended(answer.state) {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

fn in_words(followed: &Followed, waited: bool, now: i64) -> String {
    let answer = &followed.answer;
    let amount = |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), human::bytes_exact);
    let mut fields = Fields::new().line("refresh", &answer.refresh_id);
    fields = match &answer.refresh {
        Some(report) if report.state == RefreshState::Succeeded => {
            let seconds = report.finished_at.map_or(0, |at| at.saturating_sub(report.accepted_at));
            let usage = answer.usage.as_ref();
            fields
                .line("state", format!("succeeded in {seconds} s"))
                .line("used before", amount(report.before))
                .line("used after", amount(report.after))
                .maybe("difference", difference(true, report.before, report.after))
                .maybe("not believed", report.warning_text.as_deref())
                .maybe("total", usage.and_then(|usage| usage.total_bytes).map(human::bytes_exact))
                .maybe("remaining", usage.and_then(|usage| usage.remaining_bytes).map(human::bytes_exact))
        }
        Some(report) => fields
            .line("state", "failed")
            .line("reason", report.reason.as_deref().unwrap_or("unknown"))
            .maybe("", report.reason_text.as_deref()),
        None if waited => fields
            .line("state", "not ended within the time-out; it goes on by itself")
            .line("", "`simgauge usage` shows what becomes of it"),
        None => fields.line("state", "accepted").maybe(
            "estimate",
            answer.estimated_seconds.map(|seconds| format!("about {}", human::duration(seconds))),
        ),
    };
    let operator = answer.operator.as_ref().filter(|operator| operator.state != "ok");
    let operator = operator.map(|operator| match operator.until {
        Some(until) => format!("{} until {}", operator.state, human::time_and_distance(until, now)),
        None => operator.state.clone(),
    });
    fields
        .maybe("operator", operator)
        .line("next refresh", human::time_and_distance(answer.next_refresh_at, now))
        .maybe("warning", answer.warning.as_deref())
        .text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use simgauge_client::answer::RefreshReport;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: RefreshArgs,
    }

    fn parse(line: &str) -> Result<RefreshArgs, clap::Error> {
        let common = ["refresh", "--appkey", "k", "--secret", "s"];
        Line::try_parse_from(common.into_iter().chain(line.split_whitespace())).map(|line| line.args)
    }

    #[test]
    fn arguments() {
        assert_eq!(parse("--iccid 1").expect("parsed").wait, None);
        assert_eq!(parse("--eid 1 --wait").expect("parsed").wait, Some(8));
        let args = parse("--wait 3 --timeout 20 --iccid 1").expect("parsed");
        assert_eq!((args.wait, args.timeout), (Some(3), 20));
        assert!(!format!("{args:?}").contains("\"s\""), "the secret is not shown");
        for wrong in [
            "",
            "--iccid 1 --eid 2",
            "--iccid 1 --wait 9",
            "--iccid 1 --timeout 5",
            "--iccid 1 --wait --timeout 0",
        ] {
            assert_eq!(parse(wrong).expect_err(wrong).exit_code(), 2, "{wrong}");
        }
    }

    fn followed(report: Option<RefreshReport>) -> Followed {
        let answer = RefreshAnswer {
            refresh_id: "01j".into(),
            state: RefreshState::Queued,
            accepted_at: 1_800_000_000,
            next_refresh_at: 1_800_000_300,
            estimated_seconds: None,
            operator: None,
            poll: None,
            usage: None,
            refresh: report,
            warning: None,
        };
        Followed { answer, difference_bytes: None }
    }

    #[test]
    fn before_after_and_difference() {
        let report = RefreshReport {
            refresh_id: "01j".into(),
            iccid: None,
            eid: None,
            state: RefreshState::Succeeded,
            accepted_at: 1_800_000_000,
            finished_at: Some(1_800_000_002),
            before: Some(1_000_000),
            after: Some(4_123_456),
            reason: None,
            reason_text: None,
            warning: None,
            warning_text: None,
            operator: None,
        };
        let text = in_words(&followed(Some(report.clone())), true, 1_800_000_003);
        for part in [
            "succeeded in 2 s",
            "used before   1.0 MB (1,000,000 bytes)",
            "used after    4.1 MB (4,123,456 bytes)",
            "difference    +3.1 MB (+3,123,456 bytes)",
            "in 4 min 57 s",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let failed = RefreshReport {
            state: RefreshState::Failed,
            reason: Some("not_found".into()),
            reason_text: Some("the operator does not know this SIM".into()),
            ..report
        };
        let text = in_words(&followed(Some(failed)), true, 1_800_000_003);
        assert!(text.contains("not_found") && text.contains("does not know this SIM"), "{text}");
        assert!(in_words(&followed(None), true, 0).contains("goes on by itself"));
    }
}
