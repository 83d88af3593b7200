//! Everything that an admin can do, in one place: whatever changes anything passes [`perform`], and is logged and audited with
//! who did it.

use crate::error::PageError;
use crate::state::ConsoleState;
use secrecy::SecretString;
use simgauge_domain::id::RefreshId;
use simgauge_service::intake::NotAccepted;
use simgauge_service::secrets::new_appkey;
use simgauge_service::secrets::new_secret;
use simgauge_store::{AcceptCall, AcceptOutcome, CardView, Session, Store, StoreError};
use std::time::Duration;

/// What to do.
#[derive(Debug)]
pub(super) enum Action {
    /// Nothing more than noting it: the session exists already.
    LogIn,
    /// End this session.
    LogOut { session_key: String },
    /// Press a card's button, as its account.
    RefreshCard(Box<CardView>),
    /// Let a lane rest.
    PauseLane { lane: String, note: String },
    /// Let it go on.
    ResumeLane { lane: String },
    /// Make an app; its appkey is made up where none is given.
    CreateApp { account: String, appkey: Option<String>, label: String },
    /// Give an app another secret.
    RotateApp {
        appkey: String,
        /// How long the old secret is good as well.
        keep_old: Option<Duration>,
    },
    /// Let an app call, or not.
    SetAppDisabled { appkey: String, disabled: bool },
    /// Deliver a notification again.
    ReplayNotification { id: String },
    /// Deliver every dead notification again, or an account's.
    ReplayDead { account: Option<String> },
    /// Check a file of cards, or import it: begun here, it goes on by itself.
    ImportCards { file: String, mode: &'static str },
}

impl Action {
    /// What it is called in logs, and what it is done to.
    fn described(&self) -> (&'static str, String) {
        match self {
            Self::LogIn => ("log_in", String::new()),
            Self::LogOut { .. } => ("log_out", String::new()),
            Self::RefreshCard(card) => ("refresh_card", card.number.clone()),
            Self::PauseLane { lane, .. } => ("pause_lane", lane.clone()),
            Self::ResumeLane { lane } => ("resume_lane", lane.clone()),
            Self::CreateApp { account, .. } => ("create_app", account.clone()),
            Self::RotateApp { appkey, .. } => ("rotate_app", appkey.clone()),
            Self::SetAppDisabled { appkey, disabled: true } => ("disable_app", appkey.clone()),
            Self::SetAppDisabled { appkey, disabled: false } => ("enable_app", appkey.clone()),
            Self::ReplayNotification { id } => ("replay_notification", id.clone()),
            Self::ReplayDead { account } => {
                ("replay_dead_notifications", account.clone().unwrap_or_default())
            }
            Self::ImportCards { file, mode } => ("import_cards", format!("{file} ({mode})")),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// It is done, to so many.
    DoneTo(u64),
    /// An app has a new secret, to be shown this once.
    Secret { appkey: String, secret: SecretString },
    /// The card was refreshed too short a while ago.
    Cooling,
    /// The lane's queue is too long: about so many seconds.
    LaneBehind(u64),
    /// The card's operator account is not configured.
    LaneUnknown(String),
    /// Something of that name exists.
    Exists,
    /// There is no such thing.
    Missing,
}

/// The store in an admin's hands: what changes through it is audited.
pub(super) fn acting(state: &ConsoleState, admin: &str) -> Store {
    state.services.store.acting_as(&format!("console:{admin}"), state.services.clock.as_fn())
}

/// Does it, on behalf of an admin who may.
///
/// # Errors
/// Our own fault, or too much at once; what the admin can do something about is an [`Outcome`].
pub(super) async fn perform(
    state: &ConsoleState,
    who: &Session,
    action: Action,
) -> Result<Outcome, PageError> {
    let (name, target) = action.described();
    let outcome = run(state, who, action).await;
    match &outcome {
        Ok(Outcome::Done | Outcome::DoneTo(_) | Outcome::Secret { .. }) => {
            tracing::info!(admin = who.admin, action = name, target, "an admin acted");
        }
        Ok(refused) => {
            tracing::info!(admin = who.admin, action = name, target, ?refused, "an admin could not act")
        }
        Err(PageError::Busy) => {
            tracing::warn!(
                admin = who.admin,
                action = name,
                target,
                "an admin could not act: too much at once"
            )
        }
        Err(error) => {
            tracing::error!(admin = who.admin, action = name, target, ?error, "an admin's action failed")
        }
    }
    outcome
}

async fn run(state: &ConsoleState, who: &Session, action: Action) -> Result<Outcome, PageError> {
    let store = acting(state, &who.admin);
    let now = state.services.clock.now();
    match action {
        Action::LogIn | Action::ImportCards { .. } => Ok(Outcome::Done),
        Action::LogOut { session_key } => {
            store.end_session(&session_key).await?;
            Ok(Outcome::Done)
        }
        Action::RefreshCard(card) => refresh(state, who, *card).await,
        Action::PauseLane { lane, note } => done(store.pause_lane(&lane, &who.admin, &note, now).await),
        Action::ResumeLane { lane } => done(store.resume_lane(&lane).await),
        Action::CreateApp { account, appkey, label } => {
            let appkey = appkey.map_or_else(|| new_appkey().map_err(PageError::internal), Ok)?;
            let (secret, sealed) = fresh_secret(state, &appkey)?;
            let created = store.create_app(&appkey, &account, &label, &sealed, now).await;
            secret_of(state, created, appkey, secret).await
        }
        Action::RotateApp { appkey, keep_old } => {
            let (secret, sealed) = fresh_secret(state, &appkey)?;
            let rotated = store.set_app_secret(&appkey, &sealed, keep_old.map(|span| now.after(span))).await;
            secret_of(state, rotated, appkey, secret).await
        }
        Action::SetAppDisabled { appkey, disabled } => {
            let outcome = done(store.set_app_disabled(&appkey, disabled).await)?;
            state.services.apps.reload().await?;
            Ok(outcome)
        }
        Action::ReplayNotification { id } => done(store.replay_notification(&id, now).await),
        Action::ReplayDead { account } => {
            Ok(Outcome::DoneTo(store.replay_dead(account.as_deref(), now).await?))
        }
    }
}

fn done(result: Result<(), StoreError>) -> Result<Outcome, PageError> {
    match result {
        Ok(()) => Ok(Outcome::Done),
        Err(StoreError::Missing(_)) => Ok(Outcome::Missing),
        Err(StoreError::Exists(_)) => Ok(Outcome::Exists),
        Err(error) => Err(error.into()),
    }
}

/// A secret, and as the store holds it.
fn fresh_secret(state: &ConsoleState, appkey: &str) -> Result<(SecretString, Vec<u8>), PageError> {
    let secret = new_secret().map_err(PageError::internal)?;
    let sealed = state.sealer.seal(&secret, appkey).map_err(PageError::internal)?;
    Ok((secret.into(), sealed))
}

/// The secret to show, known to this node's gate from now on; other nodes read apps again within seconds.
async fn secret_of(
    state: &ConsoleState,
    stored: Result<(), StoreError>,
    appkey: String,
    secret: SecretString,
) -> Result<Outcome, PageError> {
    match done(stored)? {
        Outcome::Done => {
            state.services.apps.reload().await?;
            Ok(Outcome::Secret { appkey, secret })
        }
        other => Ok(other),
    }
}

/// Through the same door as the API's calls: same cooldown, same queue, same history. The appkey in the history is one that no
/// app can have, and names the admin.
async fn refresh(state: &ConsoleState, who: &Session, card: CardView) -> Result<Outcome, PageError> {
    let mut sign = [0_u8; 20];
    getrandom::fill(&mut sign).map_err(|_| PageError::internal("the system gives no random bytes"))?;
    let call = AcceptCall {
        account: card.account.into(),
        appkey: format!("console:{}", who.admin).into(),
        kind: card.kind,
        number: card.number,
        // No request was signed; it has to differ from every other.
        sign: hex::encode_upper(sign),
        id: RefreshId::new(state.services.clock.now(), 0),
    };
    match state.services.accepter.accept(call).await {
        Ok(AcceptOutcome::Accepted { .. } | AcceptOutcome::Same(_)) => Ok(Outcome::Done),
        Ok(AcceptOutcome::Cooling { .. }) => Ok(Outcome::Cooling),
        Ok(AcceptOutcome::NotFound) => Ok(Outcome::Missing),
        Ok(AcceptOutcome::Refused { estimate: Some(seconds), .. }) => Ok(Outcome::LaneBehind(seconds)),
        Ok(AcceptOutcome::Refused { lane, estimate: None }) => Ok(Outcome::LaneUnknown(lane)),
        Err(NotAccepted::QueueFull | NotAccepted::Stopping) => Err(PageError::Busy),
        Err(NotAccepted::Store) => Err(PageError::Internal),
    }
}
