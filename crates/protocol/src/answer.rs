//! The answers: the envelope and the types of its `data`. Times are Unix seconds (10 digits), amounts are
//! bytes. The comments are also the descriptions in the OpenAPI document.

use crate::code::Code;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The envelope of every answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// `"200"` is success, anything else is failure. Some platforms write it as a number; that is read, too.
    #[serde(deserialize_with = "code_text")]
    pub code: String,
    /// What happened, in the caller's language.
    pub message: String,
    /// The answer of the operation. Absent where there is none.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
}

fn none<T>() -> Option<T> {
    None
}

fn code_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(i64),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
    })
}

impl<T> Envelope<T> {
    /// Wraps an answer.
    pub fn new(code: Code, message: impl Into<String>, data: Option<T>) -> Self {
        Self::with_code(code.as_str(), message, data)
    }

    /// Wraps an answer with a code as a table of codes has it.
    pub fn with_code(code: &str, message: impl Into<String>, data: Option<T>) -> Self {
        Self { code: code.to_owned(), message: message.into(), data }
    }

    /// Whether the operation succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Code::Ok.as_str()
    }
}

/// The state of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshState {
    /// Accepted and waiting.
    Queued,
    /// An operator is being asked.
    Running,
    /// Every profile of the card was read.
    Succeeded,
    /// It ended without a reading of every profile. `reason` says why.
    Failed,
}

/// How the operator of a card is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorAnswer {
    /// `ok`; `degraded`: its last answer was a failure; `down`: it keeps failing and is only probed;
    /// `paused`: the platform paused calls to it; `limited`: it asked not to be called until `until`. Of a
    /// card with several operators, the worst.
    pub state: String,
    /// When the state ends, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<i64>,
}

/// How to ask for the end of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PollAnswer {
    /// Seconds between two calls of `/api/v3/refresh/get`.
    pub every_seconds: u64,
    /// After so many seconds it has ended, one way or the other. Absent where the platform lets a refresh
    /// wait without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub for_seconds: Option<u64>,
}

/// A refresh: the answer to an accepted one, and of `/api/v3/refresh/get`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefreshAnswer {
    /// Identifies this refresh in `/api/v3/refresh/get`.
    pub refresh_id: String,
    /// Its state now.
    pub state: RefreshState,
    /// When it was accepted.
    pub accepted_at: i64,
    /// When the card may be refreshed again.
    pub next_refresh_at: i64,
    /// About how many seconds until the operator is asked. Absent where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub estimated_seconds: Option<u64>,
    /// How the card's operator is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operator: Option<OperatorAnswer>,
    /// How to ask for its end. Absent once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub poll: Option<PollAnswer>,
    /// The card's usage, where the refresh succeeded and the answer was held until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage: Option<Usage>,
    /// More of the refresh: in an answer that was held until it ended, and in every answer of
    /// `/api/v3/refresh/get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refresh: Option<RefreshReport>,
    /// Something the caller should change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warning: Option<String>,
}

/// The period of a usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsagePeriod {
    /// `billing_cycle`, `calendar_month`, `bundle` or `lifetime`. `mixed` where a card's profiles differ.
    pub kind: String,
    /// The first second, where known.
    #[schema(required = true)]
    pub start: Option<i64>,
    /// The first second after it, where known.
    #[schema(required = true)]
    pub end: Option<i64>,
    /// Whether it was only assumed that a new period began, since the usage fell and the operator does not
    /// tell when its period begins. Absent where it was not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assumed: bool,
}

/// A card's usage as last read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Bytes used in the period.
    pub used_bytes: u64,
    /// Bytes allowed, where there is a limit and it is known.
    #[schema(required = true)]
    pub total_bytes: Option<u64>,
    /// Bytes left, where `totalBytes` is known.
    #[schema(required = true)]
    pub remaining_bytes: Option<u64>,
    /// The operator's time of the usage, where it gives one.
    #[schema(required = true)]
    pub as_of: Option<i64>,
    /// When it was read from the operator.
    pub synced_at: i64,
    /// The age of the usage in seconds, as far as is known.
    pub age_seconds: i64,
    /// How old usage of this operator can be by the operator's own documentation, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub declared_lag_seconds: Option<u64>,
    /// The period in which the bytes are counted.
    pub period: UsagePeriod,
    /// Where the newest reading is not believed, why: `sentinel`, `too_fast`, `unit_change`, `fall` or
    /// `impossible_period`. The usage is the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warning: Option<String>,
}

/// One profile of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileAnswer {
    /// Its ICCID.
    pub iccid: String,
    /// State at the operator as last read: `ready`, `active`, `suspended`, `terminated` or `unknown`.
    #[schema(required = true)]
    pub status: Option<String>,
    /// Its usage. `null` until it was read once.
    #[schema(required = true)]
    pub usage: Option<Usage>,
}

/// What a package is good for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackageState {
    /// It is valid and has bytes left: usage counts on it.
    Active,
    /// It becomes valid later.
    Waiting,
    /// It is valid, but nothing is left.
    UsedUp,
    /// It has ended.
    Expired,
}

/// A package of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageAnswer {
    /// The code of the package.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is good for now.
    pub state: PackageState,
    /// Bytes used of it.
    pub used_bytes: u64,
    /// Bytes in it. `null` means unlimited.
    #[schema(required = true)]
    pub total_bytes: Option<u64>,
    /// Bytes left. `null` means unlimited.
    #[schema(required = true)]
    pub remaining_bytes: Option<u64>,
    /// When it becomes valid.
    #[schema(required = true)]
    pub valid_from: Option<i64>,
    /// When it ends.
    #[schema(required = true)]
    pub valid_to: Option<i64>,
}

/// A refresh and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefreshReport {
    /// Its id.
    pub refresh_id: String,
    /// The card's ICCID, where it is a physical card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub iccid: Option<String>,
    /// The card's EID, where it is a cloud eSIM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub eid: Option<String>,
    /// Its state.
    pub state: RefreshState,
    /// When it was accepted.
    pub accepted_at: i64,
    /// When it ended. `null` while it has not.
    #[schema(required = true)]
    pub finished_at: Option<i64>,
    /// The card's used bytes before.
    #[schema(required = true)]
    pub before: Option<u64>,
    /// The card's used bytes after.
    #[schema(required = true)]
    pub after: Option<u64>,
    /// On failure: `auth`, `token_expired`, `not_found`, `rate_limited`, `bad_request`, `temporary`,
    /// `unsupported`, `bad_answer`, `internal`, `operator_down`, `operator_paused` or `queue_timeout`.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// On failure: a plain sentence. In Chinese it says what the reason means, in English what happened.
    #[schema(required = true)]
    pub reason_text: Option<String>,
    /// Where a reading of it is not believed and was held back, why: as in a usage. `after` is the usage
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warning: Option<String>,
    /// The same as a plain sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warning_text: Option<String>,
    /// How the card's operator is. Absent within a card, which has it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operator: Option<OperatorAnswer>,
}

/// A card with its usage, packages and last refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CardAnswer {
    /// ICCID, where it is a physical card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub iccid: Option<String>,
    /// EID, where it is a cloud eSIM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub eid: Option<String>,
    /// One of the API's card statuses.
    pub card_status: String,
    /// The platform's own note.
    pub label: String,
    /// Usage over all profiles. `null` until every profile was read once.
    #[schema(required = true)]
    pub usage: Option<Usage>,
    /// Packages: the platform's own, otherwise the operator's bundles. What counts now comes first.
    pub packages: Vec<PackageAnswer>,
    /// Bytes used beyond all packages of the platform. Absent where the card has no such package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub overage_bytes: Option<u64>,
    /// Profiles.
    pub profiles: Vec<ProfileAnswer>,
    /// The last refresh. `null` where there was none.
    #[schema(required = true)]
    pub refresh: Option<RefreshReport>,
    /// When the card may be refreshed again. `null` where it may be refreshed now.
    #[schema(required = true)]
    pub next_refresh_at: Option<i64>,
    /// How its operator is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operator: Option<OperatorAnswer>,
}

/// A reading in a card's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadingAnswer {
    /// The profile's ICCID.
    pub iccid: String,
    /// When it was read.
    pub synced_at: i64,
    /// The operator's time of the usage, where it gives one.
    #[schema(required = true)]
    pub as_of: Option<i64>,
    /// Cumulative bytes used in the operator's period.
    pub used_bytes: u64,
    /// Bytes that the reading added. Negative where the operator corrected its usage downwards.
    pub delta_bytes: i64,
    /// `first`, `same_period`, `new_period`, `assumed_period`, `correction` or `late`. A late reading is
    /// older than the last one, and changed nothing. With `assumed_period` the usage fell, and it was
    /// assumed that a new period began.
    pub kind: String,
}

/// Bytes of one calendar day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DayAnswer {
    /// `2026-05-31`, in the platform's time zone.
    pub day: String,
    /// Bytes first read on that day. Negative where corrections outweigh.
    pub used_bytes: i64,
}

/// A card's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryAnswer {
    /// Readings, newest first.
    pub readings: Vec<ReadingAnswer>,
    /// The `before` of the next page. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_before: Option<String>,
    /// Days, oldest first. Only on the first page.
    pub days: Vec<DayAnswer>,
}

/// A page of cards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CardPage {
    /// From 1.
    pub page_num: i64,
    /// As asked for.
    pub page_size: i64,
    /// Whether there is a page after this one.
    pub has_more: bool,
    /// The `cursor` of the page after this one. Absent on the last page. By it a list has no card twice and
    /// none left out, whatever changes meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
    /// The cards.
    pub list: Vec<CardAnswer>,
}
