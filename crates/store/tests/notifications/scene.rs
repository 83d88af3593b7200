//! A store with an outbox, and what happens to it.

use crate::support::{Database, TestStore};
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::alert::NotifyStyle;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::reading::{Period, PeriodKind, Reading};
use simgauge_domain::refresh::Failure;
use simgauge_domain::threshold::Percentages;
use simgauge_domain::time::UnixMs;
use simgauge_store::{
    AcceptCall, AcceptOutcome, Admission, CardRules, Finished, ImportRow, Lease, LeaseKind,
    NotificationPrefs, NotificationView, Outcome, Settled, TaskKey,
};
use std::time::Duration;

pub const T0: UnixMs = UnixMs(1_800_000_000_000);
pub const LANE: &str = "main";
pub const OUTBOX: &str = "notify";
pub const SIM: &str = "8901";
pub const EID: &str = "11111111111111111111111111";

pub fn at(seconds: i64) -> UnixMs {
    UnixMs(T0.0 + seconds * 1000)
}

pub fn prefs(account: &str, url: Option<&str>) -> NotificationPrefs {
    NotificationPrefs {
        account: account.into(),
        url: url.map(str::to_owned),
        app: None,
        thresholds: Percentages::default(),
        stale_hours: None,
        style: NotifyStyle::Plain,
    }
}

pub fn row(number: &str, account: &str) -> ImportRow {
    ImportRow {
        number: number.into(),
        kind: if number == EID { CardKind::CloudEsim } else { CardKind::Sim },
        account: account.into(),
        status: "ACTIVATED_NAME".into(),
        label: String::new(),
        iccid: number.into(),
        operator_account: LANE.into(),
    }
}

/// A store with account `acme`, which wants notifications, and `quiet`, which does not. It has the leases of
/// a lane and of delivery.
pub struct Scene {
    pub store: TestStore,
    pub lane: Lease,
    pub delivery: Lease,
    pub calls: u32,
}

impl Scene {
    pub async fn new(database: Database) -> Self {
        let store = TestStore::new(database).await;
        for account in ["acme", "quiet"] {
            store.create_account(account, "en", T0).await.unwrap();
        }
        store.create_app("k", "acme", "", b"sealed", T0).await.unwrap();
        store.create_app("q", "quiet", "", b"sealed", T0).await.unwrap();
        let mut import = store.import().await.unwrap();
        let rows = [row(SIM, "acme"), row("8902", "acme"), row(EID, "acme"), row("8903", "quiet")];
        assert!(import.add(&rows).await.unwrap().iter().all(Result::is_ok));
        import.commit().await.unwrap();
        store.set_notification_prefs(&prefs("acme", Some("https://example.com/hook"))).await.unwrap();
        let lease = async |kind, name| {
            let taken = store.lease(kind, name, "n", T0, at(10_000_000), false).await.unwrap();
            taken.unwrap().0
        };
        let (lane, delivery) = (lease(LeaseKind::Lane, LANE).await, lease(LeaseKind::Outbox, OUTBOX).await);
        Self { store, lane, delivery, calls: 0 }
    }

    /// A refresh of a card, accepted at `seconds` and ended a second later.
    pub async fn refresh(
        &mut self,
        number: &str,
        seconds: i64,
        outcome: Result<u64, FailureKind>,
    ) -> RefreshId {
        self.calls += 1;
        let (account, appkey) = if number == "8903" { ("quiet", "q") } else { ("acme", "k") };
        let call = AcceptCall {
            account: account.into(),
            appkey: appkey.into(),
            kind: row(number, account).kind,
            number: number.into(),
            sign: format!("{:040X}", self.calls),
            is_exact: false,
            sign_was_used: false,
            id: RefreshId::new(at(seconds), u128::from(self.calls)),
        };
        let rule = AcceptRule::new(Duration::ZERO, Duration::from_secs(300));
        let rules = CardRules { sim: rule, cloud_esim: rule };
        let outcomes =
            self.store.accept(&[call], &rules, &|_, _| Admission::Taken, at(seconds)).await.unwrap();
        let AcceptOutcome::Accepted { refresh, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
        let outcome = outcome
            .map(|used| Reading {
                period: Period {
                    kind: PeriodKind::CalendarMonth,
                    key: "2027-01".into(),
                    start: None,
                    end: None,
                },
                used,
                total: Some(1000),
                as_of: None,
                status: None,
                raw_status: None,
                bundles: Vec::new(),
            })
            .map_err(|kind| Failure { kind, detail: "what happened".into() });
        let (card, profile) = self.store.profile_id(number, number).await;
        let finished = Finished {
            task: TaskKey { account: account.into(), refresh: refresh.id, profile },
            card,
            began_at: at(seconds),
            ended_at: at(seconds + 1),
            outcome,
            operator_id: None,
        };
        assert_eq!(self.store.finish(&self.lane, &[finished]).await.unwrap().len(), 1);
        refresh.id
    }

    pub async fn due(&self, seconds: i64) -> Vec<String> {
        let due = self.store.due_notifications("acme", at(seconds), 100).await.unwrap();
        let due: Vec<_> = due.into_iter().map(Result::unwrap).collect();
        due.into_iter().map(|one| one.id).collect()
    }

    pub async fn settle(&self, view: &NotificationView, outcome: Outcome, seconds: i64) {
        let settled = Settled {
            id: view.id.clone(),
            account: view.account.clone(),
            card: view.card,
            tries: 1,
            outcome,
        };
        self.store.settle_notifications(&self.delivery, &[settled], at(seconds)).await.unwrap();
    }

    /// Every notification, oldest first.
    pub async fn all(&self) -> Vec<NotificationView> {
        let mut all = self.store.notifications(None, None, 1000).await.unwrap();
        all.reverse();
        all
    }
}
