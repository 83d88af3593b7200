//! Packages as rows, and the statements that book on them.

use crate::backend::{Sql, bulk, from_db, maybe_from_db, row};
use crate::error::StoreError;
use simgauge_domain::metering::booking::Package;
use simgauge_domain::time::UnixMs;

/// A package of a card with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageView {
    /// A name to show.
    pub name: String,
    /// The package as bookings see it.
    pub package: Package,
}

row! {
    pub(crate) struct PackageRow {
        pub(crate) card: i64,
        code: String,
        name: String,
        total: Option<i64>,
        valid_from: Option<i64>,
        valid_to: Option<i64>,
        booked: i64,
    }
}

impl PackageRow {
    pub(crate) fn package(self) -> Result<Package, StoreError> {
        Ok(self.view()?.package)
    }

    pub(crate) fn view(self) -> Result<PackageView, StoreError> {
        let of = |column| format!("{column} of package {} of card {}", self.code, self.card);
        let (total, booked) = (maybe_from_db(self.total, of("total"))?, from_db(self.booked, of("booked"))?);
        Ok(PackageView {
            name: self.name,
            package: Package {
                code: self.code,
                total,
                valid_from: self.valid_from.map(UnixMs),
                valid_to: self.valid_to.map(UnixMs),
                booked,
            },
        })
    }
}

pub(crate) const INSERT_BOOKINGS: Sql = bulk!(
    "INSERT INTO booking (card, began_at, profile, line, package, bytes) \
     SELECT card, began_at, profile, line, package, bytes FROM ",
    [card bigint, began_at bigint, profile bigint, line bigint, package text, bytes bigint],
    " AS new_booking"
);

pub(crate) const UPDATE_PACKAGES: Sql = bulk!(
    "UPDATE package SET booked = p.booked FROM ",
    [card bigint, code text, booked bigint],
    " AS p WHERE package.card = p.card AND package.code = p.code"
);

pub(crate) const UPDATE_OVERAGES: Sql = bulk!(
    "UPDATE card SET overage = c.overage FROM ",
    [card bigint, overage bigint],
    " AS c WHERE card.id = c.card"
);
