//! How a table is described for copying.

/// Which edition of the program wrote a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    This,
    First,
}

/// A table as it is copied.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Its name in the first edition.
    pub(super) first: &'static str,
    /// Whether only an upgrade takes it along. A copy leaves out leases, which belong to processes, sessions,
    /// which people begin anew, and counts per minute.
    pub(super) only_upgrade: bool,
    pub(super) columns: &'static [Column],
    /// A unique key by which it is paged, of columns that are never null.
    pub(super) key: &'static [&'static str],
}

pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) first: First,
}

/// Where a column comes from in the first edition.
pub(super) enum First {
    /// A column of the same name.
    Same,
    /// This expression.
    From(&'static str),
    /// Nowhere: the new store gives it, or `upgrade/` writes it.
    Nowhere,
}

/// What a column holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A text that must be readable as what it stands for.
    Checked(fn(&str) -> bool),
    /// Any integer.
    Int,
    /// An integer that is never negative.
    Amount,
    /// Bytes. They travel as hex.
    Blob,
    /// A card's id; in the first edition its number.
    Card,
    /// The id of a profile of the row's card; in the first edition its ICCID.
    Profile,
    /// The same; 0, in the first edition an empty text, where it is none.
    ProfileOrNone,
    /// Comma-separated ids of profiles of the row's card; in the first edition ICCIDs.
    Profiles,
}

impl Kind {
    /// The type in the JSON that rows travel as, in PostgreSQL's words.
    pub(super) fn type_in(self, edition: Edition) -> &'static str {
        match (self, edition) {
            (Self::Int | Self::Amount, _) => "bigint",
            (Self::Card | Self::Profile | Self::ProfileOrNone, Edition::This) => "bigint",
            _ => "text",
        }
    }
}

impl Table {
    /// Its name in a store of that edition.
    pub(super) fn name_in(&self, edition: Edition) -> &'static str {
        match edition {
            Edition::This => self.name,
            Edition::First => self.first,
        }
    }

    /// The columns that come from a store of that edition.
    pub(super) fn columns_from(&self, edition: Edition) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(move |column| column.source(edition).is_some())
    }

    /// The key's columns.
    pub(super) fn key_columns(&self) -> impl Iterator<Item = &'static Column> {
        self.key.iter().filter_map(|name| self.columns.iter().find(|column| column.name == *name))
    }
}

impl Column {
    /// The expression that gives it in a store of that edition.
    pub(super) fn source(&self, edition: Edition) -> Option<String> {
        match (edition, &self.first) {
            (Edition::This, _) | (Edition::First, First::Same) => Some(self.quoted()),
            (Edition::First, First::From(expression)) => Some((*expression).to_owned()),
            (Edition::First, First::Nowhere) => None,
        }
    }

    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }
}
