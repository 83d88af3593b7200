//! What has to be true after every scenario.

use super::load::Seen;
use crate::support::{OPERATOR, SECRET, TestServer};
use simgauge_domain::refresh::RefreshState;
use simgauge_store::{RefreshView, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Every answered 200 has exactly one refresh row, and it ended; no card has two accepted within 300 s; the
/// operator saw no violation; the books agree with what the operator counts; no secret is in any log.
pub async fn audit(server: &TestServer, store: &Store, seen: &Seen, logs: &Path) {
    let rows = all_ended(store).await;
    let accepted = seen.accepted.lock().unwrap().clone();
    assert!(!accepted.is_empty(), "nothing was accepted: the scenario shows nothing");
    let by_id: BTreeMap<&str, &RefreshView> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    assert_eq!(by_id.len(), rows.len());
    let answered: BTreeSet<&str> = accepted.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(answered.len(), accepted.len(), "two calls were answered with one refresh");
    for one in &accepted {
        let row =
            by_id.get(one.id.as_str()).unwrap_or_else(|| panic!("{one:?} was answered 200 and is lost"));
        assert_eq!(row.number, one.card);
    }
    let mut by_card: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for row in &rows {
        by_card.entry(&row.number).or_default().push(row.accepted_at.0);
    }
    for (card, times) in &mut by_card {
        times.sort_unstable();
        for pair in times.windows(2) {
            assert!(
                pair[1] - pair[0] >= 300_000,
                "{card} was accepted twice within {} ms",
                pair[1] - pair[0]
            );
        }
    }
    let stats = server.simulator.stats(OPERATOR);
    assert_eq!(stats.violations, 0, "{:?}", stats.violation_notes);
    books_agree(server, store, &by_card).await;
    no_secret(logs);
    let failed = rows.iter().filter(|row| row.state == RefreshState::Failed).count();
    println!(
        "audit: {} calls, {} answered 200, {} refreshes ({failed} failed), {} operator calls",
        seen.calls.load(std::sync::atomic::Ordering::Relaxed),
        accepted.len(),
        rows.len(),
        stats.requests
    );
}

async fn all_ended(store: &Store) -> Vec<RefreshView> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut rows: Vec<RefreshView> = Vec::new();
        loop {
            let after = rows.last().map_or(String::new(), |row| row.id.to_string());
            let page = store.refreshes_after(&after, 5_000).await.unwrap();
            if page.is_empty() {
                break;
            }
            rows.extend(page);
        }
        let open = rows.iter().filter(|row| !row.state.is_ended()).count();
        if open == 0 {
            return rows;
        }
        assert!(Instant::now() < deadline, "{open} of {} refreshes have not ended", rows.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn books_agree(server: &TestServer, store: &Store, cards: &BTreeMap<&str, Vec<i64>>) {
    for number in cards.keys() {
        let card = store.card_of_any(number).await.unwrap().unwrap();
        let sums = store.sums(&[card.id]).await.unwrap().remove(&card.id).unwrap_or_default();
        let ledger: u64 = card.overage + card.packages.iter().map(|one| one.package.booked).sum::<u64>();
        let used: u64 = card.profiles.iter().filter_map(|profile| profile.used).sum();
        assert_eq!(sums.booked, sums.counted, "{number}");
        assert_eq!(i64::try_from(ledger).unwrap(), sums.booked, "{number}");
        assert_eq!(ledger, used, "{number}: one period, so what is booked is what the operator counted last");
        assert!(used <= server.simulator.usage(OPERATOR, number), "{number}");
    }
}

fn no_secret(logs: &Path) {
    for entry in std::fs::read_dir(logs)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "log"))
    {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        assert!(!text.is_empty());
        for secret in [SECRET, "sim-secret", "c2ltLXVzZXI6c2ltLXNlY3JldA"] {
            assert!(!text.contains(secret), "{} holds a secret", entry.path().display());
        }
    }
}
