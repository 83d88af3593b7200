//! The `data` of refusals, in the envelope. The comments are also the descriptions in the OpenAPI document.

use crate::answer::OperatorAnswer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The reason of a card number that could mean two cards.
pub const AMBIGUOUS_NUMBER: &str = "ambiguous_number";

/// `data` of a 400 where the code and the message are not enough for a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonDetail {
    /// `unknown_operation`: the call names none. `ambiguous_number`: the card number could mean two cards.
    pub reason: String,
    /// Where a card number could mean two cards: the numbers of both. With one of these the call can be made
    /// again, unless it is the one that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub numbers: Option<Vec<String>>,
}

/// `data` of a 401.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnauthorizedDetail {
    /// The server's time in Unix seconds.
    pub server_time: i64,
    /// On a wrong sign: the string that the server signed, with `***` in place of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub string_to_sign: Option<String>,
}

/// `data` of a 429.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryDetail {
    /// Whole seconds until it is worth trying again.
    pub retry_after_seconds: u64,
    /// For a card's cooldown: when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_refresh_at: Option<i64>,
    /// Where an operator account has too much to do: about how many seconds the wait would be, where that is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub estimated_seconds: Option<u64>,
    /// Where the card's operator is why: how it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operator: Option<OperatorAnswer>,
}

/// `data` of a 500.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InternalDetail {
    /// Identifies the call in the server's logs.
    pub request_id: String,
}
