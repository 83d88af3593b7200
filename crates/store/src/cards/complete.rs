//! Cards with all that belongs to them.

use super::kind::kind_of;
use super::rows::{CardRow, ProfileRow, profile_columns};
use super::view::{CardView, ProfileView};
use crate::backend::{Sql, Tx, bulk, from_db, keys, rows};
use crate::error::StoreError;
use crate::packages::rows::{PackageRow, PackageView};
use crate::refreshes::rows::RefreshRow;
use crate::store::Store;
use serde::Serialize;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;

const PROFILES: Sql = bulk!(
    concat!("SELECT ", profile_columns!(), " FROM "),
    [k bigint],
    " AS wanted CROSS JOIN profile WHERE profile.card = wanted.k ORDER BY profile.card, profile.iccid"
);
const REFRESHES: Sql = bulk!(
    "SELECT refresh.* FROM ",
    [card bigint, deferred text],
    " AS wanted CROSS JOIN card CROSS JOIN refresh WHERE card.id = wanted.card AND refresh.id = \
     CASE WHEN wanted.deferred > COALESCE(card.last_refresh, '') THEN wanted.deferred ELSE \
     card.last_refresh END"
);
const PACKAGES: Sql = bulk!(
    "SELECT package.* FROM ",
    [k bigint],
    " AS wanted CROSS JOIN package WHERE package.card = wanted.k"
);

/// A card, and its latest refresh where its row does not name that yet.
#[derive(Serialize)]
struct Latest<'a> {
    card: CardId,
    deferred: Option<&'a str>,
}

impl Store {
    /// Adds profiles, packages and latest refreshes: three more statements, however many cards.
    pub(crate) async fn complete(&self, found: Vec<CardRow>) -> Result<Vec<CardView>, StoreError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<CardId> = found.iter().map(CardRow::id).collect();
        // Before the rows are read.
        let deferred = self.deferred(&ids).await?;
        let latest = ids
            .iter()
            .map(|card| Latest { card: *card, deferred: deferred.get(card).map(RefreshId::as_str) });
        let latest = rows(&latest.collect::<Vec<_>>())?;
        let ids = keys(&ids)?;
        let mut session = self.db.read().await?;
        let profiles: Vec<ProfileRow> = session.all(PROFILES, &[(&ids).into()]).await?;
        let refreshes: Vec<RefreshRow> = session.all(REFRESHES, &[(&latest).into()]).await?;
        let packages: Vec<PackageRow> = session.all(PACKAGES, &[(&ids).into()]).await?;
        drop(session);
        let mut parts = Parts::of(profiles, refreshes, packages)?;
        found.into_iter().map(|card| parts.join(card)).collect()
    }
}

/// What belongs to cards.
struct Parts {
    profiles: HashMap<CardId, Vec<ProfileView>>,
    refreshes: HashMap<CardId, RefreshRow>,
    packages: HashMap<CardId, Vec<PackageView>>,
}

impl Parts {
    fn of(
        profiles: Vec<ProfileRow>,
        refreshes: Vec<RefreshRow>,
        packages: Vec<PackageRow>,
    ) -> Result<Self, StoreError> {
        let mut parts = Self {
            profiles: HashMap::new(),
            refreshes: refreshes.into_iter().map(|row| (row.card(), row)).collect(),
            packages: HashMap::new(),
        };
        for row in profiles {
            parts.profiles.entry(row.card()).or_default().push(row.view()?);
        }
        for row in packages {
            parts.packages.entry(CardId(row.card)).or_default().push(row.view()?);
        }
        for packages in parts.packages.values_mut() {
            packages.sort_by(|one, other| one.package.before(&other.package));
        }
        Ok(parts)
    }

    fn join(&mut self, card: CardRow) -> Result<CardView, StoreError> {
        let id = card.id();
        let refresh = self.refreshes.remove(&id).map(|row| row.view(card.number.clone())).transpose()?;
        let accepted_at = refresh.as_ref().map(|refresh| refresh.accepted_at);
        Ok(CardView {
            id,
            kind: kind_of(&card.kind)?,
            profiles: self.profiles.remove(&id).unwrap_or_default(),
            packages: self.packages.remove(&id).unwrap_or_default(),
            overage: from_db(card.overage, format_args!("overage of card {id}"))?,
            overage_base: from_db(card.overage_base, format_args!("overage_base of card {id}"))?,
            refresh,
            number: card.number,
            account: card.account,
            status: card.status,
            label: card.label,
            accepted_at: accepted_at.or(card.accepted_at.map(UnixMs)),
        })
    }
}
