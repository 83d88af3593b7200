//! The answers: the envelope and what goes into its `data`. Times are Unix seconds (10 digits), amounts are bytes.

use crate::code::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every answer is wrapped in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// `"200"` is success, anything else failure.
    pub code: String,
    /// What happened, in the caller's language.
    pub message: String,
    /// What the operation answers; absent where there is nothing to say.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
}

fn none<T>() -> Option<T> {
    None
}

impl<T> Envelope<T> {
    /// An envelope.
    pub fn new(code: Code, message: impl Into<String>, data: Option<T>) -> Self {
        Self { code: code.as_str().to_owned(), message: message.into(), data }
    }

    /// Whether the operation was done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Code::Ok.as_str()
    }
}

/// Where a refresh stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshState {
    /// Accepted, waiting for its turn.
    Queued,
    /// An operator is being asked.
    Running,
    /// Every profile of the card was read.
    Succeeded,
    /// It ended without; `reason` says why.
    Failed,
}

/// What an accepted refresh answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefreshAnswer {
    /// Names this refresh in `/api/v3/refresh/get`.
    pub refresh_id: String,
    /// Where it stands now.
    pub state: RefreshState,
    /// When it was accepted.
    pub accepted_at: i64,
    /// When the card may be refreshed again.
    pub next_refresh_at: i64,
    /// About how long until the operator is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub estimated_seconds: Option<u64>,
    /// The new usage, where the answer was held until it was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage: Option<Usage>,
    /// The ended refresh, where the answer was held until it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refresh: Option<RefreshReport>,
    /// Something the caller should change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warning: Option<String>,
}

/// The period that figures count in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsagePeriod {
    /// `billing_cycle`, `calendar_month`, `bundle` or `lifetime`; `mixed` where a card's profiles differ.
    pub kind: String,
    /// First second, where known.
    #[schema(required = true)]
    pub start: Option<i64>,
    /// First second after it, where known.
    #[schema(required = true)]
    pub end: Option<i64>,
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
    /// The operator's time of the figure, where it gives one.
    #[schema(required = true)]
    pub as_of: Option<i64>,
    /// When we read it.
    pub synced_at: i64,
    /// Seconds since the figure was true, as far as is known.
    pub age_seconds: i64,
    /// How old an answer of this operator can be by its own documentation, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub declared_lag_seconds: Option<u64>,
    /// The period counted.
    pub period: UsagePeriod,
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
    /// Its usage; absent until it was read once.
    #[schema(required = true)]
    pub usage: Option<Usage>,
}

/// A package of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PackageAnswer {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Bytes used of it.
    pub used_bytes: u64,
    /// Bytes in it; absent means unlimited.
    #[schema(required = true)]
    pub total_bytes: Option<u64>,
    /// Bytes left; absent means unlimited.
    #[schema(required = true)]
    pub remaining_bytes: Option<u64>,
    /// Valid from.
    #[schema(required = true)]
    pub valid_from: Option<i64>,
    /// Valid until.
    #[schema(required = true)]
    pub valid_to: Option<i64>,
}

/// A refresh as it stands.
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
    /// Where it stands.
    pub state: RefreshState,
    /// When it was accepted.
    pub accepted_at: i64,
    /// When it ended.
    #[schema(required = true)]
    pub finished_at: Option<i64>,
    /// The card's used bytes before.
    #[schema(required = true)]
    pub before: Option<u64>,
    /// The card's used bytes after.
    #[schema(required = true)]
    pub after: Option<u64>,
    /// On failure: `auth`, `token_expired`, `not_found`, `rate_limited`, `bad_request`, `temporary`, `unsupported` or
    /// `bad_answer`.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// On failure: a plain sentence, in Chinese what the reason means, in English what happened.
    #[schema(required = true)]
    pub reason_text: Option<String>,
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
    /// Usage over all profiles; absent until every profile was read once.
    #[schema(required = true)]
    pub usage: Option<Usage>,
    /// Packages, the one that expires first first: the platform's own, else the operator's bundles.
    pub packages: Vec<PackageAnswer>,
    /// Bytes used that no package of the platform had room for; absent where the card has no such package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub overage_bytes: Option<u64>,
    /// Profiles.
    pub profiles: Vec<ProfileAnswer>,
    /// The last refresh, if there was one.
    #[schema(required = true)]
    pub refresh: Option<RefreshReport>,
    /// When the card may be refreshed again; absent where it may be now.
    #[schema(required = true)]
    pub next_refresh_at: Option<i64>,
}

/// A reading in a card's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadingAnswer {
    /// The profile's ICCID.
    pub iccid: String,
    /// When it was read.
    pub synced_at: i64,
    /// The operator's time of the figure, where it gives one.
    #[schema(required = true)]
    pub as_of: Option<i64>,
    /// Cumulative bytes used in the operator's period.
    pub used_bytes: u64,
    /// Bytes that the reading added; negative where the operator took some back.
    pub delta_bytes: i64,
    /// `first`, `same_period`, `new_period`, `correction` or `late` (older than what was known: changed nothing).
    pub kind: String,
}

/// Bytes of one calendar day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DayAnswer {
    /// `2026-05-31`, in the platform's time zone.
    pub day: String,
    /// Bytes first seen on that day; negative where corrections outweigh.
    pub used_bytes: i64,
}

/// A card's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryAnswer {
    /// Readings, newest first.
    pub readings: Vec<ReadingAnswer>,
    /// What to send as `before` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_before: Option<String>,
    /// Days, oldest first; only with the first page.
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
    /// The cards.
    pub list: Vec<CardAnswer>,
}

/// `data` of a 401.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnauthorizedDetail {
    /// The server's time in Unix seconds.
    pub server_time: i64,
    /// On a wrong sign: what the server signed, the secret replaced by `***`.
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
    /// The same as a time, for a card's cooldown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_refresh_at: Option<i64>,
    /// For a lane that is too far behind: about how long the wait would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub estimated_seconds: Option<u64>,
}

/// `data` of a 500.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InternalDetail {
    /// Names the call in the server's logs.
    pub request_id: String,
}
