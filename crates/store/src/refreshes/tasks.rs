//! The waiting readings of a lane. Only the holder of the lane's lease takes from them.

use crate::backend::{Param, Sql, count_from_db, from_db, refresh_id_from_db, row};
use crate::error::StoreError;
use crate::store::Store;
use serde::Serialize;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::time::UnixMs;

/// Names a task within its lane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TaskKey {
    /// Whose card.
    pub account: String,
    /// The refresh that made it.
    #[serde(serialize_with = "id_text")]
    pub refresh: RefreshId,
    /// The profile to read.
    pub profile: ProfileId,
}

fn id_text<S: serde::Serializer>(id: &RefreshId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}

/// A waiting reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub key: TaskKey,
    pub card: CardId,
    /// The card's number.
    pub number: String,
    /// The profile's ICCID.
    pub iccid: String,
    /// Where the card is a cloud eSIM, its EID.
    pub eid: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first began.
    pub first_attempt_at: Option<UnixMs>,
    /// Not to be tried earlier.
    pub not_before: UnixMs,
    /// When the last believed reading of the profile began.
    pub last_read_at: Option<UnixMs>,
    /// What that reading kept of the operator's own id.
    pub operator_id: Option<String>,
}

/// A task that is taken out without a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetAside {
    /// Whose card.
    pub account: String,
    /// The refresh that made it, as the row has it.
    pub refresh: String,
    pub profile: ProfileId,
    pub card: CardId,
}

/// A waiting reading whose row, or whose card's or profile's, is damaged.
#[derive(Debug)]
pub struct DamagedTask {
    /// What has to be taken out.
    pub task: SetAside,
    /// What is wrong.
    pub error: Box<StoreError>,
}

/// What of an account waits in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Tasks.
    pub count: u64,
    /// When the refresh of the oldest was accepted.
    pub since: Option<UnixMs>,
}

/// A task that is put off.
#[derive(Clone, Debug, Serialize)]
pub struct Postponed {
    #[serde(flatten)]
    pub key: TaskKey,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first began.
    pub first_attempt_at: UnixMs,
    /// Not to be tried earlier.
    pub not_before: UnixMs,
}

row! {
    struct TaskRow {
        refresh: String,
        profile: i64,
        card: i64,
        number: Option<String>,
        kind: Option<String>,
        iccid: Option<String>,
        attempts: i64,
        first_attempt_at: Option<i64>,
        not_before: i64,
        last_read_at: Option<i64>,
        operator_id: Option<String>,
    }
}

row! {
    struct KeyRow {
        refresh: String,
        profile: i64,
        card: i64,
    }
}

impl TaskRow {
    fn task(self, account: &str) -> Result<Task, DamagedTask> {
        let task = SetAside {
            account: account.to_owned(),
            refresh: self.refresh.clone(),
            profile: ProfileId(self.profile),
            card: CardId(self.card),
        };
        self.sound(account).map_err(|error| DamagedTask { task, error: Box::new(error) })
    }

    fn sound(self, account: &str) -> Result<Task, StoreError> {
        let of =
            |column| format!("{column} of the task of refresh {} for profile {}", self.refresh, self.profile);
        let gone = |column| StoreError::Corrupt(format!("{} does not exist", of(column)));
        let refresh = refresh_id_from_db(&self.refresh, of("refresh"))?;
        let attempts = count_from_db(self.attempts, of("attempts"))?;
        let number = self.number.ok_or_else(|| gone("card"))?;
        let iccid = self.iccid.ok_or_else(|| gone("profile"))?;
        let is_esim = self.kind.as_deref() == Some(CardKind::CloudEsim.as_str());
        Ok(Task {
            key: TaskKey { account: account.to_owned(), refresh, profile: ProfileId(self.profile) },
            card: CardId(self.card),
            eid: is_esim.then(|| number.clone()),
            number,
            iccid,
            attempts,
            first_attempt_at: self.first_attempt_at.map(UnixMs),
            not_before: UnixMs(self.not_before),
            last_read_at: self.last_read_at.map(UnixMs),
            operator_id: self.operator_id,
        })
    }
}

macro_rules! select_tasks {
    ($rest:literal) => {
        Sql::both(concat!(
            "SELECT task.refresh, task.profile, task.card, card.number, card.kind, profile.iccid, \
             task.attempts, task.first_attempt_at, task.not_before, profile.began_at AS last_read_at, \
             profile.operator_id \
             FROM task LEFT JOIN card ON card.id = task.card LEFT JOIN profile ON profile.id = task.profile \
             WHERE task.lane = $1 AND task.account = $2 ",
            $rest,
        ))
    };
}

const WAITING_ACCOUNTS: Sql = Sql::both(
    "WITH RECURSIVE hop (account) AS ( \
         SELECT (SELECT min(account) FROM task WHERE lane = $1) \
         UNION ALL \
         SELECT (SELECT min(account) FROM task WHERE lane = $1 AND account > hop.account) FROM hop \
         WHERE hop.account IS NOT NULL \
     ) SELECT account FROM hop WHERE account IS NOT NULL",
);
// In the order of the key, so that the oldest is among those that are counted.
const COUNT: Sql = Sql::both(
    "SELECT count(*), min(refresh) FROM (SELECT refresh FROM task WHERE lane = $1 AND account = $2 \
     ORDER BY refresh LIMIT $3) AS waiting",
);
const NEXT: Sql =
    select_tasks!("AND (task.refresh, task.profile) > ($3, $4) ORDER BY task.refresh, task.profile LIMIT $5");
// The same without what belongs to cards and profiles.
const KEYS: Sql = Sql::both(
    "SELECT refresh, profile, card FROM task WHERE lane = $1 AND account = $2 \
     AND (refresh, profile) > ($3, $4) ORDER BY refresh, profile LIMIT $5",
);
const ONE: Sql = select_tasks!("AND task.refresh = $3 AND task.profile = $4");
// Ids of refreshes begin with their time.
const OVERDUE: Sql = select_tasks!(
    "AND task.refresh < $3 AND COALESCE(profile.began_at, 0) <= $4 \
     AND ($5 = 1 OR task.first_attempt_at IS NULL) ORDER BY task.refresh, task.profile LIMIT $6"
);

impl Store {
    /// The accounts with work waiting in a lane. Jumps from account to account in the key, so the length of
    /// their queues does not matter.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn waiting_accounts(&self, lane: &str) -> Result<Vec<String>, StoreError> {
        self.db.all(WAITING_ACCOUNTS, &[lane.into()]).await
    }

    /// How many tasks of an account wait in a lane, and since when the oldest does; counts no further than
    /// `most`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn count_waiting(&self, lane: &str, account: &str, most: i64) -> Result<Waiting, StoreError> {
        let found: Option<(i64, Option<String>)> =
            self.db.one(COUNT, &[lane.into(), account.into(), most.into()]).await?;
        let (count, oldest) = found.unwrap_or((0, None));
        let oldest =
            oldest.map(|id| refresh_id_from_db(&id, format_args!("refresh of a task of lane {lane}")));
        Ok(Waiting {
            count: from_db(count, "the number of tasks")?,
            since: oldest.transpose()?.map(|id| id.made_at()),
        })
    }

    /// The next tasks of an account in a lane, oldest first, after `after`. One damaged row does not hide the
    /// others.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn tasks_after(
        &self,
        lane: &str,
        account: &str,
        after: Option<&TaskKey>,
        limit: i64,
    ) -> Result<Vec<Result<Task, DamagedTask>>, StoreError> {
        let (refresh, profile) = after.map_or(("", ProfileId(0)), |key| (key.refresh.as_str(), key.profile));
        let params = [lane.into(), account.into(), refresh.into(), profile.into(), limit.into()];
        match self.db.all::<TaskRow>(NEXT, &params).await {
            Ok(found) => Ok(found.into_iter().map(|row| row.task(account)).collect()),
            Err(error) if error.is_of_a_row() => self.tasks_one_by_one(lane, account, &params).await,
            Err(error) => Err(error),
        }
    }

    /// The same where a row among them cannot even be read.
    async fn tasks_one_by_one(
        &self,
        lane: &str,
        account: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Result<Task, DamagedTask>>, StoreError> {
        let keys: Vec<KeyRow> = self.db.all(KEYS, params).await?;
        let mut tasks = Vec::with_capacity(keys.len());
        for KeyRow { refresh, profile, card } in keys {
            let params = [lane.into(), account.into(), (&refresh).into(), profile.into()];
            match self.db.one::<TaskRow>(ONE, &params).await {
                Ok(row) => tasks.extend(row.map(|row| row.task(account))),
                Err(error) if error.is_of_a_row() => {
                    let (account, profile, card) = (account.to_owned(), ProfileId(profile), CardId(card));
                    let task = SetAside { account, refresh, profile, card };
                    tasks.push(Err(DamagedTask { task, error: Box::new(error) }));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(tasks)
    }

    /// Tasks of an account in a lane whose refreshes were accepted before `accepted`, and whose profiles were
    /// last read at `read` or before (or never); those that have begun only where `begun` says so. Oldest
    /// first. Damaged ones are left out.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn overdue_tasks(
        &self,
        lane: &str,
        account: &str,
        (accepted, read): (UnixMs, UnixMs),
        begun: bool,
        limit: i64,
    ) -> Result<Vec<Task>, StoreError> {
        let before = RefreshId::new(accepted, 0);
        let params = [
            lane.into(),
            account.into(),
            before.as_str().into(),
            read.into(),
            i64::from(begun).into(),
            limit.into(),
        ];
        let found: Vec<TaskRow> = self.db.all(OVERDUE, &params).await?;
        Ok(found.into_iter().filter_map(|row| row.task(account).ok()).collect())
    }
}
