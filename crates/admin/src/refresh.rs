//! Refreshing a card on behalf of a person.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_domain::id::RefreshId;
use simgauge_domain::waiting::LaneBehind;
use simgauge_service::intake::{Accepter, NotAccepted};
use simgauge_store::{AcceptCall, AcceptOutcome, CardView};

/// What became of a refresh that a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    Accepted,
    /// The card was refreshed too short a while ago.
    Cooling,
    /// The refresh would wait too long for the card's operator account.
    WouldWaitTooLong(LaneBehind),
    /// The card's operator account is not in the configuration.
    OperatorNotConfigured(String),
}

impl Administration {
    /// Refreshes a card as a call of the open API would: same cooldown, same queue, same history. In the
    /// history, the actor is in the place of the appkey. No app can have such an appkey.
    ///
    /// # Errors
    /// The card does not exist any more, or too much is asked of this process at once.
    pub async fn refresh_card(
        &self,
        card: &CardView,
        accepter: &Accepter,
    ) -> Result<RefreshOutcome, AdminError> {
        // No request was signed. The sign has to differ from every other one.
        let mut sign = [0_u8; 20];
        getrandom::fill(&mut sign).map_err(|_| AdminError::NoRandomBytes)?;
        let call = AcceptCall {
            account: card.account.as_str().into(),
            appkey: self.actor.to_string().into(),
            kind: card.kind,
            number: card.number.clone(),
            is_exact: true,
            sign: hex::encode_upper(sign),
            sign_was_used: false,
            id: RefreshId::new(self.now(), 0),
        };
        match accepter.accept(call).await {
            Ok(AcceptOutcome::Accepted { .. } | AcceptOutcome::Same(_)) => Ok(RefreshOutcome::Accepted),
            Ok(AcceptOutcome::Cooling { .. }) => Ok(RefreshOutcome::Cooling),
            // A random sign was never used.
            Ok(AcceptOutcome::SignUsed) => Err(AdminError::StoreFailed),
            // The number is exactly that of the card.
            Ok(AcceptOutcome::NotFound | AcceptOutcome::Ambiguous(_)) => {
                Err(AdminError::NoCard { kind: "card", number: card.number.clone() })
            }
            Ok(AcceptOutcome::Refused { behind: Some(behind), .. }) => {
                Ok(RefreshOutcome::WouldWaitTooLong(*behind))
            }
            Ok(AcceptOutcome::Refused { lane, behind: None }) => {
                Ok(RefreshOutcome::OperatorNotConfigured(lane))
            }
            Err(NotAccepted::QueueFull | NotAccepted::Stopping) => Err(AdminError::Busy),
            Err(NotAccepted::Store | NotAccepted::Untrusted) => Err(AdminError::StoreFailed),
        }
    }
}
