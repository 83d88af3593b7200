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
pub(super) const HEADS: Sql = Sql {
    sqlite: "SELECT id, number, last_refresh, profile, overage FROM card \
             WHERE id IN (SELECT value->>'$.k' FROM json_each($1))",
    postgres: "SELECT id, number, last_refresh, profile, overage FROM card WHERE id IN \
               (SELECT k FROM json_to_recordset($1::json) AS wanted(k bigint)) ORDER BY id FOR UPDATE",
};
/// Their profiles.
pub(super) const PROFILES: Sql = bulk!(
    concat!("SELECT ", profile_columns!(), " FROM "),
    [k bigint],
    " AS wanted CROSS JOIN profile WHERE profile.card = wanted.k"
);
/// The platform's own packages on them.
pub(super) const PACKAGES: Sql = bulk!(
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
     finished_at = r.finished_at, reason = r.reason, detail = r.detail FROM ",
    [id text, state text, remaining text, after bigint, finished_at bigint, reason text, detail text],
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
