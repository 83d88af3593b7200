//! Refreshes as rows.

use super::view::RefreshView;
use crate::backend::{Columns, Row, maybe_from_db, refresh_id_from_db, row};
use crate::error::StoreError;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::guard::held::SuspectReason;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::refresh::{Failure, OpenRefresh, RefreshState};
use simgauge_domain::time::UnixMs;

row! {
    pub(crate) struct RefreshRow {
        id: String,
        card: i64,
        pub(crate) account: String,
        appkey: String,
        accepted_at: i64,
        previous: Option<String>,
        state: String,
        remaining: String,
        before: Option<i64>,
        after: Option<i64>,
        finished_at: Option<i64>,
        reason: Option<String>,
        detail: Option<String>,
        warning: Option<String>,
    }
}

/// A refresh with its card's number, which is nothing where the card is gone.
pub(crate) struct NumberedRefreshRow {
    number: Option<String>,
    row: RefreshRow,
}

impl Row for NumberedRefreshRow {
    fn read(columns: &Columns<'_, '_>) -> Result<Self, StoreError> {
        Ok(Self { number: columns.named("number")?, row: RefreshRow::read(columns)? })
    }
}

impl NumberedRefreshRow {
    pub(crate) fn view(self) -> Result<RefreshView, StoreError> {
        let gone = || StoreError::Corrupt(format!("refresh {} is of card {}", self.row.id, self.row.card));
        let number = self.number.ok_or_else(gone)?;
        self.row.view(number)
    }
}

/// The state of a refresh as the store holds it.
pub(crate) fn state_of(id: &str, state: &str) -> Result<RefreshState, StoreError> {
    RefreshState::parse(state).ok_or_else(|| StoreError::Corrupt(format!("state {state:?} of refresh {id}")))
}

/// The profiles still to be read, as the store holds them.
pub(crate) fn remaining_of(id: &str, remaining: &str) -> Result<Vec<ProfileId>, StoreError> {
    let ids = remaining.split(',').filter(|id| !id.is_empty());
    ids.map(|id| id.parse().map(ProfileId))
        .collect::<Result<_, _>>()
        .map_err(|_| StoreError::Corrupt(format!("remaining {remaining:?} of refresh {id}")))
}

/// The same as the store holds it.
pub(crate) fn remaining_text(remaining: &[ProfileId]) -> String {
    remaining.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl RefreshRow {
    pub(crate) fn id(&self) -> Result<RefreshId, StoreError> {
        refresh_id_from_db(&self.id, "id of a refresh")
    }

    pub(crate) fn card(&self) -> CardId {
        CardId(self.card)
    }

    /// The card's refresh before it.
    pub(crate) fn previous(&self) -> Result<Option<RefreshId>, StoreError> {
        let parse = |previous| refresh_id_from_db(previous, format_args!("previous of refresh {}", self.id));
        self.previous.as_deref().map(parse).transpose()
    }

    pub(crate) fn state(&self) -> Result<RefreshState, StoreError> {
        state_of(&self.id, &self.state)
    }

    fn failure(&self) -> Result<Option<Failure>, StoreError> {
        let Some(reason) = self.reason.as_deref() else { return Ok(None) };
        let kind = FailureKind::parse(reason)
            .ok_or_else(|| StoreError::Corrupt(format!("reason {reason:?} of refresh {}", self.id)))?;
        Ok(Some(Failure { kind, detail: self.detail.clone().unwrap_or_default() }))
    }

    fn warning(&self) -> Result<Option<SuspectReason>, StoreError> {
        let parse = |name: &str| {
            SuspectReason::parse(name)
                .ok_or_else(|| StoreError::Corrupt(format!("warning {name:?} of refresh {}", self.id)))
        };
        self.warning.as_deref().map(parse).transpose()
    }

    pub(crate) fn open(&self) -> Result<OpenRefresh, StoreError> {
        Ok(OpenRefresh {
            id: self.id()?,
            accepted_at: UnixMs(self.accepted_at),
            remaining: remaining_of(&self.id, &self.remaining)?,
            failure: self.failure()?,
        })
    }

    /// `number`: the card's.
    pub(crate) fn view(self, number: String) -> Result<RefreshView, StoreError> {
        let of = |column| format!("{column} of refresh {}", self.id);
        Ok(RefreshView {
            id: self.id()?,
            card: self.card(),
            state: self.state()?,
            failure: self.failure()?,
            warning: self.warning()?,
            before: maybe_from_db(self.before, of("before"))?,
            after: maybe_from_db(self.after, of("after"))?,
            number,
            account: self.account,
            appkey: self.appkey,
            accepted_at: UnixMs(self.accepted_at),
            finished_at: self.finished_at.map(UnixMs),
        })
    }
}
