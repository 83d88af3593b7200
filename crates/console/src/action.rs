//! What an admin can do in the console. Every change goes through [`perform`], which logs who made it;
//! `simgauge-admin` makes it and writes its audit entry.

use crate::error::PageError;
use crate::state::ConsoleState;
use secrecy::SecretString;
use simgauge_admin::{Actor, AdminError, Administration, IssuedSecret, NewApp, RefreshOutcome};
use simgauge_domain::ids::ProfileId;
use simgauge_domain::time::UnixMs;
use simgauge_domain::waiting::LaneBehind;
use simgauge_protocol::sign::SignType;
use simgauge_store::{CardView, Session, SuspectFilter};
use std::time::Duration;

/// An action of an admin.
#[derive(Debug)]
pub(super) enum Action {
    /// Only logged: the session exists already.
    LogIn,
    /// End this session.
    LogOut { session_key: String },
    /// Refresh a card, as a call of its account would.
    RefreshCard(Box<CardView>),
    /// Stop the calls to an operator account.
    PauseLane { lane: String, note: String },
    /// Allow the calls again.
    ResumeLane { lane: String },
    /// Try an operator again at once.
    RetryLane { lane: String },
    /// Create an app; its appkey is random where none is given.
    CreateApp { account: String, appkey: Option<String>, label: String },
    /// Replace an app's secret.
    RotateApp {
        appkey: String,
        /// How long the old secret is good as well.
        keep_old: Option<Duration>,
    },
    /// Refuse an app's calls, or allow them again.
    SetAppDisabled { appkey: String, disabled: bool },
    /// Deliver a notification again.
    ReplayNotification { id: String },
    /// Deliver every dead notification again, or an account's.
    ReplayDead { account: Option<String> },
    /// Have the suspect reading of a profile that began then booked, or dropped.
    DecideSuspect { profile: ProfileId, began_at: UnixMs, accept: bool },
    /// The same for all of an operator account, and for the change of its unit.
    DecideSuspects { lane: String, accept: bool },
    /// Take back the new periods that were assumed on a card.
    ReversePeriods { number: String },
    /// Only logged: the check or import of a file of cards runs in the background.
    ImportCards { file: String, mode: &'static str },
}

impl Action {
    /// Its name and its target in logs.
    fn described(&self) -> (&'static str, String) {
        match self {
            Self::LogIn => ("log_in", String::new()),
            Self::LogOut { .. } => ("log_out", String::new()),
            Self::RefreshCard(card) => ("refresh_card", card.number.clone()),
            Self::PauseLane { lane, .. } => ("pause_lane", lane.clone()),
            Self::ResumeLane { lane } => ("resume_lane", lane.clone()),
            Self::RetryLane { lane } => ("retry_lane", lane.clone()),
            Self::CreateApp { account, .. } => ("create_app", account.clone()),
            Self::RotateApp { appkey, .. } => ("rotate_app", appkey.clone()),
            Self::SetAppDisabled { appkey, disabled: true } => ("disable_app", appkey.clone()),
            Self::SetAppDisabled { appkey, disabled: false } => ("enable_app", appkey.clone()),
            Self::ReplayNotification { id } => ("replay_notification", id.clone()),
            Self::ReplayDead { account } => {
                ("replay_dead_notifications", account.clone().unwrap_or_default())
            }
            Self::DecideSuspect { profile, accept, .. } => {
                (if *accept { "accept_reading" } else { "reject_reading" }, format!("profile {profile}"))
            }
            Self::DecideSuspects { lane, accept } => {
                (if *accept { "accept_readings" } else { "reject_readings" }, lane.clone())
            }
            Self::ReversePeriods { number } => ("reverse_period", number.clone()),
            Self::ImportCards { file, mode } => ("import_cards", format!("{file} ({mode})")),
        }
    }
}

/// What became of an action.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// It is done, to so many things.
    DoneTo(u64),
    /// An app has a new secret, to be shown only this once.
    Secret { appkey: String, secret: SecretString },
    /// The card was refreshed too short a while ago.
    Cooling,
    /// A refresh would wait too long for the operator.
    LaneBehind(LaneBehind),
    /// The card's operator account is not configured.
    LaneUnknown(String),
    /// Something of that name exists.
    Exists,
    /// Nothing of that name exists.
    Missing,
}

/// The store in an admin's hands: changes made through it are audited under the admin's name.
pub(super) fn acting(state: &ConsoleState, admin: &str) -> Administration {
    let services = &state.services;
    Administration::new(&services.store, Actor::console(admin), services.clock.clone())
        .with_app_directory(services.apps.clone())
}

/// Performs and logs an action of an admin who may act.
///
/// # Errors
/// The server failed, or too much is asked of it at once. What the admin can do something about is an
/// [`Outcome`].
pub(super) async fn perform(
    state: &ConsoleState,
    who: &Session,
    action: Action,
) -> Result<Outcome, PageError> {
    let (name, target) = action.described();
    let admin = &who.admin;
    let outcome = match run(state, who, action).await {
        Ok(outcome) => outcome,
        Err(AdminError::Exists(_)) => Outcome::Exists,
        Err(AdminError::Missing(_) | AdminError::NoAccount(_) | AdminError::NoCard { .. }) => {
            Outcome::Missing
        }
        Err(AdminError::Busy) => {
            tracing::warn!(admin, action = name, target, "an admin could not act: too much at once");
            return Err(PageError::Busy);
        }
        Err(error) => {
            tracing::error!(admin, action = name, target, %error, "an admin's action failed");
            return Err(PageError::Internal);
        }
    };
    match &outcome {
        Outcome::Done | Outcome::DoneTo(_) | Outcome::Secret { .. } => {
            tracing::info!(admin, action = name, target, "an admin acted");
        }
        refused => tracing::info!(admin, action = name, target, ?refused, "an admin could not act"),
    }
    Ok(outcome)
}

async fn run(state: &ConsoleState, who: &Session, action: Action) -> Result<Outcome, AdminError> {
    let administration = acting(state, &who.admin);
    let done = match action {
        Action::LogIn | Action::ImportCards { .. } => Ok(()),
        Action::LogOut { session_key } => administration.end_session(&session_key).await,
        Action::PauseLane { lane, note } => administration.pause_lane(&lane, &note).await,
        Action::ResumeLane { lane } => administration.resume_lane(&lane).await,
        Action::RetryLane { lane } => administration.retry_lane(&lane).await,
        Action::SetAppDisabled { appkey, disabled } => {
            administration.set_app_disabled(&appkey, disabled).await
        }
        Action::ReplayNotification { id } => administration.replay_notification(&id).await,
        Action::ReplayDead { account } => {
            let count = administration.replay_dead_notifications(account.as_deref()).await?;
            return Ok(Outcome::DoneTo(count));
        }
        Action::DecideSuspect { profile, began_at, accept } => {
            let decided = administration.decide_suspect(profile, began_at, accept).await?;
            return Ok(if decided { Outcome::Done } else { Outcome::Missing });
        }
        Action::DecideSuspects { lane, accept } => {
            let filter = SuspectFilter { lane: Some(lane), card: None };
            return Ok(Outcome::DoneTo(administration.decide_suspects(&filter, accept).await?));
        }
        Action::ReversePeriods { number } => {
            let reversed = administration.reverse_assumed_periods(&number).await?;
            return Ok(if reversed.is_empty() { Outcome::Missing } else { Outcome::Done });
        }
        Action::CreateApp { account, appkey, label } => {
            let new = NewApp { account, appkey, label, sign_type: SignType::Sha1 };
            return administration.create_app(new, &state.sealer).await.map(Outcome::from);
        }
        Action::RotateApp { appkey, keep_old } => {
            return administration.rotate_app(&appkey, keep_old, &state.sealer).await.map(Outcome::from);
        }
        Action::RefreshCard(card) => {
            let outcome = administration.refresh_card(&card, &state.services.accepter).await?;
            return Ok(match outcome {
                RefreshOutcome::Accepted => Outcome::Done,
                RefreshOutcome::Cooling => Outcome::Cooling,
                RefreshOutcome::WouldWaitTooLong(behind) => Outcome::LaneBehind(behind),
                RefreshOutcome::OperatorNotConfigured(lane) => Outcome::LaneUnknown(lane),
            });
        }
    };
    done.map(|()| Outcome::Done)
}

impl From<IssuedSecret> for Outcome {
    fn from(issued: IssuedSecret) -> Self {
        Self::Secret { appkey: issued.appkey, secret: issued.secret }
    }
}
