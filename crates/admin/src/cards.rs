//! Cards: looking them up.

use crate::administration::Administration;
use crate::error::AdminError;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::identity::canonical_iccid;
use simgauge_store::CardView;

/// Before a number: exactly this one is meant, also where another card has it with its check digit.
const EXACTLY: char = '=';

impl Administration {
    /// The card of a number in any spelling, of either kind and of any account. With `=` before it, the card
    /// of exactly that number.
    ///
    /// # Errors
    /// No card has the number, or it could mean two cards.
    pub async fn card(&self, number: &str) -> Result<CardView, AdminError> {
        self.exact_card(&self.stored_number(number).await?).await
    }

    /// The number under which that card is stored. Where there is none, the canonical spelling.
    pub(crate) async fn stored_number(&self, number: &str) -> Result<String, AdminError> {
        if let Some(number) = number.strip_prefix(EXACTLY) {
            return Ok(canonical_iccid(number).into_owned());
        }
        let stored = self.store.find_number(number).await?;
        Ok(stored.unwrap_or_else(|| canonical_iccid(number).into_owned()))
    }

    /// The card of exactly this number.
    ///
    /// # Errors
    /// No card has the number.
    pub(crate) async fn exact_card(&self, number: &str) -> Result<CardView, AdminError> {
        let card = self.store.card_of_any(number).await?;
        card.ok_or_else(|| AdminError::NoCard { kind: "card", number: number.to_owned() })
    }

    /// The card of a kind and number, of any account.
    ///
    /// # Errors
    /// No card has the number, or one of the other kind has it.
    pub async fn card_of_kind(&self, kind: CardKind, number: &str) -> Result<CardView, AdminError> {
        let name = kind_name(kind);
        match self.card(number).await {
            Ok(card) if card.kind == kind => Ok(card),
            Ok(card) => Err(AdminError::OtherKindOfCard { kind: name, number: card.number }),
            Err(AdminError::NoCard { number, .. }) => Err(AdminError::NoCard { kind: name, number }),
            Err(error) => Err(error),
        }
    }

    /// The card of a number; where an account is given, only if the card belongs to it.
    ///
    /// # Errors
    /// No card has the number, or a card of another account has it.
    pub async fn card_of_account(&self, number: &str, account: Option<&str>) -> Result<CardView, AdminError> {
        let Some(account) = account else { return self.card(number).await };
        match self.card(number).await {
            Ok(card) if card.account == account => Ok(card),
            Ok(CardView { number, .. }) | Err(AdminError::NoCard { number, .. }) => {
                Err(AdminError::NotOfAccount(number))
            }
            Err(error) => Err(error),
        }
    }

    /// At most `limit` cards by number, beginning after one; of one account where it is given.
    ///
    /// # Errors
    /// The account does not exist.
    pub async fn cards_after(
        &self,
        account: Option<&str>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<CardView>, AdminError> {
        self.require_account(account).await?;
        Ok(self.store.cards_after(account, after, limit).await?)
    }
}

/// A kind of card in words.
#[must_use]
pub const fn kind_name(kind: CardKind) -> &'static str {
    match kind {
        CardKind::Sim => "physical card",
        CardKind::CloudEsim => "cloud eSIM",
    }
}
