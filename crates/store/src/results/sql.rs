//! The statements that write lanes' results.

use crate::backend::{Sql, bulk};
use crate::cards::rows::profile_columns;

/// The lanes whose leases still hold.
pub(super) const HELD: Sql = Sql {
    sqlite: "SELECT name AS lane FROM lease WHERE kind = 'lane' AND (name, epoch) IN \
             (SELECT value->>'$.lane', value->>'$.epoch' FROM json_each($1))",
    postgres: "SELECT name AS lane FROM lease WHERE kind = 'lane' AND (name, epoch) IN \
               (SELECT lane, epoch FROM json_to_recordset($1::json) AS held(lane text, epoch bigint)) \
               ORDER BY lease.name FOR SHARE",
};
/// Says that refreshes have begun to be read.
pub(super) const START: Sql = bulk!(
    "UPDATE refresh SET state = 'running' FROM ",
    [refresh text],
    " AS begun WHERE refresh.id = begun.refresh AND refresh.state = 'queued'"
);
/// Puts tasks off.
pub(super) const POSTPONE: Sql = bulk!(
    "UPDATE task SET attempts = later.attempts, first_attempt_at = later.first_attempt_at, \
     not_before = later.not_before FROM ",
    [lane text, account text, refresh text, profile bigint, attempts bigint, first_attempt_at bigint,
    not_before bigint],
    " AS later WHERE task.lane = later.lane AND task.account = later.account \
     AND task.refresh = later.refresh AND task.profile = later.profile"
);
/// The cards, locked.
pub(crate) const HEADS: Sql = Sql {
    sqlite: "SELECT id, number, last_refresh, profile, overage FROM card \
             WHERE id IN (SELECT value->>'$.k' FROM json_each($1))",
    postgres: "SELECT id, number, last_refresh, profile, overage FROM card WHERE id IN \
               (SELECT k FROM json_to_recordset($1::json) AS wanted(k bigint)) ORDER BY id FOR UPDATE",
};
/// Their profiles.
pub(crate) const PROFILES: Sql = bulk!(
    concat!("SELECT ", profile_columns!(), " FROM "),
    [k bigint],
    " AS wanted CROSS JOIN profile WHERE profile.card = wanted.k"
);
/// The platform's own packages on them.
pub(crate) const PACKAGES: Sql = bulk!(
    "SELECT package.* FROM ",
    [k bigint],
    " AS wanted CROSS JOIN package WHERE package.card = wanted.k"
);
/// Refreshes by id: one step along cards' chains.
pub(super) const CHAIN: Sql =
    bulk!("SELECT refresh.* FROM ", [k text], " AS wanted CROSS JOIN refresh WHERE refresh.id = wanted.k");
/// Appends readings.
pub(super) const INSERT_READINGS: Sql = bulk!(
    "INSERT INTO reading (card, profile, began_at, synced_at, as_of, period_kind, period_key, period_start, \
     period_end, used, total, delta, kind, cycle) SELECT card, profile, began_at, synced_at, as_of, \
     period_kind, \
     period_key, period_start, period_end, used, total, delta, kind, cycle FROM ",
    [card bigint, profile bigint, began_at bigint, synced_at bigint, as_of bigint, period_kind text,
     period_key text, period_start bigint, period_end bigint, used bigint, total bigint, delta bigint, kind
     text,
     cycle bigint],
    " AS new_reading WHERE true ON CONFLICT (card, began_at, profile) DO NOTHING"
);
/// Moves profiles on.
pub(super) const UPDATE_PROFILES: Sql = bulk!(
    "UPDATE profile SET status = COALESCE(r.status, profile.status), \
     raw_status = COALESCE(r.raw_status, profile.raw_status), period_kind = r.period_kind, \
     period_key = r.period_key, period_start = r.period_start, period_end = r.period_end, used = r.used, \
     total = r.total, as_of = r.as_of, began_at = r.began_at, synced_at = r.synced_at, meter = r.meter, \
     operator_id = COALESCE(r.operator_id, profile.operator_id) FROM ",
    [profile bigint, began_at bigint, synced_at bigint, as_of bigint, period_kind text,
     period_key text, period_start bigint, period_end bigint, used bigint, total bigint, status text,
     raw_status text, meter text, operator_id text],
    " AS r WHERE profile.id = r.profile"
);
/// Sets the state of refreshes.
pub(super) const UPDATE_REFRESHES: Sql = bulk!(
    "UPDATE refresh SET state = r.state, remaining = r.remaining, after = r.after, \
     finished_at = r.finished_at, reason = r.reason, detail = r.detail, \
     warning = COALESCE(r.warning, refresh.warning) FROM ",
    [id text, state text, remaining text, after bigint, finished_at bigint, reason text, detail text,
     warning text],
    " AS r WHERE refresh.id = r.id"
);
/// What cards' rows learn.
pub(super) const UPDATE_CARDS: Sql = bulk!(
    "UPDATE card SET last_refresh = COALESCE(r.refresh, card.last_refresh), accepted_at = COALESCE( \
     (SELECT accepted_at FROM refresh WHERE refresh.id = r.refresh), card.accepted_at), \
     used = COALESCE(r.used, card.used), began_at = COALESCE(r.began_at, card.began_at) FROM ",
    [card bigint, refresh text, used bigint, began_at bigint],
    " AS r WHERE card.id = r.card"
);
/// Takes tasks out.
pub(super) const DELETE_TASKS: Sql = bulk!(
    "DELETE FROM task WHERE (lane, account, refresh, profile) IN (SELECT lane, account, refresh, profile \
     FROM ",
    [lane text, account text, refresh text, profile bigint],
    " AS done)"
);
/// How lanes stand whose unit may have changed.
pub(super) const UNIT_CHANGES: Sql = bulk!(
    "SELECT unit_change.lane, unit_change.jump, unit_change.state, unit_change.decided_at FROM ",
    [k text],
    " AS wanted CROSS JOIN unit_change WHERE unit_change.lane = wanted.k"
);
/// Lanes whose unit changed.
pub(super) const INSERT_UNIT_CHANGES: Sql = bulk!(
    "INSERT INTO unit_change (lane, jump, since, state) SELECT lane, jump, since, 'waiting' FROM ",
    [lane text, jump text, since bigint],
    " AS new_change WHERE true ON CONFLICT (lane) DO UPDATE SET jump = excluded.jump, \
     since = excluded.since, state = 'waiting', decided_by = NULL, decided_at = NULL"
);
/// Adds readings that are held back.
pub(super) const INSERT_SUSPECTS: Sql = bulk!(
    "INSERT INTO suspect_reading (profile, began_at, card, lane, refresh, synced_at, reading, used, \
     believed, reason, state, due_at, decided_at) SELECT profile, began_at, card, lane, refresh, \
     synced_at, reading, used, believed, reason, state, due_at, decided_at FROM ",
    [profile bigint, began_at bigint, card bigint, lane text, refresh text, synced_at bigint, reading text,
     used bigint, believed bigint, reason text, state text, due_at bigint, decided_at bigint],
    " AS new_suspect WHERE true ON CONFLICT (profile, began_at) DO NOTHING"
);
/// Settles those that other readings settled.
pub(super) const SETTLE_SUSPECTS: Sql = bulk!(
    "UPDATE suspect_reading SET state = 'settled', due_at = NULL, decided_at = r.decided_at FROM ",
    [profile bigint, began_at bigint, decided_at bigint],
    " AS r WHERE suspect_reading.profile = r.profile AND suspect_reading.began_at = r.began_at \
     AND suspect_reading.state = 'waiting'"
);
/// What profiles hold back.
pub(super) const UPDATE_HELD: Sql = bulk!(
    "UPDATE profile SET suspect = r.suspect FROM ",
    [profile bigint, suspect text],
    " AS r WHERE profile.id = r.profile"
);
/// Readings of a cycle that there was not belong to the one before.
pub(super) const REJOIN_READINGS: Sql = bulk!(
    "UPDATE reading SET cycle = r.cycle FROM ",
    [card bigint, profile bigint, since bigint, from_cycle bigint, cycle bigint],
    " AS r WHERE reading.card = r.card AND reading.began_at >= r.since AND reading.profile = r.profile \
     AND reading.cycle = r.from_cycle"
);
