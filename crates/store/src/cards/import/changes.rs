//! What an import changed, card by card. The audit's entry about the import stands for the list.

use super::plan::PlannedChange;
use crate::backend::{Sql, Tx, bulk, row, rows};
use crate::error::StoreError;
use crate::store::Store;
use serde::Serialize;
use simgauge_domain::ids::CardId;
use std::collections::BTreeMap;
use std::fmt;

const INSERT: Sql = bulk!(
    "INSERT INTO import_change (entry, card, field, before, after) \
     SELECT $2, card, field, before, after FROM ",
    [card bigint, field text, before text, after text],
    " AS new_change WHERE true"
);
const LIST: Sql = Sql::both(
    "SELECT import_change.card, card.number, import_change.field, import_change.before, import_change.after \
     FROM import_change JOIN card ON card.id = import_change.card WHERE import_change.entry = $1 AND \
     (import_change.card, import_change.field) > ($2, $3) ORDER BY import_change.card, import_change.field \
     LIMIT $4",
);

row! {
    /// Something that an import changed on a card that was known before.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct CardChange {
        /// The card's id.
        pub card: i64,
        /// Its number.
        pub number: String,
        /// `status`, `label`, or `profile` with its ICCID, whose operator account it is.
        pub field: String,
        /// What it was; nothing for a profile that the import added.
        pub before: Option<String>,
        /// What it is.
        pub after: String,
    }
}

#[derive(Serialize)]
struct NewChange<'a> {
    card: CardId,
    field: &'a str,
    before: Option<&'a str>,
    after: &'a str,
}

/// The changes of an import that runs.
#[derive(Default)]
pub(super) struct Changes {
    /// How many cards are new, and the lowest and highest of their ids.
    new: usize,
    ids: Option<(i64, i64)>,
    /// By card and field: from what it was before the import, to what it is after it.
    known: BTreeMap<(CardId, String), (Option<String>, String)>,
}

impl Changes {
    pub(super) fn add_new(&mut self, ids: impl Iterator<Item = i64>) {
        for id in ids {
            self.new += 1;
            let (first, last) = self.ids.unwrap_or((id, id));
            self.ids = Some((first.min(id), last.max(id)));
        }
    }

    pub(super) fn add(&mut self, changes: Vec<PlannedChange>) {
        for PlannedChange { card, field, before, after } in changes {
            let (_, last) = self.known.entry((card, field)).or_insert_with(|| (before, String::new()));
            *last = after;
        }
    }

    /// Writes the list of an audit entry.
    pub(super) async fn write(&self, tx: &mut impl Tx, entry: i64) -> Result<(), StoreError> {
        if self.known.is_empty() {
            return Ok(());
        }
        let changes = self.known.iter().map(|((card, field), (before, after))| NewChange {
            card: *card,
            field,
            before: before.as_deref(),
            after,
        });
        let changes = rows(&changes.collect::<Vec<_>>())?;
        tx.run(INSERT, &[(&changes).into(), entry.into()]).await?;
        Ok(())
    }
}

/// For the audit: `new=2 ids=7-8 changes=1`.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "new={}", self.new)?;
        if let Some((first, last)) = self.ids {
            write!(f, " ids={first}-{last}")?;
        }
        write!(f, " changes={}", self.known.len())
    }
}

impl Store {
    /// What the import of an audit entry changed on cards that were known before: at most `limit` changes
    /// after this one, by card and field.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn import_changes(
        &self,
        entry: i64,
        after: Option<&CardChange>,
        limit: i64,
    ) -> Result<Vec<CardChange>, StoreError> {
        let (card, field) = after.map_or((0, ""), |change| (change.card, change.field.as_str()));
        self.db.all(LIST, &[entry.into(), card.into(), field.into(), limit.into()]).await
    }
}
