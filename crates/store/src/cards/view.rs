//! Cards as people and programs look at them.

use crate::Store;
use crate::db::{Sql, bulk, from_db, reading, rows};
use crate::error::StoreError;
use crate::package::{PackageRow, PackageView};
use crate::refresh::{RefreshRow, RefreshView};
use crate::row::row;
use serde::Serialize;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::metering::delta::Last;
use simgauge_domain::metering::mirror::Mirrored;
use simgauge_domain::reading::{Period, PeriodKind, ProfileStatus};
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;

/// A kind of card as the store holds it.
pub(crate) fn kind_of(name: &str) -> Result<CardKind, StoreError> {
    CardKind::parse(name).ok_or_else(|| StoreError::Corrupt(format!("card kind {name:?}")))
}

/// A profile with its last reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileView {
    /// Its ICCID.
    pub iccid: String,
    /// Where it is read.
    pub operator_account: String,
    /// State at the operator, once read.
    pub status: Option<ProfileStatus>,
    /// The operator's word for it.
    pub raw_status: Option<String>,
    /// Bytes used in the period, once read.
    pub used: Option<u64>,
    /// Bytes allowed in the period.
    pub total: Option<u64>,
    /// The period.
    pub period: Option<Period>,
    /// The operator's time of the figure.
    pub as_of: Option<UnixMs>,
    /// When the reading began.
    pub began_at: Option<UnixMs>,
    /// When the answer was there.
    pub synced_at: Option<UnixMs>,
    /// The operator's bundles, ended ones included, where it lists them.
    pub bundles: Vec<Mirrored>,
    /// How often the operator's count began anew, and the bytes counted since.
    pub counted: Option<(u32, u64)>,
}

/// A card with its profiles and its last refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardView {
    /// ICCID or EID.
    pub number: String,
    /// Which of the two.
    pub kind: CardKind,
    /// Whose it is.
    pub account: String,
    /// One of the API's card statuses.
    pub status: String,
    /// The platform's note.
    pub label: String,
    /// When its last refresh was accepted.
    pub accepted_at: Option<UnixMs>,
    /// Its profiles by ICCID.
    pub profiles: Vec<ProfileView>,
    /// Its last refresh.
    pub refresh: Option<RefreshView>,
    /// The platform's own packages, in the order in which they are booked.
    pub packages: Vec<PackageView>,
    /// Bytes that no package had room for.
    pub overage: u64,
    /// How many of them there were when the card got its first package.
    pub overage_base: u64,
}

/// Which cards of an account a list shows.
#[derive(Clone, Debug, Default)]
pub struct CardFilter {
    /// Only those in this status.
    pub status: Option<String>,
    /// Only these numbers; empty means all.
    pub numbers: Vec<String>,
}

row! {
    pub(crate) struct CardRow {
        number: String,
        kind: String,
        account: String,
        status: String,
        label: String,
        accepted_at: Option<i64>,
        overage: i64,
        overage_base: i64,
    }
}

row! {
    pub(crate) struct ProfileRow {
        pub(crate) card: String,
        pub(crate) iccid: String,
        pub(crate) operator_account: String,
        status: Option<String>,
        raw_status: Option<String>,
        pub(crate) period_kind: Option<String>,
        pub(crate) period_key: Option<String>,
        period_start: Option<i64>,
        period_end: Option<i64>,
        pub(crate) used: Option<i64>,
        pub(crate) total: Option<i64>,
        pub(crate) as_of: Option<i64>,
        pub(crate) began_at: Option<i64>,
        synced_at: Option<i64>,
        meter: Option<String>,
    }
}

macro_rules! profile_columns {
    () => {
        "profile.card, profile.iccid, profile.operator_account, profile.status, profile.raw_status, \
         profile.period_kind, profile.period_key, profile.period_start, profile.period_end, profile.used, \
         profile.total, profile.as_of, profile.began_at, profile.synced_at, profile.meter"
    };
}
pub(crate) use profile_columns;

impl ProfileRow {
    /// What the next reading is counted from.
    pub(crate) fn meter(&self) -> Result<Option<Last>, StoreError> {
        let parse = |json: &String| {
            serde_json::from_str(json)
                .map_err(|error| StoreError::Corrupt(format!("meter of profile {}: {error}", self.iccid)))
        };
        self.meter.as_ref().map(parse).transpose()
    }

    pub(crate) fn view(self) -> Result<ProfileView, StoreError> {
        let meter = self.meter()?;
        let counted = meter.as_ref().map(|last| (last.cycle, last.counted));
        let bundles = meter.map(|last| last.bundles).unwrap_or_default();
        let kind = self.period_kind.as_deref().and_then(PeriodKind::parse);
        Ok(ProfileView {
            bundles,
            counted,
            iccid: self.iccid,
            operator_account: self.operator_account,
            status: self.status.as_deref().and_then(ProfileStatus::parse),
            raw_status: self.raw_status,
            used: self.used.map(from_db),
            total: self.total.map(from_db),
            period: kind.map(|kind| Period {
                kind,
                key: self.period_key.unwrap_or_default(),
                start: self.period_start.map(UnixMs),
                end: self.period_end.map(UnixMs),
            }),
            as_of: self.as_of.map(UnixMs),
            began_at: self.began_at.map(UnixMs),
            synced_at: self.synced_at.map(UnixMs),
        })
    }
}

#[derive(Serialize)]
struct Key<'a> {
    k: &'a str,
}

/// A card, and its newest refresh where its row does not name that yet.
#[derive(Serialize)]
struct Newest<'a> {
    k: &'a str,
    unnoted: Option<&'a str>,
}

fn keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<String, StoreError> {
    rows(&keys.into_iter().map(|k| Key { k }).collect::<Vec<_>>())
}

macro_rules! card_columns {
    () => {
        "card.number, card.kind, card.account, card.status, card.label, card.accepted_at, \
         card.overage, card.overage_base"
    };
}
pub(crate) use card_columns;

impl CardRow {
    pub(crate) fn number(&self) -> &str {
        &self.number
    }
}

impl Store {
    /// One card of an account.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn card(
        &self,
        account: &str,
        kind: CardKind,
        number: &str,
    ) -> Result<Option<CardView>, StoreError> {
        Ok(self.card_of_any(number).await?.filter(|card| card.account == account && card.kind == kind))
    }

    /// One card, whoever's it is: for the platform itself.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn card_of_any(&self, number: &str) -> Result<Option<CardView>, StoreError> {
        let select = Sql::both(concat!("SELECT ", card_columns!(), " FROM card WHERE number = $1"));
        let found: Vec<CardRow> =
            reading!(self, |pool, sql| sqlx::query_as(sql(select)).bind(number).fetch_all(pool).await?);
        Ok(self.complete(found).await?.pop())
    }

    /// A page of an account's cards by number: at most `limit`, after skipping `offset`.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn cards(
        &self,
        account: &str,
        kind: CardKind,
        filter: &CardFilter,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<CardView>, StoreError> {
        let found: Vec<CardRow> = if filter.numbers.is_empty() {
            let select = Sql::both(concat!(
                "SELECT ",
                card_columns!(),
                " FROM card WHERE account = $1 AND kind = $2 AND ($3 IS NULL OR status = $3) \
                 ORDER BY number LIMIT $4 OFFSET $5"
            ));
            reading!(self, |pool, sql| {
                sqlx::query_as(sql(select))
                    .bind(account)
                    .bind(kind.as_str())
                    .bind(&filter.status)
                    .bind(limit)
                    .bind(offset)
                    .fetch_all(pool)
                    .await?
            })
        } else {
            let select = bulk!(
                concat!("SELECT ", card_columns!(), " FROM card JOIN "),
                [k text],
                " AS wanted ON wanted.k = card.number WHERE card.account = $2 AND card.kind = $3 \
                 AND ($4 IS NULL OR card.status = $4) ORDER BY card.number LIMIT $5 OFFSET $6"
            );
            let wanted: std::collections::BTreeSet<&str> =
                filter.numbers.iter().map(String::as_str).collect();
            let wanted = keys(wanted)?;
            reading!(self, |pool, sql| {
                sqlx::query_as(sql(select))
                    .bind(&wanted)
                    .bind(account)
                    .bind(kind.as_str())
                    .bind(&filter.status)
                    .bind(limit)
                    .bind(offset)
                    .fetch_all(pool)
                    .await?
            })
        };
        self.complete(found).await
    }

    /// The next cards of every account by number, after `after`: for export.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn cards_after(
        &self,
        account: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<CardView>, StoreError> {
        let select = Sql::both(concat!(
            "SELECT ",
            card_columns!(),
            " FROM card WHERE number > $1 AND ($2 IS NULL OR account = $2) ORDER BY number LIMIT $3"
        ));
        let found: Vec<CardRow> = reading!(self, |pool, sql| {
            sqlx::query_as(sql(select)).bind(after).bind(account).bind(limit).fetch_all(pool).await?
        });
        self.complete(found).await
    }

    /// Adds profiles, packages and last refreshes: three more statements, however many cards.
    pub(crate) async fn complete(&self, found: Vec<CardRow>) -> Result<Vec<CardView>, StoreError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let profiles_of = bulk!(
            concat!("SELECT ", profile_columns!(), " FROM profile JOIN "),
            [k text],
            " AS wanted ON wanted.k = profile.card ORDER BY profile.card, profile.iccid"
        );
        let refreshes_of = bulk!(
            "SELECT refresh.* FROM ",
            [k text, unnoted text],
            " AS wanted JOIN card ON card.number = wanted.k JOIN refresh ON refresh.id = \
             CASE WHEN wanted.unnoted > COALESCE(card.last_refresh, '') THEN wanted.unnoted ELSE card.last_refresh END"
        );
        let packages_of = bulk!(
            "SELECT package.* FROM package JOIN ",
            [k text],
            " AS wanted ON wanted.k = package.card"
        );
        let numbers = keys(found.iter().map(|card| card.number.as_str()))?;
        let unnoted = self.unnoted(found.iter().map(|card| card.number.as_str())).await?;
        let newest = found
            .iter()
            .map(|card| Newest { k: &card.number, unnoted: unnoted.get(&card.number).map(String::as_str) });
        let newest = rows(&newest.collect::<Vec<_>>())?;
        let (profiles, refreshes, packages): (Vec<ProfileRow>, Vec<RefreshRow>, Vec<PackageRow>) =
            reading!(self, |pool, sql| {
                let profiles = sqlx::query_as(sql(profiles_of)).bind(&numbers).fetch_all(pool).await?;
                let refreshes = sqlx::query_as(sql(refreshes_of)).bind(&newest).fetch_all(pool).await?;
                let packages = sqlx::query_as(sql(packages_of)).bind(&numbers).fetch_all(pool).await?;
                (profiles, refreshes, packages)
            });
        let mut profiles_by_card: HashMap<String, Vec<ProfileView>> = HashMap::new();
        for row in profiles {
            profiles_by_card.entry(row.card.clone()).or_default().push(row.view()?);
        }
        let mut packages_by_card: HashMap<String, Vec<PackageView>> = HashMap::new();
        for row in packages {
            packages_by_card.entry(row.card.clone()).or_default().push(row.view());
        }
        for packages in packages_by_card.values_mut() {
            packages.sort_by(|one, other| one.package.before(&other.package));
        }
        let mut refreshes_by_card = HashMap::new();
        for row in refreshes {
            refreshes_by_card.insert(row.card.clone(), row.view()?);
        }
        found
            .into_iter()
            .map(|card| {
                let refresh = refreshes_by_card.remove(&card.number);
                let accepted_at = refresh.as_ref().map(|refresh| refresh.accepted_at);
                Ok(CardView {
                    kind: kind_of(&card.kind)?,
                    profiles: profiles_by_card.remove(&card.number).unwrap_or_default(),
                    packages: packages_by_card.remove(&card.number).unwrap_or_default(),
                    overage: from_db(card.overage),
                    overage_base: from_db(card.overage_base),
                    refresh,
                    number: card.number,
                    account: card.account,
                    status: card.status,
                    label: card.label,
                    accepted_at: accepted_at.or(card.accepted_at.map(UnixMs)),
                })
            })
            .collect()
    }
}
