//! What this process accepted, as far as it remembers.

use super::cooldown_cache::{CooldownCache, Known};
use simgauge_domain::card_kind::CardKind;
use simgauge_protocol::sign::{Fingerprint, fingerprint};
use simgauge_store::{AcceptCall, AcceptOutcome};
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) struct AcceptedRefreshes {
    cards: CooldownCache,
    count: AtomicU64,
}

impl AcceptedRefreshes {
    pub(super) fn new() -> Self {
        Self { cards: CooldownCache::new(), count: AtomicU64::new(0) }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn known(&self, account: &str, kind: CardKind, number: &str, sign: &Fingerprint) -> Known {
        self.cards.get(account, kind, number, sign)
    }

    pub(super) fn remember(&self, call: &AcceptCall, outcome: &AcceptOutcome) {
        let AcceptOutcome::Accepted { refresh, .. } = outcome else { return };
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(sign) = fingerprint(&call.sign) {
            self.cards.put(&call.account, call.kind, &call.number, sign, refresh.accepted_at);
        }
    }
}
