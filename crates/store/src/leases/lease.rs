//! Leases: each lane, and the outbox, is worked by one holder at a time. A holder that lost its lease cannot
//! write.

use crate::backend::{Sql, Tx, row};
use crate::error::StoreError;
use crate::store::Store;
use simgauge_domain::time::UnixMs;
use std::fmt;

/// What a lease is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseKind {
    /// An operator account's lane.
    Lane,
    /// The delivery of notifications.
    Outbox,
}

impl LeaseKind {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lane => "lane",
            Self::Outbox => "outbox",
        }
    }
}

/// The right to work a lane or the outbox. Its epoch fences every write: a later holder has a higher one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub kind: LeaseKind,
    /// The operator account, of a lane.
    pub name: String,
    /// Grows with each change of holder.
    pub epoch: i64,
}

impl Lease {
    pub(crate) fn lost(&self) -> StoreError {
        StoreError::LeaseLost(self.to_string())
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

/// What a lease's taker finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nobody ever held it.
    Nobody,
    /// Its last holder gave it back, with this status.
    GivenBack(String),
    /// Its last holder let it run out, or it was seized: what that node did last is not known.
    Lost,
}

row! {
    /// A lane as last reported.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LaneRow {
        /// The operator account.
        pub name: String,
        /// Who works it.
        pub holder: String,
        /// Grows with each change of holder.
        pub epoch: i64,
        /// Until when, in Unix milliseconds.
        pub lease_until: i64,
        /// What the holder last reported of it, as JSON.
        pub status: String,
    }
}

const CREATE: Sql = Sql::both(
    "INSERT INTO lease (kind, name, holder, epoch, lease_until, status) VALUES ($1, $2, '', 0, 0, '') \
     ON CONFLICT (kind, name) DO NOTHING",
);
const LOOK: Sql = Sql {
    sqlite: "SELECT name, holder, epoch, lease_until, status FROM lease WHERE kind = $1 AND name = $2",
    postgres: "SELECT name, holder, epoch, lease_until, status FROM lease WHERE kind = $1 AND name = $2 FOR \
               UPDATE",
};
const TAKE: Sql = Sql::both(
    "UPDATE lease SET holder = $3, epoch = epoch + 1, lease_until = $4, status = '{}' WHERE kind = $1 AND \
     name = $2",
);
const RENEW: Sql =
    Sql::both("UPDATE lease SET lease_until = $4, status = $5 WHERE kind = $1 AND name = $2 AND epoch = $3");
const LANES: Sql =
    Sql::both("SELECT name, holder, epoch, lease_until, status FROM lease WHERE kind = 'lane' ORDER BY name");
const UNTIL: Sql = Sql::both("SELECT lease_until FROM lease WHERE kind = $1 AND name = $2");
const FENCE: Sql = Sql {
    sqlite: "SELECT epoch FROM lease WHERE kind = $1 AND name = $2 AND epoch = $3",
    postgres: "SELECT epoch FROM lease WHERE kind = $1 AND name = $2 AND epoch = $3 FOR SHARE",
};

/// Fails the transaction unless the lease still holds.
pub(crate) async fn fence(tx: &mut impl Tx, lease: &Lease) -> Result<(), StoreError> {
    let params = [lease.kind.as_str().into(), (&lease.name).into(), lease.epoch.into()];
    let held: Option<i64> = tx.one(FENCE, &params).await?;
    held.map(|_| ()).ok_or_else(|| lease.lost())
}

impl Store {
    /// Takes a lease until `until`, if nobody holds it at `now`. With `seize`, also from a holder whose time
    /// is not up: only for an embedded store whose one server process is known to be this one.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lease(
        &self,
        kind: LeaseKind,
        name: &str,
        holder: &str,
        now: UnixMs,
        until: UnixMs,
        seize: bool,
    ) -> Result<Option<(Lease, Before)>, StoreError> {
        self.lease_if(kind, name, holder, until, |held_until| seize || held_until <= now).await
    }

    /// Takes a lease that is still held until `held_until`, a time of a clock that was ahead, and that nobody
    /// renews.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn abandoned_lease(
        &self,
        kind: LeaseKind,
        name: &str,
        holder: &str,
        held_until: UnixMs,
        until: UnixMs,
    ) -> Result<Option<(Lease, Before)>, StoreError> {
        self.lease_if(kind, name, holder, until, |still| still == held_until).await
    }

    async fn lease_if(
        &self,
        kind: LeaseKind,
        name: &str,
        holder: &str,
        until: UnixMs,
        may_take: impl FnOnce(UnixMs) -> bool,
    ) -> Result<Option<(Lease, Before)>, StoreError> {
        let key = [kind.as_str().into(), name.into()];
        let mut tx = self.db.write().await?;
        tx.run(CREATE, &key).await?;
        let row: Option<LaneRow> = tx.one(LOOK, &key).await?;
        let row = row.ok_or_else(|| StoreError::Missing(format!("lease {name}")))?;
        if !may_take(UnixMs(row.lease_until)) {
            return Ok(None);
        }
        tx.run(TAKE, &[kind.as_str().into(), name.into(), holder.into(), until.into()]).await?;
        tx.commit().await?;
        let epoch = row.epoch + 1;
        let before = match row {
            LaneRow { epoch: 0, .. } => Before::Nobody,
            LaneRow { lease_until: 0, status, .. } => Before::GivenBack(status),
            LaneRow { .. } => Before::Lost,
        };
        Ok(Some((Lease { kind, name: name.to_owned(), epoch }, before)))
    }

    /// Until when a lease is held, as far as its holder said.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lease_until(&self, kind: LeaseKind, name: &str) -> Result<Option<UnixMs>, StoreError> {
        let until: Option<i64> = self.db.one(UNTIL, &[kind.as_str().into(), name.into()]).await?;
        Ok(until.map(UnixMs))
    }

    /// Extends a lease and reports how its work is.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], or the database cannot be reached.
    pub async fn renew(&self, lease: &Lease, until: UnixMs, status: &str) -> Result<(), StoreError> {
        match self.set_lease(lease, until, status).await? {
            0 => Err(lease.lost()),
            _ => Ok(()),
        }
    }

    /// Gives a lease back, so that another node can take it at once, with a last status for it; no error
    /// where it was lost already.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn release(&self, lease: &Lease, status: &str) -> Result<(), StoreError> {
        self.set_lease(lease, UnixMs(0), status).await.map(|_| ())
    }

    async fn set_lease(&self, lease: &Lease, until: UnixMs, status: &str) -> Result<u64, StoreError> {
        let (kind, name) = (lease.kind.as_str(), lease.name.as_str());
        let params = [kind.into(), name.into(), lease.epoch.into(), until.into(), status.into()];
        self.db.run(RENEW, &params).await
    }

    /// Every operator account's lane as last reported, by name.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn lanes(&self) -> Result<Vec<LaneRow>, StoreError> {
        self.db.all(LANES, &[]).await
    }
}
