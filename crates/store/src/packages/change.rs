//! The platform's own packages on cards, and the books.

use crate::Store;
use crate::audit::audit;
use crate::db::{NO_ROWS, Sql, bulk, from_db, reading, rows, to_db, writing};
use crate::error::StoreError;
use crate::row::row;
use serde::Serialize;
use simgauge_domain::metering::booking::{Entry, Ledger, Package, Target};
use simgauge_domain::metering::change::ChangeError;
use simgauge_domain::time::UnixMs;

/// A package of a card with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageView {
    /// A name to show.
    pub name: String,
    /// The package as bookings see it.
    pub package: Package,
}

/// A package to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPackage {
    /// The card's number.
    pub card: String,
    /// Names it within its card.
    pub code: String,
    /// A name to show.
    pub name: String,
    /// Bytes in all; `None` means unlimited.
    pub total: Option<u64>,
    /// First instant; `None` means since ever.
    pub valid_from: Option<UnixMs>,
    /// First instant after it; `None` means it never expires.
    pub valid_to: Option<UnixMs>,
}

/// Why packages stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// No such card.
    #[error("there is no card {0}")]
    NoCard(String),
    /// The card has a package of that code.
    #[error("the card has a package {0:?} already")]
    Exists(String),
    /// The card has no package of that code.
    #[error("the card has no package {0:?}")]
    Unknown(String),
    /// It would never be valid.
    #[error("the package {0:?} would end before it begins")]
    Empty(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for PackageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

row! {
    pub(crate) struct PackageRow {
        pub(crate) card: String,
        code: String,
        name: String,
        total: Option<i64>,
        valid_from: Option<i64>,
        valid_to: Option<i64>,
        booked: i64,
    }
}

impl PackageRow {
    pub(crate) fn package(self) -> Package {
        self.view().package
    }

    pub(crate) fn view(self) -> PackageView {
        PackageView {
            name: self.name,
            package: Package {
                code: self.code,
                total: self.total.map(from_db),
                valid_from: self.valid_from.map(UnixMs),
                valid_to: self.valid_to.map(UnixMs),
                booked: from_db(self.booked),
            },
        }
    }
}

pub(crate) const INSERT_BOOKINGS: Sql = bulk!(
    "INSERT INTO booking (card, began_at, iccid, line, package, bytes) \
     SELECT card, began_at, iccid, line, package, bytes FROM ",
    [card text, began_at bigint, iccid text, line bigint, package text, bytes bigint],
    " AS new_booking"
);

pub(crate) const UPDATE_PACKAGES: Sql = bulk!(
    "UPDATE package SET booked = p.booked FROM ",
    [card text, code text, booked bigint],
    " AS p WHERE package.card = p.card AND package.code = p.code"
);

pub(crate) const UPDATE_OVERAGES: Sql = bulk!(
    "UPDATE card SET overage = c.overage FROM ",
    [number text, overage bigint],
    " AS c WHERE card.number = c.number"
);

/// A line of the books that a change of packages makes.
#[derive(Serialize)]
struct Moved<'a> {
    card: &'a str,
    began_at: i64,
    iccid: &'a str,
    line: i64,
    package: Option<&'a str>,
    bytes: i64,
}

/// A change of one card's packages.
enum Change<'a> {
    Add(&'a NewPackage),
    SetTotal(&'a str, Option<u64>),
    CoverOverage(&'a str),
    Remove(&'a str),
}

impl Change<'_> {
    fn for_the_audit(&self) -> (&'static str, String) {
        let total = |total: Option<u64>| total.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        match self {
            Self::Add(new) => ("package.add", format!("code={} total={}", new.code, total(new.total))),
            Self::SetTotal(code, bytes) => ("package.total", format!("code={code} total={}", total(*bytes))),
            Self::CoverOverage(code) => ("package.cover_overage", format!("code={code}")),
            Self::Remove(code) => ("package.remove", format!("code={code}")),
        }
    }
}

impl Store {
    /// Adds a package. Bytes used before stay where they are booked.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn add_package(&self, new: &NewPackage, now: UnixMs) -> Result<(), PackageError> {
        self.change_packages(&new.card, &Change::Add(new), now).await
    }

    /// Changes a package's total: more is a top-up; of less, what is booked beyond it becomes overage.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn set_package_total(
        &self,
        card: &str,
        code: &str,
        total: Option<u64>,
        now: UnixMs,
    ) -> Result<(), PackageError> {
        self.change_packages(card, &Change::SetTotal(code, total), now).await
    }

    /// Moves overage onto a package as far as it has room.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn cover_overage(&self, card: &str, code: &str, now: UnixMs) -> Result<(), PackageError> {
        self.change_packages(card, &Change::CoverOverage(code), now).await
    }

    /// Removes a package that was entered by mistake; what was booked on it becomes overage.
    ///
    /// # Errors
    /// [`PackageError`].
    pub async fn remove_package(&self, card: &str, code: &str, now: UnixMs) -> Result<(), PackageError> {
        self.change_packages(card, &Change::Remove(code), now).await
    }

    async fn change_packages(
        &self,
        number: &str,
        change: &Change<'_>,
        now: UnixMs,
    ) -> Result<(), PackageError> {
        let lock = Sql {
            sqlite: "SELECT overage FROM card WHERE number = $1",
            postgres: "SELECT overage FROM card WHERE number = $1 FOR UPDATE",
        };
        let packages_of = Sql::both("SELECT * FROM package WHERE card = $1");
        let next_line = Sql::both(
            "SELECT COALESCE(max(line) + 1, 0) FROM booking WHERE card = $1 AND began_at = $2 AND iccid = ''",
        );
        let insert = Sql::both(
            "INSERT INTO package (card, code, name, total, valid_from, valid_to, booked, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
        );
        let update = Sql::both("UPDATE package SET total = $3, booked = $4 WHERE card = $1 AND code = $2");
        let delete = Sql::both("DELETE FROM package WHERE card = $1 AND code = $2");
        let overage = Sql::both("UPDATE card SET overage = $2 WHERE number = $1");
        let base = Sql::both("UPDATE card SET overage_base = overage WHERE number = $1");
        writing!(self, |tx, sql| {
            let before: Option<i64> =
                sqlx::query_scalar(sql(lock)).bind(number).fetch_optional(&mut *tx).await?;
            let before = before.ok_or_else(|| PackageError::NoCard(number.to_owned()))?;
            let found: Vec<PackageRow> =
                sqlx::query_as(sql(packages_of)).bind(number).fetch_all(&mut *tx).await?;
            let packages = found.into_iter().map(PackageRow::package).collect();
            let mut ledger = Ledger { packages, overage: from_db(before) };
            let entries = apply(&mut ledger, change)?;
            let line: i64 =
                sqlx::query_scalar(sql(next_line)).bind(number).bind(now.0).fetch_one(&mut *tx).await?;
            let moved = rows(&moved(number, now, line, &entries))?;
            if moved != NO_ROWS {
                sqlx::query(sql(INSERT_BOOKINGS)).bind(&moved).execute(&mut *tx).await?;
                sqlx::query(sql(overage)).bind(number).bind(to_db(ledger.overage)).execute(&mut *tx).await?;
            }
            match change {
                Change::Add(new) => {
                    if ledger.packages.len() == 1 {
                        sqlx::query(sql(base)).bind(number).execute(&mut *tx).await?;
                    }
                    sqlx::query(sql(insert))
                        .bind(number)
                        .bind(&new.code)
                        .bind(&new.name)
                        .bind(new.total.map(to_db))
                        .bind(new.valid_from.map(|at| at.0))
                        .bind(new.valid_to.map(|at| at.0))
                        .bind(now.0)
                        .execute(&mut *tx)
                        .await?;
                }
                Change::Remove(code) => {
                    sqlx::query(sql(delete)).bind(number).bind(*code).execute(&mut *tx).await?;
                }
                Change::SetTotal(code, _) | Change::CoverOverage(code) => {
                    let Some(package) = ledger.packages.iter().find(|package| package.code == **code) else {
                        return Err(PackageError::Unknown((*code).to_owned()));
                    };
                    sqlx::query(sql(update))
                        .bind(number)
                        .bind(*code)
                        .bind(package.total.map(to_db))
                        .bind(to_db(package.booked))
                        .execute(&mut *tx)
                        .await?;
                }
            }
            let (action, detail) = change.for_the_audit();
            audit!(self.actor, tx, sql, action, number, detail);
        });
        Ok(())
    }

    /// The sum of everything booked on a card, packages and overage, by its books.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn booked_sum(&self, card: &str) -> Result<i64, StoreError> {
        let sum = Sql::both("SELECT CAST(COALESCE(sum(bytes), 0) AS BIGINT) FROM booking WHERE card = $1");
        reading!(self, |pool, sql| Ok(sqlx::query_scalar(sql(sum)).bind(card).fetch_one(pool).await?))
    }
}

fn apply(ledger: &mut Ledger, change: &Change<'_>) -> Result<Vec<Entry>, PackageError> {
    let (code, result) = match change {
        Change::Add(new) => {
            let package = Package {
                code: new.code.clone(),
                total: new.total,
                valid_from: new.valid_from,
                valid_to: new.valid_to,
                booked: 0,
            };
            (new.code.as_str(), ledger.add_package(package).map(|()| Vec::new()))
        }
        Change::SetTotal(code, total) => (*code, ledger.set_total(code, *total)),
        Change::CoverOverage(code) => (*code, ledger.cover_overage(code)),
        Change::Remove(code) => (*code, ledger.remove_package(code)),
    };
    result.map_err(|error| match error {
        ChangeError::Exists => PackageError::Exists(code.to_owned()),
        ChangeError::Unknown => PackageError::Unknown(code.to_owned()),
        ChangeError::Empty => PackageError::Empty(code.to_owned()),
    })
}

fn moved<'a>(card: &'a str, now: UnixMs, first_line: i64, entries: &'a [Entry]) -> Vec<Moved<'a>> {
    (first_line..)
        .zip(entries)
        .map(|(line, entry)| Moved {
            card,
            began_at: now.0,
            iccid: "",
            line,
            package: match &entry.target {
                Target::Package(code) => Some(code.as_str()),
                Target::Overage => None,
            },
            bytes: entry.bytes,
        })
        .collect()
}
