//! A suspect reading as the pages show it, and what a form says of one.

use crate::action::Action;
use crate::error::{PageError, PageResult};
use crate::fields::Fields;
use crate::view::{ViewContext, When};
use simgauge_admin::human;
use simgauge_domain::ids::ProfileId;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::reason;
use simgauge_store::SuspectView;

pub(super) struct SuspectRow {
    pub(super) profile: i64,
    pub(super) began_at: i64,
    pub(super) lane: String,
    pub(super) number: String,
    pub(super) iccid: String,
    pub(super) account: String,
    pub(super) read: When,
    pub(super) used: String,
    pub(super) used_exact: String,
    /// The usage that is booked; none: the profile was never read before.
    pub(super) believed: Option<String>,
    pub(super) reason: &'static str,
    /// When it is booked by itself.
    pub(super) due: Option<When>,
}

pub(super) fn suspect_row(suspect: SuspectView, context: ViewContext<'_>) -> SuspectRow {
    SuspectRow {
        profile: suspect.profile.0,
        began_at: suspect.began_at.0,
        read: context.when(suspect.began_at),
        used: human::bytes(suspect.used),
        used_exact: context.t.fill("card.exact", &[&human::count(suspect.used)]),
        believed: suspect.believed.map(human::bytes),
        reason: reason::warning(suspect.reason, context.t.0),
        due: suspect.due_at.map(|at| context.when(at)),
        lane: suspect.operator_account,
        number: suspect.number,
        iccid: suspect.iccid,
        account: suspect.account,
    }
}

/// What a person decided, and what a page then says.
#[derive(Clone, Copy)]
pub(super) struct Decision {
    pub(super) accept: bool,
    /// Of one reading; a key of the texts `done`.
    pub(super) done: &'static str,
    /// Of many.
    pub(super) done_to: &'static str,
}

impl Decision {
    /// The decision that a path names.
    ///
    /// # Errors
    /// There is no such decision.
    pub(super) fn parse(name: &str) -> PageResult<Self> {
        match name {
            "accept" => Ok(Self { accept: true, done: "suspect_accepted", done_to: "suspects_accepted" }),
            "reject" => Ok(Self { accept: false, done: "suspect_rejected", done_to: "suspects_rejected" }),
            _ => Err(PageError::NotFound),
        }
    }

    /// The reading that a form names, and this about it.
    ///
    /// # Errors
    /// The form names none.
    pub(super) fn of_form(self, form: &Fields) -> PageResult<DecidedSuspect> {
        let number = |name| form.get(name).parse().map_err(|_| PageError::NotFound);
        Ok(DecidedSuspect {
            profile: ProfileId(number("profile")?),
            began_at: UnixMs(number("began_at")?),
            accept: self.accept,
        })
    }
}

/// A reading and what a person decided about it.
pub(super) struct DecidedSuspect {
    pub(super) profile: ProfileId,
    began_at: UnixMs,
    accept: bool,
}

impl DecidedSuspect {
    pub(super) fn action(self) -> Action {
        Action::DecideSuspect { profile: self.profile, began_at: self.began_at, accept: self.accept }
    }
}
