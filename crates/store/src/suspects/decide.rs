//! Booking a suspect reading after all, or dropping it.

use super::model::{Decision, SuspectState};
use crate::backend::{Sql, Transaction, Tx as _, keys, refresh_id_from_db, row};
use crate::error::StoreError;
use crate::refreshes::tasks::TaskKey;
use crate::results::book::Booked;
use crate::results::card::{CardState, Cards, gather};
use crate::results::model::Finished;
use crate::results::sql::{HEADS, PACKAGES, PROFILES};
use crate::results::write::{notify_usage, write_booked};
use crate::store::Store;
use simgauge_domain::guard::settle_held;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::time::UnixMs;
use std::time::Duration;

const WHOSE: Sql = Sql::both("SELECT card FROM profile WHERE id = $1");
const FIND: Sql = Sql::both(
    "SELECT refresh, synced_at FROM suspect_reading WHERE profile = $1 AND began_at = $2 \
     AND state = 'waiting'",
);
const DECIDE: Sql = Sql::both(
    "UPDATE suspect_reading SET state = $3, due_at = NULL, decided_by = $4, decided_at = $5 \
     WHERE profile = $1 AND began_at = $2 AND state = 'waiting'",
);
const CLEAR: Sql = Sql::both("UPDATE profile SET suspect = NULL WHERE id = $1");
const DUE: Sql =
    Sql::both("SELECT profile, began_at FROM suspect_reading WHERE due_at <= $1 ORDER BY due_at LIMIT $2");
const DECIDE_UNIT: Sql = Sql::both(
    "UPDATE unit_change SET state = $2, decided_by = $3, decided_at = $4 \
     WHERE lane = $1 AND state = 'waiting'",
);
const PRUNE: Sql = Sql::both(
    "DELETE FROM suspect_reading WHERE (profile, began_at) IN (SELECT profile, began_at FROM suspect_reading \
     WHERE decided_at < $1 ORDER BY decided_at LIMIT $2)",
);

/// After this time a suspect reading whose rows were damaged is tried again.
const DAMAGED_AGAIN: Duration = Duration::from_hours(24);
const PUT_OFF: Sql = Sql::both(
    "UPDATE suspect_reading SET due_at = $3 WHERE profile = $1 AND began_at = $2 AND state = 'waiting'",
);

/// What became of suspect readings that waited for a day.
#[derive(Debug, Default)]
pub struct SettledSuspects {
    /// How many were booked.
    pub booked: u64,
    /// Profiles of which a row is damaged; they are tried again a day later.
    pub damaged: Vec<(ProfileId, StoreError)>,
}

row! {
    struct FoundRow {
        refresh: String,
        synced_at: i64,
    }
}

impl Store {
    /// Has a suspect reading booked or dropped; `false` where it no longer waits.
    ///
    /// # Errors
    /// The database cannot be reached, or a row is damaged.
    pub async fn decide_suspect(
        &self,
        profile: ProfileId,
        began_at: UnixMs,
        decision: Decision,
        by: Option<&str>,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.write().await?;
        let Some((card, mut state)) = locked_card(&mut tx, profile).await? else { return Ok(false) };
        let found: Option<FoundRow> = tx.one(FIND, &[profile.into(), began_at.into()]).await?;
        let Some(found) = found else { return Ok(false) };
        let held = state.held.remove(&profile).filter(|held| held.began_at == began_at);
        let number = state.number.clone();
        let reason = held.as_ref().map_or("", |held| held.reason.as_str());
        if let Some(held) = held.filter(|_| decision != Decision::Reject) {
            let last = state.profiles.get(&profile).and_then(Option::as_ref);
            if let Some(step) = settle_held(last, &held) {
                let refresh =
                    refresh_id_from_db(&found.refresh, format_args!("refresh of a suspect reading"))?;
                let one = Finished {
                    task: TaskKey { account: String::new(), refresh, profile },
                    card,
                    began_at,
                    ended_at: UnixMs(found.synced_at),
                    outcome: Ok(held.reading.clone()),
                    operator_id: None,
                };
                let mut booked = Booked::default();
                booked.touch(&one, &state);
                booked.count(&one, &held.reading, step, &mut state)?;
                let cards = Cards::from([(card, state)]);
                write_booked(&mut tx, &booked, &cards).await?;
                notify_usage(&mut tx, &keys([card])?, &booked, &cards).await?;
            }
        }
        let decided =
            [profile.into(), began_at.into(), decision.state().as_str().into(), by.into(), now.into()];
        tx.run(DECIDE, &decided).await?;
        tx.run(CLEAR, &[profile.into()]).await?;
        let detail = format!("profile={profile} began_at={} reason={reason}", began_at.0);
        match decision {
            Decision::Accept => self.commit_audited(tx, "reading.accept", &number, &detail).await?,
            Decision::Reject => self.commit_audited(tx, "reading.reject", &number, &detail).await?,
            Decision::Due => tx.commit().await?,
        }
        Ok(true)
    }

    /// Says what a person decided about the unit of an operator account; `false` where nothing waits.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn decide_unit_change(
        &self,
        lane: &str,
        accept: bool,
        by: &str,
        now: UnixMs,
    ) -> Result<bool, StoreError> {
        let state = if accept { SuspectState::Accepted } else { SuspectState::Rejected };
        let mut tx = self.db.write().await?;
        let changed =
            tx.run(DECIDE_UNIT, &[lane.into(), state.as_str().into(), by.into(), now.into()]).await?;
        if changed == 0 {
            return Ok(false);
        }
        let action = if accept { "unit_change.accept" } else { "unit_change.reject" };
        self.commit_audited(tx, action, lane, "").await?;
        Ok(true)
    }

    /// Books suspect readings that waited for a day, and forgets those that were decided before `keep_from`;
    /// at most `limit` of each. One whose rows are damaged is left as it is; the others go on.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn settle_due_suspects(
        &self,
        now: UnixMs,
        keep_from: UnixMs,
        limit: i64,
    ) -> Result<SettledSuspects, StoreError> {
        let due: Vec<(i64, i64)> = self.db.all(DUE, &[now.into(), limit.into()]).await?;
        let mut settled = SettledSuspects::default();
        for (profile, began_at) in due {
            let (profile, began_at) = (ProfileId(profile), UnixMs(began_at));
            match self.decide_suspect(profile, began_at, Decision::Due, None, now).await {
                Ok(booked) => settled.booked += u64::from(booked),
                Err(error) if error.is_of_a_row() => {
                    // Otherwise it would be the first one for ever, and hold the others back.
                    let later = [profile.into(), began_at.into(), now.after(DAMAGED_AGAIN).into()];
                    let mut tx = self.db.write().await?;
                    tx.run(PUT_OFF, &later).await?;
                    tx.commit().await?;
                    settled.damaged.push((profile, error));
                }
                Err(error) => return Err(error),
            }
        }
        let mut tx = self.db.write().await?;
        tx.run(PRUNE, &[keep_from.into(), limit.into()]).await?;
        tx.commit().await?;
        Ok(settled)
    }
}

/// The card of a profile, locked, as readings are booked on it.
pub(super) async fn locked_card(
    tx: &mut Transaction,
    profile: ProfileId,
) -> Result<Option<(CardId, CardState)>, StoreError> {
    let Some(card) = tx.one::<i64>(WHOSE, &[profile.into()]).await? else { return Ok(None) };
    let ids = keys([card])?;
    let heads = tx.all(HEADS, &[(&ids).into()]).await?;
    let profiles = tx.all(PROFILES, &[(&ids).into()]).await?;
    let packages = tx.all(PACKAGES, &[(&ids).into()]).await?;
    let (mut cards, _) = gather(heads, &[], profiles, packages)?;
    Ok(cards.remove(&CardId(card)).map(|state| (CardId(card), state)))
}
