//! Cards and profiles as rows.

use super::view::ProfileView;
use crate::backend::{maybe_from_db, row};
use crate::error::StoreError;
use simgauge_domain::guard::held::Held;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::metering::delta::Last;
use simgauge_domain::reading::{Period, PeriodKind, ProfileStatus};
use simgauge_domain::time::UnixMs;

row! {
    pub(crate) struct CardRow {
        id: i64,
        pub(crate) number: String,
        pub(crate) kind: String,
        pub(crate) account: String,
        pub(crate) status: String,
        pub(crate) label: String,
        pub(crate) accepted_at: Option<i64>,
        pub(crate) overage: i64,
        pub(crate) overage_base: i64,
    }
}

macro_rules! card_columns {
    () => {
        "card.id, card.number, card.kind, card.account, card.status, card.label, card.accepted_at, \
         card.overage, card.overage_base"
    };
}
pub(crate) use card_columns;

impl CardRow {
    pub(crate) fn id(&self) -> CardId {
        CardId(self.id)
    }
}

row! {
    pub(crate) struct ProfileRow {
        id: i64,
        card: i64,
        iccid: String,
        operator_account: String,
        status: Option<String>,
        raw_status: Option<String>,
        period_kind: Option<String>,
        period_key: Option<String>,
        period_start: Option<i64>,
        period_end: Option<i64>,
        used: Option<i64>,
        total: Option<i64>,
        as_of: Option<i64>,
        began_at: Option<i64>,
        synced_at: Option<i64>,
        meter: Option<String>,
        suspect: Option<String>,
    }
}

macro_rules! profile_columns {
    () => {
        "profile.id, profile.card, profile.iccid, profile.operator_account, profile.status, \
         profile.raw_status, \
         profile.period_kind, profile.period_key, profile.period_start, profile.period_end, profile.used, \
         profile.total, profile.as_of, profile.began_at, profile.synced_at, profile.meter, \
         profile.suspect"
    };
}
pub(crate) use profile_columns;

impl ProfileRow {
    pub(crate) fn id(&self) -> ProfileId {
        ProfileId(self.id)
    }

    pub(crate) fn card(&self) -> CardId {
        CardId(self.card)
    }

    fn of(&self, column: &str) -> String {
        format!("{column} of profile {} of card {}", self.id, self.card)
    }

    fn corrupt(&self, column: &str, value: &str) -> StoreError {
        StoreError::Corrupt(format!("{} is {value:?}", self.of(column)))
    }

    /// What the next reading is counted from.
    pub(crate) fn meter(&self) -> Result<Option<Last>, StoreError> {
        let parse = |json: &String| {
            serde_json::from_str(json)
                .map_err(|error| StoreError::Corrupt(format!("{}: {error}", self.of("meter"))))
        };
        self.meter.as_ref().map(parse).transpose()
    }

    /// The reading that is held back.
    pub(crate) fn held(&self) -> Result<Option<Held>, StoreError> {
        let parse = |json: &String| {
            serde_json::from_str(json)
                .map_err(|error| StoreError::Corrupt(format!("{}: {error}", self.of("suspect"))))
        };
        self.suspect.as_ref().map(parse).transpose()
    }

    /// What the operator allows.
    pub(crate) fn total(&self) -> Result<Option<u64>, StoreError> {
        maybe_from_db(self.total, self.of("total"))
    }

    fn period(&self) -> Result<Option<Period>, StoreError> {
        let Some(name) = self.period_kind.as_deref() else { return Ok(None) };
        Ok(Some(Period {
            kind: PeriodKind::parse(name).ok_or_else(|| self.corrupt("period_kind", name))?,
            key: self.period_key.clone().unwrap_or_default(),
            start: self.period_start.map(UnixMs),
            end: self.period_end.map(UnixMs),
        }))
    }

    fn status(&self) -> Result<Option<ProfileStatus>, StoreError> {
        let parse = |name| ProfileStatus::parse(name).ok_or_else(|| self.corrupt("status", name));
        self.status.as_deref().map(parse).transpose()
    }

    pub(crate) fn view(self) -> Result<ProfileView, StoreError> {
        let meter = self.meter()?;
        Ok(ProfileView {
            id: self.id(),
            counted: meter.as_ref().map(|last| (last.cycle, last.counted)),
            assumed_at: meter.as_ref().and_then(|last| Some(last.assumed.as_deref()?.at)),
            held: self.held()?,
            bundles: meter.map(|last| last.bundles).unwrap_or_default(),
            status: self.status()?,
            used: maybe_from_db(self.used, self.of("used"))?,
            total: self.total()?,
            period: self.period()?,
            iccid: self.iccid,
            operator_account: self.operator_account,
            raw_status: self.raw_status,
            as_of: self.as_of.map(UnixMs),
            began_at: self.began_at.map(UnixMs),
            synced_at: self.synced_at.map(UnixMs),
        })
    }
}
