//! Ending a refresh whose result cannot be written, since a row of its card is damaged or refuses the change.
//! Only the refresh and its task are touched: whatever is wrong with the card stays as it is for a person.

use super::model::{Ended, Finished};
use crate::backend::{Database, Sql, Tx, refresh_id_from_db, row};
use crate::error::StoreError;
use crate::leases::lease::{Lease, fence};
use crate::outbox::ended::notify_ended;
use crate::refreshes::tasks::SetAside;
use crate::store::Store;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::ids::CardId;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use std::collections::BTreeSet;

impl From<&Finished> for SetAside {
    fn from(one: &Finished) -> Self {
        Self {
            account: one.task.account.clone(),
            refresh: one.task.refresh.to_string(),
            profile: one.task.profile,
            card: one.card,
        }
    }
}

const LATEST: Sql = Sql::both("SELECT last_refresh FROM card WHERE id = $1 AND last_refresh IS NOT NULL");
const OPEN: Sql = Sql::both(
    "SELECT id, previous FROM refresh WHERE id = $1 AND card = $2 AND state IN ('queued', 'running')",
);
const FAIL: Sql = Sql::both(
    "UPDATE refresh SET state = 'failed', remaining = '', finished_at = $2, reason = $3, detail = $4 \
     WHERE id = $1 AND state IN ('queued', 'running')",
);
const DELETE: Sql =
    Sql::both("DELETE FROM task WHERE lane = $1 AND account = $2 AND refresh = $3 AND profile = $4");
// A cooldown is never freed: the row learns of the refresh as if it had been read.
const REMEMBER: Sql = Sql::both(
    "UPDATE card SET last_refresh = $2, accepted_at = (SELECT accepted_at FROM refresh WHERE id = $2) \
     WHERE id = $1 AND (last_refresh IS NULL OR last_refresh < $2)",
);
const NUMBER: Sql = Sql::both("SELECT number FROM card WHERE id = $1");

row! {
    struct OpenRow {
        id: String,
        previous: Option<String>,
    }
}

impl Store {
    /// Takes a task out and ends every open refresh that its card's row or the task leads to, as failed with
    /// the reason `internal`. `detail` may be shown to anyone. Answers the refreshes that ended.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], the database cannot be reached, or these rows cannot be written either.
    pub async fn set_aside(
        &self,
        lease: &Lease,
        task: &SetAside,
        detail: &str,
        now: UnixMs,
    ) -> Result<Vec<Ended>, StoreError> {
        let mut error = None;
        for effort in Effort::ALL {
            match self.set_aside_with(effort, lease, task, detail, now).await {
                Ok(ended) => return Ok(ended),
                Err(of_row) if of_row.is_of_a_row() => error = Some(of_row),
                Err(other) => return Err(other),
            }
        }
        Err(error.unwrap_or_else(|| StoreError::Corrupt(format!("the task of refresh {}", task.refresh))))
    }

    async fn set_aside_with(
        &self,
        effort: Effort,
        lease: &Lease,
        task: &SetAside,
        detail: &str,
        now: UnixMs,
    ) -> Result<Vec<Ended>, StoreError> {
        let mut tx = self.db.write().await?;
        fence(&mut tx, lease).await?;
        let mut number = String::new();
        let mut next = BTreeSet::from([task.refresh.clone()]);
        if effort.reads_the_card() {
            next.extend(tx.one::<String>(LATEST, &[task.card.into()]).await?);
            number = tx.one::<String>(NUMBER, &[task.card.into()]).await?.unwrap_or_default();
        }
        let latest = next.last().cloned().unwrap_or_default();
        let ended = fail_open(&mut tx, task.card, &number, next, detail, now).await?;
        let key = [(&lease.name).into(), (&task.account).into(), (&task.refresh).into(), task.profile.into()];
        tx.run(DELETE, &key).await?;
        if effort.writes_the_card() {
            tx.run(REMEMBER, &[task.card.into(), (&latest).into()]).await?;
        }
        if effort == Effort::All {
            notify_ended(&mut tx, &ended).await?;
        }
        tx.commit().await?;
        if effort.writes_the_card()
            && let Database::Sqlite(database) = &self.db
        {
            database.deferred().forget(ended.iter().map(|one| (one.card, &one.id)));
        }
        Ok(ended)
    }
}

/// Ends the open ones of a card's refreshes, from these on along their chain.
async fn fail_open(
    tx: &mut impl Tx,
    card: CardId,
    number: &str,
    mut next: BTreeSet<String>,
    detail: &str,
    now: UnixMs,
) -> Result<Vec<Ended>, StoreError> {
    let mut ended = Vec::new();
    while let Some(id) = next.pop_last() {
        let Some(open) = tx.one::<OpenRow>(OPEN, &[(&id).into(), card.into()]).await? else { continue };
        let reason = FailureKind::Internal.as_str();
        tx.run(FAIL, &[(&open.id).into(), now.into(), reason.into(), detail.into()]).await?;
        next.extend(open.previous);
        // Nobody can wait for one whose id is damaged.
        let Ok(id) = refresh_id_from_db(&open.id, "id of a refresh") else { continue };
        ended.push(Ended {
            id,
            card,
            number: number.to_owned(),
            state: RefreshState::Failed,
            failure: Some(FailureKind::Internal),
            warning: None,
        });
    }
    Ok(ended)
}

/// How much of what belongs to it is done. Each step leaves out what may be damaged, too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effort {
    OnlyTheTask,
    WithoutCard,
    WithoutNotification,
    All,
}

impl Effort {
    const ALL: [Self; 4] = [Self::All, Self::WithoutNotification, Self::WithoutCard, Self::OnlyTheTask];

    fn reads_the_card(self) -> bool {
        self >= Self::WithoutCard
    }

    fn writes_the_card(self) -> bool {
        self >= Self::WithoutNotification
    }
}
