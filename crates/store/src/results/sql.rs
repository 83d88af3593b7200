//! The statements that write down what lanes did.

use crate::card::profile_columns;
use crate::db::{Sql, bulk};

/// The lanes whose leases still hold.
pub(super) const HELD: Sql = Sql {
    sqlite: "SELECT name AS lane FROM lane WHERE (name, epoch) IN \
             (SELECT value->>'$.lane', value->>'$.epoch' FROM json_each($1))",
    postgres: "SELECT name AS lane FROM lane WHERE (name, epoch) IN \
               (SELECT lane, epoch FROM json_to_recordset($1::json) AS held(lane text, epoch bigint)) ORDER BY lane.name FOR SHARE",
};
/// Says that refreshes have begun to be read.
pub(super) const RUN: Sql = bulk!(
    "UPDATE refresh SET state = 'running' FROM ",
    [refresh text],
    " AS begun WHERE refresh.id = begun.refresh AND refresh.state = 'queued'"
);
/// Puts tasks off.
pub(super) const PUT_OFF: Sql = bulk!(
    "UPDATE task SET attempts = put_off.attempts, first_attempt_at = put_off.first_attempt_at, \
     not_before = put_off.not_before FROM ",
    [lane text, account text, refresh text, iccid text, attempts bigint, first_attempt_at bigint, not_before bigint],
    " AS put_off WHERE task.lane = put_off.lane AND task.account = put_off.account \
     AND task.refresh = put_off.refresh AND task.iccid = put_off.iccid"
);
/// The cards, locked.
pub(super) const HEADS: Sql = Sql {
    sqlite: "SELECT number, last_refresh, overage FROM card WHERE number IN (SELECT value->>'$.k' FROM json_each($1))",
    postgres: "SELECT number, last_refresh, overage FROM card WHERE number IN \
                       (SELECT k FROM json_to_recordset($1::json) AS wanted(k text)) ORDER BY number FOR UPDATE",
};
/// Their profiles.
pub(super) const PROFILES: Sql = bulk!(
    concat!("SELECT ", profile_columns!(), " FROM "),
    [k text],
    " AS wanted JOIN profile ON profile.card = wanted.k"
);
/// The platform's own packages on them.
pub(super) const PACKAGES: Sql = bulk!(
    "SELECT package.* FROM ",
    [k text],
    " AS wanted JOIN package ON package.card = wanted.k"
);
/// Appends readings.
pub(super) const INSERT_READINGS: Sql = bulk!(
    "INSERT INTO reading (card, iccid, began_at, synced_at, as_of, period_kind, period_key, period_start, \
     period_end, used, total, delta, what, cycle) SELECT card, iccid, began_at, synced_at, as_of, period_kind, period_key, \
     period_start, period_end, used, total, delta, what, cycle FROM ",
    [card text, iccid text, began_at bigint, synced_at bigint, as_of bigint, period_kind text,
     period_key text, period_start bigint, period_end bigint, used bigint, total bigint, delta bigint, what text,
     cycle bigint],
    " AS new_reading WHERE true ON CONFLICT (card, began_at, iccid) DO NOTHING"
);
/// Moves profiles on.
pub(super) const UPDATE_PROFILES: Sql = bulk!(
    "UPDATE profile SET status = COALESCE(r.status, profile.status), \
     raw_status = COALESCE(r.raw_status, profile.raw_status), period_kind = r.period_kind, \
     period_key = r.period_key, period_start = r.period_start, period_end = r.period_end, used = r.used, \
     total = r.total, as_of = r.as_of, began_at = r.began_at, synced_at = r.synced_at, meter = r.meter FROM ",
    [card text, iccid text, began_at bigint, synced_at bigint, as_of bigint, period_kind text,
     period_key text, period_start bigint, period_end bigint, used bigint, total bigint, status text,
     raw_status text, meter text],
    " AS r WHERE profile.card = r.card AND profile.iccid = r.iccid"
);
/// Says how refreshes stand.
pub(super) const UPDATE_REFRESHES: Sql = bulk!(
    "UPDATE refresh SET state = r.state, remaining = r.remaining, after = r.after, \
     finished_at = r.finished_at, reason = r.reason, detail = r.detail FROM ",
    [id text, state text, remaining text, after bigint, finished_at bigint, reason text, detail text],
    " AS r WHERE refresh.id = r.id"
);
/// What cards' rows learn.
pub(super) const NOTE: Sql = bulk!(
    "UPDATE card SET last_refresh = COALESCE(noted.refresh, card.last_refresh), \
     accepted_at = COALESCE((SELECT accepted_at FROM refresh WHERE refresh.id = noted.refresh), card.accepted_at), \
     used = COALESCE(noted.used, card.used), began_at = COALESCE(noted.began_at, card.began_at) FROM ",
    [number text, refresh text, used bigint, began_at bigint],
    " AS noted WHERE card.number = noted.number"
);
/// Takes tasks out.
pub(super) const DELETE_TASKS: Sql = bulk!(
    "DELETE FROM task WHERE (lane, account, refresh, iccid) IN (SELECT lane, account, refresh, iccid FROM ",
    [lane text, account text, refresh text, iccid text],
    " AS done)"
);
