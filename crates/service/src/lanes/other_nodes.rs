//! What a node learns of the others: new work for the lanes it works, and how long the queues of the other
//! lanes are.

use super::registry::Counted;
use super::settings::LaneSettings;
use simgauge_domain::lane_status::LaneStatus;
use simgauge_domain::time::UnixMs;
use simgauge_domain::waiting::LaneFacts;
use simgauge_store::{LaneRow, Store, StoreError, Waiting, Wakeup};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Waiting tasks of one account are counted up to here.
const COUNT_MAX: i64 = 100_000;
/// Pause after the store failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Passes on wake-ups by other nodes, until stopped. An embedded store has no other nodes.
pub(super) async fn listen(settings: LaneSettings, stopping: CancellationToken) {
    stopping
        .run_until_cancelled(async {
            loop {
                match pass_on(&settings).await {
                    Ok(()) => return,
                    Err(error) => {
                        tracing::warn!(%error, "news of other nodes cannot be heard; trying again")
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
        .await;
}

async fn pass_on(settings: &LaneSettings) -> Result<(), StoreError> {
    let Some(mut wakeups) = settings.store.wakeups().await? else { return Ok(()) };
    loop {
        match wakeups.next().await? {
            Wakeup::Work { lane, account } => settings.registry.mark_pending(&lane, &account),
            // Every lane polls, so what was missed is found.
            Wakeup::LookEverywhere => tracing::debug!("wake-ups by other nodes may have been missed"),
        }
    }
}

/// Counts the queues of lanes that are worked elsewhere, and finds out how their operators are, for estimates
/// and for refusing what would wait too long.
pub(super) async fn count(settings: LaneSettings, stopping: CancellationToken) {
    while stopping.run_until_cancelled(tokio::time::sleep(settings.poll)).await.is_some() {
        let elsewhere = settings.registry.held_elsewhere();
        if elsewhere.is_empty() {
            continue;
        }
        let rows = match settings.store.lanes().await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "the lanes of other nodes could not be looked at; trying again");
                continue;
            }
        };
        for lane in elsewhere {
            match waiting(&settings.store, &lane).await {
                Ok(counted) => settings.registry.counted(&lane, counted),
                Err(error) => tracing::warn!(lane, %error, "a queue could not be counted; trying again"),
            }
            let row = rows.iter().find(|row| row.name == lane);
            match facts(&settings, &lane, row).await {
                Ok(facts) => settings.registry.set_facts_of_other(&lane, facts),
                Err(error) => {
                    tracing::warn!(lane, %error, "how an operator is could not be looked at; trying again");
                }
            }
        }
    }
}

/// What the holder of a lane last wrote of it. Of a lane that nobody works nothing can be promised.
async fn facts(settings: &LaneSettings, lane: &str, row: Option<&LaneRow>) -> Result<LaneFacts, StoreError> {
    let hold = settings.store.lane_hold(lane).await?;
    let held = row.filter(|row| row.lease_until > settings.clock.now().0);
    let status = match held.map(|row| row.status.as_str()) {
        None | Some("" | "{}") => LaneStatus::default(),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| StoreError::Corrupt(format!("status of the lease of lane {lane}: {error}")))?,
    };
    Ok(LaneFacts {
        paused_since: hold.paused_since,
        limited_until: hold.limited_until.max(status.limited_until.map(UnixMs)),
        down_since: status.down_since.map(UnixMs),
        is_failing: status.is_failing || held.is_none(),
    })
}

/// What waits in a lane. An account with a damaged task counts as one that waits, so that it is looked at.
pub(super) async fn waiting(store: &Store, lane: &str) -> Result<Counted, StoreError> {
    let mut counted = Counted::default();
    for account in store.waiting_accounts(lane).await? {
        let waiting = match store.count_waiting(lane, &account, COUNT_MAX).await {
            Err(error) if error.is_of_a_row() => {
                tracing::error!(lane, account, %error, "a queue cannot be counted");
                Waiting { count: 1, since: None }
            }
            counted => counted?,
        };
        counted.oldest = counted.oldest.into_iter().chain(waiting.since).min();
        counted.waiting.insert(account, waiting.count);
    }
    Ok(counted)
}
