//! Suspect readings that wait, as people look at them.

use crate::backend::{Sql, from_db, maybe_from_db, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::guard::held::SuspectReason;
use simgauge_domain::ids::ProfileId;
use simgauge_domain::time::UnixMs;

/// A suspect reading that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectView {
    pub profile: ProfileId,
    /// When the reading began.
    pub began_at: UnixMs,
    /// The card's number.
    pub number: String,
    /// The profile's ICCID.
    pub iccid: String,
    /// Whose card.
    pub account: String,
    /// Where it was read.
    pub operator_account: String,
    pub reason: SuspectReason,
    /// The usage that is not believed.
    pub used: u64,
    /// The usage before it.
    pub believed: Option<u64>,
    /// When it is booked if nothing settles it.
    pub due_at: Option<UnixMs>,
}

/// Where a suspect reading stands among those that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectPlace {
    /// Where it was read.
    pub operator_account: String,
    /// When the reading began.
    pub began_at: UnixMs,
    pub profile: ProfileId,
}

impl SuspectView {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> SuspectPlace {
        SuspectPlace {
            operator_account: self.operator_account.clone(),
            began_at: self.began_at,
            profile: self.profile,
        }
    }
}

/// An operator account whose unit may have changed; a person has to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingUnitChange {
    pub operator_account: String,
    /// Since when its readings that change something are held back.
    pub since: UnixMs,
}

/// Which ones; all where nothing is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuspectFilter {
    /// Of this card.
    pub card: Option<String>,
    /// Of this operator account.
    pub lane: Option<String>,
}

row! {
    struct ViewRow {
        profile: i64,
        began_at: i64,
        number: String,
        iccid: String,
        account: String,
        lane: String,
        reason: String,
        used: i64,
        believed: Option<i64>,
        due_at: Option<i64>,
    }
}

macro_rules! waiting {
    ($($part:literal),+) => {
        concat!(
            "SELECT suspect_reading.profile, suspect_reading.began_at, card.number, profile.iccid, \
             card.account, \
             suspect_reading.lane, suspect_reading.reason, suspect_reading.used, suspect_reading.believed, \
             suspect_reading.due_at ", $($part),+
        )
    };
}

/// `$1` and `$2` name the last one before; `$3`: how many.
const ALL: Sql = Sql::both(waiting!(
    "FROM suspect_reading JOIN profile ON profile.id = suspect_reading.profile JOIN card ON card.id = \
     profile.card WHERE suspect_reading.state = 'waiting' AND (suspect_reading.lane, \
     suspect_reading.began_at, suspect_reading.profile) > ($1, $2, $3) ",
    "ORDER BY suspect_reading.lane, suspect_reading.began_at, suspect_reading.profile LIMIT $4"
));
const OF_LANE: Sql = Sql::both(waiting!(
    "FROM suspect_reading JOIN profile ON profile.id = suspect_reading.profile JOIN card ON card.id = \
     profile.card WHERE suspect_reading.state = 'waiting' AND suspect_reading.lane = $1 AND \
     (suspect_reading.began_at, suspect_reading.profile) > ($2, $3) ",
    "ORDER BY suspect_reading.began_at, suspect_reading.profile LIMIT $4"
));
const OF_CARD: Sql = Sql::both(waiting!(
    "FROM card JOIN profile ON profile.card = card.id JOIN suspect_reading ON suspect_reading.profile = \
     profile.id AND suspect_reading.state = 'waiting' WHERE card.number = $1 ",
    "ORDER BY profile.iccid"
));

const COUNT: Sql = Sql::both(
    "SELECT count(*) FROM (SELECT 1 AS one FROM suspect_reading WHERE state = 'waiting' LIMIT $1) AS waiting",
);
const UNIT_CHANGES: Sql =
    Sql::both("SELECT lane, since FROM unit_change WHERE state = 'waiting' ORDER BY lane");

impl Store {
    /// How many suspect readings wait, counted up to `most`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn count_waiting_suspects(&self, most: i64) -> Result<u64, StoreError> {
        let waiting = self.db.one(COUNT, &[most.into()]).await?.unwrap_or_default();
        from_db(waiting, "the count of suspect readings")
    }

    /// Operator accounts whose unit may have changed, by name.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn waiting_unit_changes(&self) -> Result<Vec<WaitingUnitChange>, StoreError> {
        let rows: Vec<(String, i64)> = self.db.all(UNIT_CHANGES, &[]).await?;
        let change = |(operator_account, since)| WaitingUnitChange { operator_account, since: UnixMs(since) };
        Ok(rows.into_iter().map(change).collect())
    }

    /// Suspect readings that wait, by operator account and time: at most `limit` after one of them. Those of
    /// a card are all there are.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn waiting_suspects(
        &self,
        filter: &SuspectFilter,
        after: Option<&SuspectPlace>,
        limit: i64,
    ) -> Result<Vec<SuspectView>, StoreError> {
        let (began_at, profile) = after.map_or((i64::MIN, 0), |after| (after.began_at.0, after.profile.0));
        let rows: Vec<ViewRow> = match filter {
            SuspectFilter { card: Some(_), .. } if after.is_some() => Vec::new(),
            SuspectFilter { card: Some(card), .. } => self.db.all(OF_CARD, &[card.into()]).await?,
            SuspectFilter { lane: Some(lane), .. } => {
                let params = [lane.into(), began_at.into(), profile.into(), limit.into()];
                self.db.all(OF_LANE, &params).await?
            }
            SuspectFilter { .. } => {
                let lane = after.map_or("", |after| after.operator_account.as_str());
                let params = [lane.into(), began_at.into(), profile.into(), limit.into()];
                self.db.all(ALL, &params).await?
            }
        };
        let lane = filter.lane.as_deref();
        let is_meant = |row: &ViewRow| lane.is_none_or(|lane| row.lane == lane);
        rows.into_iter().filter(is_meant).map(ViewRow::view).collect()
    }
}

impl ViewRow {
    fn view(self) -> Result<SuspectView, StoreError> {
        let of = |column| format!("{column} of a suspect reading of profile {}", self.profile);
        let reason = SuspectReason::parse(&self.reason)
            .ok_or_else(|| StoreError::Corrupt(format!("{} is {:?}", of("reason"), self.reason)))?;
        Ok(SuspectView {
            used: from_db(self.used, of("used"))?,
            believed: maybe_from_db(self.believed, of("believed"))?,
            profile: ProfileId(self.profile),
            began_at: UnixMs(self.began_at),
            number: self.number,
            iccid: self.iccid,
            account: self.account,
            operator_account: self.lane,
            reason,
            due_at: self.due_at.map(UnixMs),
        })
    }
}
