//! The statements that copy one table, made of its description.

use super::table::{Column, Edition, Kind, Table};
use super::tables::TABLES;
use crate::backend::Sql;
use std::sync::LazyLock;

/// A text in both dialects, made while the program runs.
struct Text {
    sqlite: String,
    postgres: String,
}

/// What copies one table out of a store of one edition.
pub(super) struct Statements {
    pub(super) table: &'static Table,
    edition: Edition,
    first_page: Text,
    next_page: Text,
    unlinked: Option<Text>,
    insert: Text,
    source_sums: Text,
    target_sums: Text,
}

static COPY: LazyLock<Vec<Statements>> = LazyLock::new(|| all(Edition::This));
static UPGRADE: LazyLock<Vec<Statements>> = LazyLock::new(|| all(Edition::First));

fn all(edition: Edition) -> Vec<Statements> {
    let tables = TABLES.iter().filter(|table| match edition {
        Edition::First => !table.first.is_empty(),
        Edition::This => !table.only_upgrade,
    });
    tables.map(|table| Statements::of(table, edition)).collect()
}

impl Text {
    fn sql(&'static self) -> Sql {
        Sql { sqlite: &self.sqlite, postgres: &self.postgres }
    }

    /// The text that differs in what `part` makes for a dialect.
    fn of(part: impl Fn(Dialect) -> String) -> Self {
        Self { sqlite: part(Dialect::Sqlite), postgres: part(Dialect::Postgres) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

impl Statements {
    /// Every table out of a store of that edition, those that others refer to first.
    pub(super) fn from(edition: Edition) -> &'static [Self] {
        match edition {
            Edition::This => &COPY,
            Edition::First => &UPGRADE,
        }
    }

    /// The next rows after a key (`$2`, ...), each as one JSON object: at most `$1`.
    pub(super) fn page(&'static self, is_first: bool) -> Sql {
        if is_first { self.first_page.sql() } else { self.next_page.sql() }
    }

    /// Of a page, the key of a row that names a card or a profile which the target does not have.
    pub(super) fn unlinked(&'static self) -> Option<Sql> {
        self.unlinked.as_ref().map(Text::sql)
    }

    /// Adds a page. What is there already stays.
    pub(super) fn insert(&'static self) -> Sql {
        self.insert.sql()
    }

    /// The count of rows, then the sum of each numeric column and the total length of each text column, as a
    /// JSON array.
    pub(super) fn source_sums(&'static self) -> Sql {
        self.source_sums.sql()
    }

    /// The same of the target.
    pub(super) fn target_sums(&'static self) -> Sql {
        self.target_sums.sql()
    }

    /// The columns that a row of a page has.
    pub(super) fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.table.columns_from(self.edition)
    }

    fn of(table: &'static Table, edition: Edition) -> Self {
        let in_source = |column: &Column| column.source(edition).unwrap_or_default();
        let in_target = |column: &Column| match edition {
            Edition::This => column.quoted(),
            Edition::First => as_the_first_edition_had_it(column, table),
        };
        Self {
            table,
            edition,
            first_page: Text::of(|dialect| page(table, edition, dialect, true)),
            next_page: Text::of(|dialect| page(table, edition, dialect, false)),
            unlinked: unlinked(table, edition),
            insert: Text::of(|dialect| insert(table, edition, dialect)),
            source_sums: sums(table, edition, table.name_in(edition), in_source),
            target_sums: sums(table, edition, table.name, in_target),
        }
    }
}

fn comma<T>(items: impl Iterator<Item = T>, text: impl FnMut(T) -> String) -> String {
    items.map(text).collect::<Vec<_>>().join(", ")
}

fn page(table: &'static Table, edition: Edition, dialect: Dialect, is_first: bool) -> String {
    let source = |column: &Column| column.source(edition).unwrap_or_default();
    let fields = comma(table.columns_from(edition), |column| {
        let value = source(column);
        let value = match (column.kind, dialect) {
            // hex() makes an empty text out of NULL.
            (Kind::Blob, Dialect::Sqlite) => format!("iif({value} IS NULL, NULL, hex({value}))"),
            (Kind::Blob, Dialect::Postgres) => format!("encode({value}, 'hex')"),
            _ => value,
        };
        format!("'{}', {value}", column.name)
    });
    let key = comma(table.key_columns(), source);
    let after = if is_first {
        String::new()
    } else {
        let bound = comma((2..).zip(table.key_columns()), |(index, _)| format!("${index}"));
        format!("WHERE ({key}) > ({bound})")
    };
    let object = match dialect {
        Dialect::Sqlite => format!("json_object({fields})"),
        Dialect::Postgres => format!("CAST(json_build_object({fields}) AS TEXT)"),
    };
    format!("SELECT {object} FROM {} {after} ORDER BY {key} LIMIT $1", table.name_in(edition))
}

/// A page as a derived table.
fn copied(table: &'static Table, edition: Edition, dialect: Dialect) -> String {
    let columns = table.columns_from(edition);
    match dialect {
        Dialect::Sqlite => {
            let fields =
                comma(columns, |column| format!("value->>'$.{}' AS {}", column.name, column.quoted()));
            format!("(SELECT {fields} FROM json_each($1)) AS copied")
        }
        Dialect::Postgres => {
            let fields =
                comma(columns, |column| format!("{} {}", column.quoted(), column.kind.type_in(edition)));
            format!("json_to_recordset($1::json) AS copied({fields})")
        }
    }
}

fn insert(table: &'static Table, edition: Edition, dialect: Dialect) -> String {
    let names = comma(table.columns_from(edition), Column::quoted);
    let values = comma(table.columns_from(edition), |column| value(column, edition, dialect));
    // An identity column takes the number it had.
    let overriding = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => "OVERRIDING SYSTEM VALUE",
    };
    // Without WHERE, SQLite would read ON CONFLICT as a join's condition.
    format!(
        "INSERT INTO {} ({names}) {overriding} SELECT {values} FROM {} WHERE true ON CONFLICT DO NOTHING",
        table.name,
        copied(table, edition, dialect)
    )
}

/// What a column becomes in the target. Null where it names a card or a profile that is not there.
fn value(column: &Column, edition: Edition, dialect: Dialect) -> String {
    let name = format!("copied.{}", column.quoted());
    match (column.kind, edition, dialect) {
        (Kind::Blob, _, Dialect::Sqlite) => format!("unhex({name})"),
        (Kind::Blob, _, Dialect::Postgres) => format!("decode({name}, 'hex')"),
        (Kind::Card, Edition::First, _) => format!("(SELECT card.id FROM card WHERE card.number = {name})"),
        (Kind::Profile, Edition::First, _) => profile(&name),
        (Kind::ProfileOrNone, Edition::First, _) => {
            format!("CASE WHEN {name} = '' THEN 0 ELSE {} END", profile(&name))
        }
        (Kind::Profiles, Edition::First, _) => profiles(&name, dialect),
        _ => name,
    }
}

/// The id of the profile of the row's card that has this ICCID.
fn profile(iccid: &str) -> String {
    format!(
        "(SELECT profile.id FROM profile JOIN card ON card.id = profile.card \
         WHERE card.number = copied.card AND profile.iccid = {iccid})"
    )
}

/// Comma-separated ICCIDs as comma-separated ids, in the same order.
fn profiles(name: &str, dialect: Dialect) -> String {
    let (parts, ids) = match dialect {
        Dialect::Sqlite => (
            format!(
                "(SELECT key AS place, value AS iccid FROM \
                 json_each(iif({name} = '', '[]', '[\"' || replace({name}, ',', '\",\"') || '\"]')))"
            ),
            "group_concat(id, ',' ORDER BY place)",
        ),
        Dialect::Postgres => (
            format!(
                "(SELECT place, iccid FROM unnest(string_to_array({name}, ',')) \
                 WITH ORDINALITY AS one(iccid, place))"
            ),
            "string_agg(CAST(id AS TEXT), ',' ORDER BY place)",
        ),
    };
    // Looked up one by one: SQLite would read a whole join of cards and profiles for each row.
    format!(
        "(SELECT CASE WHEN count(*) = count(id) THEN COALESCE({ids}, '') END \
         FROM (SELECT place, {} AS id FROM {parts} AS part) AS known)",
        profile("part.iccid")
    )
}

fn unlinked(table: &'static Table, edition: Edition) -> Option<Text> {
    let is_link = |column: &&Column| {
        matches!(column.kind, Kind::Card | Kind::Profile | Kind::ProfileOrNone | Kind::Profiles)
    };
    if edition == Edition::This || !table.columns_from(edition).any(|column| is_link(&column)) {
        return None;
    }
    Some(Text::of(|dialect| {
        let links = table.columns_from(edition).filter(is_link);
        let missing: Vec<String> =
            links.map(|column| format!("{} IS NULL", value(column, edition, dialect))).collect();
        let key: Vec<String> =
            table.key_columns().map(|column| format!("CAST(copied.{} AS TEXT)", column.quoted())).collect();
        format!(
            "SELECT {} FROM {} WHERE {} LIMIT 1",
            key.join(" || ' ' || "),
            copied(table, edition, dialect),
            missing.join(" OR ")
        )
    }))
}

/// A column of the target as the first edition had it.
fn as_the_first_edition_had_it(column: &Column, table: &Table) -> String {
    let own = format!("{}.{}", table.name, column.quoted());
    match column.kind {
        Kind::Card => format!("(SELECT card.number FROM card WHERE card.id = {own})"),
        Kind::Profile | Kind::ProfileOrNone => {
            format!("(SELECT profile.iccid FROM profile WHERE profile.id = {own})")
        }
        _ => own,
    }
}

fn sums(table: &'static Table, edition: Edition, name: &str, value: impl Fn(&Column) -> String) -> Text {
    let sums = comma(table.columns_from(edition), |column| {
        let value = value(column);
        let counted = match (column.kind, column.kind.type_in(edition)) {
            // Sums of times exceed 64 bits at a few million rows, so each is taken modulo a prime.
            (_, "bigint") => format!("{value} % 1000000007"),
            // Ids and ICCIDs differ in length, not in how many there are.
            (Kind::Profiles, _) => format!(
                "CASE WHEN {value} = '' THEN 0 ELSE 1 + length({value}) - length(replace({value}, ',', '')) \
                 END"
            ),
            _ => format!("length({value})"),
        };
        format!("CAST(COALESCE(sum({counted}), 0) AS BIGINT)")
    });
    Text {
        sqlite: format!("SELECT json_array(count(*), {sums}) FROM {name}"),
        postgres: format!("SELECT CAST(json_build_array(count(*), {sums}) AS TEXT) FROM {name}"),
    }
}
