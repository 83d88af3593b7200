//! Writing what became of attempts, so that one row that cannot be written keeps back no other.

use simgauge_domain::time::UnixMs;
use simgauge_store::{Lease, Settled, Store, StoreError};

/// What was written.
#[derive(Default)]
pub(super) struct Settlement<T> {
    pub(super) written: Vec<T>,
    /// These rows refuse it.
    pub(super) refused: Vec<T>,
    /// These were not tried, since the store failed.
    pub(super) left: Vec<T>,
    pub(super) error: Option<StoreError>,
}

/// Writes all of them. Where that fails because of a row, they are bisected.
pub(super) async fn settle<T>(
    store: &Store,
    lease: &Lease,
    all: Vec<T>,
    settled: impl Fn(&T) -> &Settled,
    now: UnixMs,
) -> Settlement<T> {
    let mut settlement =
        Settlement { written: Vec::new(), refused: Vec::new(), left: Vec::new(), error: None };
    let mut pending = vec![all];
    while let Some(mut part) = pending.pop() {
        if part.is_empty() {
            continue;
        }
        let rows: Vec<Settled> = part.iter().map(|one| settled(one).clone()).collect();
        match store.settle_notifications(lease, &rows, now).await {
            Ok(()) => settlement.written.extend(part),
            Err(error) if error.is_of_a_row() && part.len() > 1 => {
                let second = part.split_off(part.len() / 2);
                pending.extend([second, part]);
            }
            Err(error) if error.is_of_a_row() => {
                for one in &rows {
                    tracing::error!(
                        account = one.account, card_id = %one.card, notification = one.id, %error,
                        "what became of a notification cannot be written; it is left until the next start"
                    );
                }
                settlement.refused.extend(part);
            }
            Err(error) => {
                settlement.left.extend(part);
                settlement.left.extend(pending.drain(..).rev().flatten());
                settlement.error = Some(error);
            }
        }
    }
    settlement
}
