//! New tasks as rows.

use crate::backend::{Sql, bulk};
use serde::Serialize;
use simgauge_domain::ids::{CardId, ProfileId};

pub(crate) const INSERT_TASKS: Sql = bulk!(
    "INSERT INTO task (lane, account, refresh, profile, card) SELECT lane, account, refresh, profile, card \
     FROM ",
    [lane text, account text, refresh text, profile bigint, card bigint],
    " AS new_task WHERE true"
);

#[derive(Serialize)]
pub(crate) struct NewTask<'a> {
    pub(crate) lane: &'a str,
    pub(crate) account: &'a str,
    pub(crate) refresh: &'a str,
    pub(crate) profile: ProfileId,
    pub(crate) card: CardId,
}
