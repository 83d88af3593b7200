//! The tables as data. Those that others refer to come first.

use super::table::{Column, First, Kind, Table};
use crate::admins::AdminRole;
use crate::outbox::NotificationState;
use crate::outbox::prefs::{parse_style, parse_thresholds};
use crate::results::notify::Notified;
use crate::suspects::SuspectState;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::guard::held::{Held, SuspectReason};
use simgauge_domain::guard::unit::UnitJump;
use simgauge_domain::id::RefreshId;
use simgauge_domain::metering::delta::{Last, ReadingKind};
use simgauge_domain::reading::{PeriodKind, ProfileStatus, Reading};
use simgauge_domain::refresh::RefreshState;

/// `name: Kind`: the first edition has the column, too. `name: Kind = "expression"`: it comes from that
/// expression there. `name: Kind = new`: the new store gives it.
macro_rules! columns {
    ($($name:ident: $kind:ident $(($check:expr))? $(= $from:tt)?),+ $(,)?) => {
        &[$(Column {
            name: stringify!($name),
            kind: Kind::$kind $(($check))?,
            first: first!($($from)?),
        }),+]
    };
}

macro_rules! first {
    () => {
        First::Same
    };
    (new) => {
        First::Nowhere
    };
    ($expression:literal) => {
        First::From($expression)
    };
}

pub(super) const TABLES: &[Table] = &[
    Table {
        name: "account",
        first: "account",
        only_upgrade: false,
        columns: columns![
            name: Text,
            language: Text,
            created_at: Int,
            notify_url: Text,
            notify_app: Text,
            thresholds: Checked(|text| parse_thresholds(text).is_some()),
            stale_hours: Amount,
            per_second: Amount,
            burst: Amount,
            notify_style: Checked(|text| parse_style(text).is_ok()) = "'plain'",
        ],
        key: &["name"],
    },
    Table {
        name: "app",
        first: "app",
        only_upgrade: false,
        columns: columns![
            appkey: Text,
            account: Text,
            label: Text,
            secret: Blob,
            disabled: Int,
            created_at: Int,
            allow: Text,
            sign_type: Text,
            old_secret: Blob,
            old_until: Int,
            per_second: Amount,
            burst: Amount,
        ],
        key: &["appkey"],
    },
    Table {
        name: "card",
        first: "card",
        only_upgrade: false,
        columns: columns![
            id: Int = new,
            number: Text,
            kind: Checked(|text| CardKind::parse(text).is_some()),
            account: Text,
            status: Text,
            label: Text,
            accepted_at: Int,
            last_refresh: Checked(is_refresh_id),
            profile: Int = new,
            operator_account: Text,
            used: Amount,
            began_at: Int,
            overage: Amount,
            overage_base: Amount,
            notified_state: Checked(|text| serde_json::from_str::<Notified>(text).is_ok()) = new,
            has_neighbour: Int = "0",
        ],
        key: &["number"],
    },
    Table {
        name: "profile",
        first: "profile",
        only_upgrade: false,
        columns: columns![
            id: Int = new,
            card: Card,
            iccid: Text,
            own_number: Int = "CASE WHEN iccid = card THEN 1 ELSE 0 END",
            operator_account: Text,
            status: Checked(|text| ProfileStatus::parse(text).is_some()),
            raw_status: Text,
            period_kind: Checked(|text| PeriodKind::parse(text).is_some()),
            period_key: Text,
            period_start: Int,
            period_end: Int,
            used: Amount,
            total: Amount,
            as_of: Int,
            began_at: Int,
            synced_at: Int,
            meter: Checked(|text| serde_json::from_str::<Last>(text).is_ok()),
            operator_id: Text = new,
            suspect: Checked(|text| serde_json::from_str::<Held>(text).is_ok()) = new,
        ],
        key: &["card", "iccid"],
    },
    Table {
        name: "refresh",
        first: "refresh",
        only_upgrade: false,
        columns: columns![
            id: Checked(is_refresh_id),
            card: Card,
            account: Text,
            appkey: Text,
            sign: Text,
            accepted_at: Int,
            previous: Checked(is_refresh_id),
            state: Checked(|text| RefreshState::parse(text).is_some()),
            remaining: Profiles,
            before: Amount,
            after: Amount,
            finished_at: Int,
            reason: Checked(|text| FailureKind::parse(text).is_some()),
            detail: Text,
            warning: Checked(|text| SuspectReason::parse(text).is_some()) = new,
        ],
        key: &["id"],
    },
    Table {
        name: "task",
        first: "task",
        only_upgrade: false,
        columns: columns![
            lane: Text,
            account: Text,
            refresh: Checked(is_refresh_id),
            profile: Profile = "iccid",
            card: Card,
            attempts: Amount,
            first_attempt_at: Int,
            not_before: Int,
        ],
        key: &["lane", "account", "refresh", "profile"],
    },
    Table {
        name: "reading",
        first: "reading",
        only_upgrade: false,
        columns: columns![
            card: Card,
            profile: Profile = "iccid",
            began_at: Int,
            synced_at: Int,
            as_of: Int,
            period_kind: Checked(|text| PeriodKind::parse(text).is_some()),
            period_key: Text,
            period_start: Int,
            period_end: Int,
            used: Amount,
            total: Amount,
            delta: Int,
            kind: Checked(|text| ReadingKind::parse(text).is_some()) = "what",
            cycle: Amount,
        ],
        key: &["card", "began_at", "profile"],
    },
    Table {
        name: "suspect_reading",
        first: "",
        only_upgrade: false,
        columns: columns![
            profile: Profile,
            began_at: Int,
            card: Card,
            lane: Text,
            refresh: Checked(is_refresh_id),
            synced_at: Int,
            reading: Checked(|text| serde_json::from_str::<Reading>(text).is_ok()),
            used: Amount,
            believed: Amount,
            reason: Checked(|text| SuspectReason::parse(text).is_some()),
            state: Checked(|text| SuspectState::parse(text).is_some()),
            due_at: Int,
            decided_by: Text,
            decided_at: Int,
        ],
        key: &["profile", "began_at"],
    },
    Table {
        name: "unit_change",
        first: "",
        only_upgrade: false,
        columns: columns![
            lane: Text,
            jump: Checked(|text| UnitJump::parse(text).is_some()),
            since: Int,
            state: Checked(|text| SuspectState::parse(text).is_some()),
            decided_by: Text,
            decided_at: Int,
        ],
        key: &["lane"],
    },
    Table {
        name: "package",
        first: "package",
        only_upgrade: false,
        columns: columns![
            card: Card,
            code: Text,
            name: Text,
            total: Amount,
            valid_from: Int,
            valid_to: Int,
            booked: Amount,
            created_at: Int,
        ],
        key: &["card", "code"],
    },
    Table {
        name: "booking",
        first: "booking",
        only_upgrade: false,
        columns: columns![
            card: Card,
            began_at: Int,
            profile: ProfileOrNone = "iccid",
            line: Amount,
            package: Text,
            bytes: Int,
        ],
        key: &["card", "began_at", "profile", "line"],
    },
    Table {
        name: "daily",
        first: "daily",
        only_upgrade: false,
        columns: columns![
            card: Card,
            day: Text,
            profile: Profile = "iccid",
            cycle: Amount,
            delta: Int,
            readings: Amount,
        ],
        key: &["card", "day", "profile", "cycle"],
    },
    Table {
        name: "notification",
        first: "notification",
        only_upgrade: false,
        columns: columns![
            seq: Int,
            id: Text,
            account: Text,
            card: Card,
            event: Text,
            body: Checked(|text| serde_json::from_str::<serde_json::Map<_, _>>(text).is_ok()),
            created_at: Int,
            waiting_since: Int,
            attempts: Amount,
            next_at: Int,
            state: Checked(|text| NotificationState::parse(text).is_some()),
            last_error: Text,
            ended_at: Int,
        ],
        key: &["seq"],
    },
    Table {
        name: "audit",
        first: "audit",
        only_upgrade: false,
        columns: columns![
            seq: Int,
            at: Int,
            actor: Text,
            action: Text,
            subject: Text,
            detail: Text,
            hash: Text,
        ],
        key: &["seq"],
    },
    Table {
        name: "import_change",
        first: "",
        only_upgrade: false,
        columns: columns![entry: Int, card: Card, field: Text, before: Text, after: Text],
        key: &["entry", "card", "field"],
    },
    Table {
        name: "admin",
        first: "admin",
        only_upgrade: false,
        columns: columns![
            name: Text,
            password: Text,
            role: Checked(|text| AdminRole::parse(text).is_some()),
            disabled: Int,
            created_at: Int,
        ],
        key: &["name"],
    },
    Table {
        name: "session",
        first: "session",
        only_upgrade: true,
        columns: columns![token: Text, admin: Text, created_at: Int, seen_at: Int],
        key: &["token"],
    },
    Table {
        name: "lane_pause",
        first: "lane_pause",
        only_upgrade: false,
        columns: columns![lane: Text, paused_by: Text, paused_at: Int, note: Text],
        key: &["lane"],
    },
    Table {
        name: "lane_limit",
        first: "",
        only_upgrade: false,
        columns: columns![lane: Text, limited_until: Int, retry_at: Int],
        key: &["lane"],
    },
    Table {
        name: "lease",
        first: "lane",
        only_upgrade: true,
        columns: columns![
            // A lane whose name began with ~ was the outbox's.
            kind: Text = "CASE WHEN name LIKE '~%' THEN 'outbox' ELSE 'lane' END",
            name: Text = "CASE WHEN name LIKE '~%' THEN substr(name, 2) ELSE name END",
            holder: Text,
            epoch: Amount,
            lease_until: Int,
            status: Text,
        ],
        key: &["kind", "name"],
    },
    Table {
        name: "activity",
        first: "pulse",
        only_upgrade: true,
        columns: columns![minute: Int, node: Text, accepted: Amount, succeeded: Amount, failed: Amount],
        key: &["minute", "node"],
    },
];

fn is_refresh_id(text: &str) -> bool {
    RefreshId::parse(text).is_some()
}

#[cfg(test)]
mod tests;
