//! `simgauge usage --history`: what was read of a card, newest first, and its days.

use crate::cli::connection::CardNumber;
use crate::cli::output::Table;
use simgauge_admin::human;
use simgauge_client::answer::{HistoryAnswer, ReadingAnswer};
use simgauge_client::{Client, ClientError, HistoryQuery};

/// Most readings that the API gives at once.
const PAGE: usize = 500;
/// More days are only shown as JSON.
const SHOWN_DAYS: usize = 31;

/// The newest `limit` readings with the card's days, over as many pages as it takes.
pub(super) async fn read(
    client: &Client,
    card: &CardNumber,
    limit: usize,
) -> Result<HistoryAnswer, ClientError> {
    let page = async |left: usize, before: Option<String>| {
        let page_size = u16::try_from(left.min(PAGE)).unwrap_or(u16::MAX);
        let query = HistoryQuery { page_size, before };
        match card {
            CardNumber { eid: Some(eid), .. } => client.cloud_esim_history(eid, &query).await,
            CardNumber { iccid, .. } => {
                client.sim_history(iccid.as_deref().unwrap_or_default(), &query).await
            }
        }
    };
    let mut history = page(limit, None).await?;
    while let Some(before) = history.next_before.take() {
        let left = limit.saturating_sub(history.readings.len());
        if left == 0 {
            history.next_before = Some(before);
            break;
        }
        let more = page(left, Some(before)).await?;
        history.readings.extend(more.readings);
        history.next_before = more.next_before;
    }
    Ok(history)
}

pub(super) fn in_words(history: &HistoryAnswer) -> String {
    let mut text = readings(&history.readings).or("not read yet");
    if history.next_before.is_some() {
        text.push_str("there are older readings: raise --limit\n");
    }
    let earlier = history.days.len().saturating_sub(SHOWN_DAYS);
    let mut days = Table::new(&["DAY", "USED"]);
    for day in history.days.iter().skip(earlier) {
        days.row([day.day.clone(), signed(day.used_bytes)]);
    }
    if !history.days.is_empty() {
        text = format!("{text}\n{}", days.or(""));
    }
    if earlier > 0 {
        text.push_str(&format!("{earlier} earlier days are shown with --json\n"));
    }
    text
}

/// Readings as a table.
pub(super) fn readings(readings: &[ReadingAnswer]) -> Table {
    let mut table = Table::new(&["READ", "PROFILE", "USED", "DIFFERENCE", "KIND"]);
    for reading in readings {
        table.row([
            human::time(reading.synced_at),
            reading.iccid.clone(),
            human::bytes_exact(reading.used_bytes),
            signed(reading.delta_bytes),
            reading.kind.replace('_', " "),
        ]);
    }
    table
}

fn signed(bytes: i64) -> String {
    let sign = match bytes {
        ..0 => "-",
        0 => "",
        1.. => "+",
    };
    format!("{sign}{}", human::bytes(bytes.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_client::answer::DayAnswer;

    #[test]
    fn readings_and_the_last_month_of_days() {
        let reading = |used_bytes, delta_bytes, kind: &str| ReadingAnswer {
            iccid: "8988".into(),
            synced_at: 1_800_000_000,
            as_of: None,
            used_bytes,
            delta_bytes,
            kind: kind.into(),
        };
        let day = |n: usize| DayAnswer { day: format!("day {n}"), used_bytes: -1_500 };
        let history = HistoryAnswer {
            readings: vec![
                reading(1_200_000, -300_000, "correction"),
                reading(1_500_000, 1_500_000, "first"),
            ],
            next_before: Some("1".into()),
            days: (0..33).map(day).collect(),
        };
        let text = in_words(&history);
        for part in [
            "1.2 MB (1,200,000 bytes)  -300.0 kB   correction\n",
            "1.5 MB (1,500,000 bytes)  +1.5 MB     first\n",
            "older readings",
            "day 2   -1.5 kB\n",
            "2 earlier days",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("day 1 "), "{text}");
        let nothing = HistoryAnswer { readings: Vec::new(), next_before: None, days: Vec::new() };
        assert_eq!(in_words(&nothing), "not read yet\n");
    }
}
