//! Changes of a card's packages by people, and their lines in the books.

use super::rows::{INSERT_BOOKINGS, PackageRow};
use crate::backend::{NO_ROWS, Param, Sql, Transaction, Tx as _, from_db, rows, to_db};
use crate::error::StoreError;
use crate::store::Store;
use serde::Serialize;
use simgauge_domain::ids::CardId;
use simgauge_domain::metering::booking::{Entry, Ledger, Package, Target};
use simgauge_domain::metering::change::ChangeError;
use simgauge_domain::time::UnixMs;

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

/// A line of the books that a change of packages makes.
#[derive(Serialize)]
struct NewBooking<'a> {
    card: CardId,
    began_at: UnixMs,
    /// 0: no reading.
    profile: i64,
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
    fn as_audit_entry(&self) -> (&'static str, String) {
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

    /// Changes a package's total: more is a top-up; with less, bytes booked beyond it become overage.
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

    /// Removes a package that was entered by mistake; bytes booked on it become overage.
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
            sqlite: "SELECT id, overage FROM card WHERE number = $1",
            postgres: "SELECT id, overage FROM card WHERE number = $1 FOR UPDATE",
        };
        let packages_of = Sql::both("SELECT * FROM package WHERE card = $1");
        let mut tx = self.db.write().await?;
        let Some((card, overage)) = tx.one::<(i64, i64)>(lock, &[number.into()]).await? else {
            return Err(PackageError::NoCard(number.to_owned()));
        };
        let card = CardId(card);
        let found: Vec<PackageRow> = tx.all(packages_of, &[card.into()]).await?;
        let packages = found.into_iter().map(PackageRow::package).collect::<Result<_, _>>()?;
        let mut ledger =
            Ledger { packages, overage: from_db(overage, format_args!("overage of card {number}"))? };
        let entries = apply(&mut ledger, change)?;
        book(&mut tx, card, now, &entries, ledger.overage).await?;
        write(&mut tx, card, change, &ledger, now).await?;
        let (action, detail) = change.as_audit_entry();
        Ok(self.commit_audited(tx, action, number, &detail).await?)
    }

    /// The sum of everything booked on a card, packages and overage, by its books.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn booked_sum(&self, card: CardId) -> Result<i64, StoreError> {
        let sum = Sql::both("SELECT CAST(COALESCE(sum(bytes), 0) AS BIGINT) FROM booking WHERE card = $1");
        Ok(self.db.one(sum, &[card.into()]).await?.unwrap_or_default())
    }
}

/// Writes what a change moved: the lines of the books, and the card's overage.
async fn book(
    tx: &mut Transaction,
    card: CardId,
    now: UnixMs,
    entries: &[Entry],
    overage: u64,
) -> Result<(), StoreError> {
    let next_line = Sql::both(
        "SELECT COALESCE(max(line) + 1, 0) FROM booking WHERE card = $1 AND began_at = $2 AND profile = 0",
    );
    let line = tx.one(next_line, &[card.into(), now.into()]).await?.unwrap_or_default();
    let moved = rows(&new_bookings(card, now, line, entries))?;
    if moved != NO_ROWS {
        tx.run(INSERT_BOOKINGS, &[(&moved).into()]).await?;
        let update = Sql::both("UPDATE card SET overage = $2 WHERE id = $1");
        tx.run(update, &[card.into(), to_db(overage)?.into()]).await?;
    }
    Ok(())
}

/// Writes the changed package itself.
async fn write(
    tx: &mut Transaction,
    card: CardId,
    change: &Change<'_>,
    ledger: &Ledger,
    now: UnixMs,
) -> Result<(), PackageError> {
    let insert = Sql::both(
        "INSERT INTO package (card, code, name, total, valid_from, valid_to, booked, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
    );
    let update = Sql::both("UPDATE package SET total = $3, booked = $4 WHERE card = $1 AND code = $2");
    let delete = Sql::both("DELETE FROM package WHERE card = $1 AND code = $2");
    let base = Sql::both("UPDATE card SET overage_base = overage WHERE id = $1");
    let total = |total: Option<u64>| -> Result<Param<'static>, StoreError> {
        Ok(total.map(to_db).transpose()?.into())
    };
    match change {
        Change::Add(new) => {
            if ledger.packages.len() == 1 {
                tx.run(base, &[card.into()]).await?;
            }
            let values = [
                card.into(),
                (&new.code).into(),
                (&new.name).into(),
                total(new.total)?,
                new.valid_from.into(),
                new.valid_to.into(),
                now.into(),
            ];
            tx.run(insert, &values).await?;
        }
        Change::Remove(code) => {
            tx.run(delete, &[card.into(), (*code).into()]).await?;
        }
        Change::SetTotal(code, _) | Change::CoverOverage(code) => {
            let Some(package) = ledger.packages.iter().find(|package| package.code == **code) else {
                return Err(PackageError::Unknown((*code).to_owned()));
            };
            let booked = to_db(package.booked)?.into();
            tx.run(update, &[card.into(), (*code).into(), total(package.total)?, booked]).await?;
        }
    }
    Ok(())
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

fn new_bookings(card: CardId, now: UnixMs, first_line: i64, entries: &[Entry]) -> Vec<NewBooking<'_>> {
    (first_line..)
        .zip(entries)
        .map(|(line, entry)| NewBooking {
            card,
            began_at: now,
            profile: 0,
            line,
            package: match &entry.target {
                Target::Package(code) => Some(code.as_str()),
                Target::Overage => None,
            },
            bytes: entry.bytes,
        })
        .collect()
}
