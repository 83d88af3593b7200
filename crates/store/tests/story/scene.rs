//! What the stories share: a store with some cards, and what callers and lanes do with it.

use crate::support::{Database, TestStore};
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::reading::{Period, PeriodKind, ProfileStatus, Reading};
use simgauge_domain::refresh::Failure;
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Admission, CardRules, Finished, ImportRow, Lease, LeaseKind, Postponed, Store,
    Task,
};
use std::time::Duration;

pub const T0: UnixMs = UnixMs(1_800_000_000_000);
pub const LANE: &str = "main";

pub fn rules() -> CardRules {
    let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
    CardRules { sim: rule, cloud_esim: rule }
}

pub fn at(seconds: i64) -> UnixMs {
    UnixMs(T0.0 + seconds * 1000)
}

pub fn sign(n: u32) -> String {
    format!("{n:040X}")
}

pub fn row(number: &str, iccid: &str) -> ImportRow {
    ImportRow {
        number: number.into(),
        kind: if number.len() > 22 { CardKind::CloudEsim } else { CardKind::Sim },
        account: "acme".into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: iccid.into(),
        operator_account: LANE.into(),
    }
}

pub fn call(number: &str, n: u32, now: UnixMs) -> AcceptCall {
    AcceptCall {
        account: "acme".into(),
        appkey: "k".into(),
        kind: if number.len() > 22 { CardKind::CloudEsim } else { CardKind::Sim },
        number: number.into(),
        sign: sign(n),
        is_exact: false,
        sign_was_used: false,
        id: RefreshId::new(now, u128::from(n)),
    }
}

pub async fn accept(store: &Store, calls: &[AcceptCall], now: UnixMs) -> Vec<AcceptOutcome> {
    store.accept(calls, &rules(), &|_, _| Admission::Taken, now).await.unwrap()
}

pub fn accepted(outcome: &AcceptOutcome) -> RefreshId {
    match outcome {
        AcceptOutcome::Accepted { refresh, .. } => refresh.id,
        other => panic!("not accepted: {other:?}"),
    }
}

pub fn reading(used: u64) -> Reading {
    Reading {
        period: Period { kind: PeriodKind::CalendarMonth, key: "2027-01".into(), start: None, end: None },
        used,
        total: Some(1000),
        as_of: None,
        status: Some(ProfileStatus::Active),
        raw_status: Some("ACTIVATED".into()),
        bundles: Vec::new(),
    }
}

pub fn finished(task: &Task, began: UnixMs, outcome: Result<Reading, Failure>) -> Finished {
    Finished {
        task: task.key.clone(),
        card: task.card,
        began_at: began,
        ended_at: UnixMs(began.0 + 500),
        outcome,
        operator_id: None,
    }
}

pub fn put_off(task: &Task, attempts: u32) -> Postponed {
    Postponed { key: task.key.clone(), attempts, first_attempt_at: at(1), not_before: at(5) }
}

/// A store with account `acme`, a physical card and a cloud eSIM of two profiles.
pub async fn stocked(database: Database) -> TestStore {
    let store = TestStore::new(database).await;
    store.create_account("acme", "zh", T0).await.unwrap();
    store.create_account("other", "en", T0).await.unwrap();
    store.create_app("k", "acme", "first", b"sealed", T0).await.unwrap();
    let mut import = store.import().await.unwrap();
    let verdicts = import
        .add(&[
            row("8901", "8901"),
            row("8902", "8902"),
            row(&"1".repeat(26), "8911"),
            row(&"1".repeat(26), "8912"),
        ])
        .await
        .unwrap();
    assert!(verdicts.iter().all(Result::is_ok));
    import.commit().await.unwrap();
    store
}

/// The lane's lease, taken by a node.
pub async fn lease(store: &Store) -> Lease {
    store.lease(LeaseKind::Lane, LANE, "n1", T0, at(10), false).await.unwrap().unwrap().0
}

/// The oldest tasks of the account.
pub async fn tasks(store: &Store) -> Vec<Task> {
    store.tasks_after(LANE, "acme", None, 10).await.unwrap().into_iter().map(Result::unwrap).collect()
}
