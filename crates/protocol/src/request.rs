//! The requests: the common fields of every call, and the fields of each operation.

use crate::body::Body;
use crate::field::{self, FieldError};
use crate::sign::SignType;
use simgauge_domain::card_kind::CardKind;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// A nonce has five digits.
pub const NONCE: RangeInclusive<i64> = 10_000..=99_999;
/// The largest page of a list, in entries.
pub const PAGE_SIZE_MAX: i64 = 500;
/// The page size where none is asked for.
pub const PAGE_SIZE_DEFAULT: i64 = 100;
/// The largest number of cards that a list can be narrowed to.
pub const LIST_MAX: usize = 500;
/// The largest page number of a list.
pub const PAGE_NUM_MAX: i64 = 1_000_000;
/// The largest `before` of a history: 16 digits, which every client's number type can hold.
pub const BEFORE_MAX: i64 = 9_999_999_999_999_999;
/// The longest hold of an answer, in seconds. Published clients give up after ten.
pub const WAIT_MAX_SECONDS: i64 = 8;

/// The card statuses of the API.
pub const CARD_STATUSES: &[&str] =
    &["ACTIVATION_READY_NAME", "NON_ACTIVATED_NAME", "ACTIVATED_NAME", "DEACTIVATED_NAME", "RETIRED_NAME"];

/// The common fields of every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller<'b> {
    /// Identifies the app.
    pub appkey: &'b str,
    /// The caller's time in Unix seconds, 10 digits.
    pub timestamp: i64,
    /// 10000 to 99999, at random.
    pub nonce: i64,
    /// 40 hex digits for SHA-1, 64 for HMAC-SHA256.
    pub sign: &'b str,
    /// How it is signed.
    pub sign_type: SignType,
}

impl<'b> Caller<'b> {
    /// Reads the common fields.
    ///
    /// # Errors
    /// [`FieldError`] that names the first wrong field.
    pub fn read(body: &'b Body<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            appkey: field::text(body, "appkey")?,
            timestamp: field::unix_seconds(body, "timestamp")?,
            nonce: field::integer_or_digits(body, "nonce", NONCE)?,
            sign: field::text(body, "sign")?,
            sign_type: SignType::of(body)?,
        })
    }
}

/// The message of an accepted refresh, as the published documentation shows it for each kind of card.
#[must_use]
pub const fn success_message(kind: CardKind) -> &'static str {
    match kind {
        CardKind::Sim => "操作成功",
        CardKind::CloudEsim => "success",
    }
}

/// `refreshUsage` of either kind of card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshUsage<'b> {
    /// ICCID or EID, in canonical spelling.
    pub number: Cow<'b, str>,
    /// How long the answer may be held, in seconds.
    pub wait: u64,
}

impl<'b> RefreshUsage<'b> {
    /// Reads the operation's fields.
    ///
    /// # Errors
    /// [`FieldError`] that names the first wrong field.
    pub fn read(body: &'b Body<'_>, kind: CardKind) -> Result<Self, FieldError> {
        Ok(Self {
            number: field::card_number(body, kind.number_field(), kind)?,
            wait: field::optional_integer(body, "wait", 0..=WAIT_MAX_SECONDS)?
                .and_then(|seconds| u64::try_from(seconds).ok())
                .unwrap_or(0),
        })
    }
}

/// The card number of a read of one card, in canonical spelling.
///
/// # Errors
/// [`FieldError`] where it is missing or wrong.
pub fn card_number<'b>(body: &'b Body<'_>, kind: CardKind) -> Result<Cow<'b, str>, FieldError> {
    field::card_number(body, kind.number_field(), kind)
}

/// The refresh id of a read of one refresh.
///
/// # Errors
/// [`FieldError`] where it is missing or wrong.
pub fn refresh_id<'b>(body: &'b Body<'_>) -> Result<&'b str, FieldError> {
    field::text(body, "refreshId")
}

/// A list of cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCards {
    /// From 1.
    pub page_num: i64,
    /// 1 to 500.
    pub page_size: i64,
    /// Only cards in this status.
    pub status: Option<&'static str>,
    /// Only these cards, in canonical spelling; empty means all.
    pub numbers: Vec<String>,
    /// Only cards after the one with this number. Then the page number does not count.
    pub after: Option<String>,
}

impl ListCards {
    /// Reads the operation's fields.
    ///
    /// # Errors
    /// [`FieldError`] that names the first wrong field.
    pub fn read(body: &Body<'_>, kind: CardKind) -> Result<Self, FieldError> {
        Ok(Self {
            page_num: field::lenient_integer(body, "pageNum", 1..=PAGE_NUM_MAX, 1)?,
            page_size: field::lenient_integer(body, "pageSize", 1..=PAGE_SIZE_MAX, PAGE_SIZE_DEFAULT)?,
            status: field::optional_one_of(body, "cardStatus", CARD_STATUSES)?,
            numbers: field::card_numbers(body, kind.list_field(), kind, LIST_MAX)?,
            after: field::optional_cursor(body, "cursor", kind)?,
        })
    }
}

/// A card's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageHistory<'b> {
    /// ICCID or EID, in canonical spelling.
    pub number: Cow<'b, str>,
    /// Readings on a page, 1 to 500.
    pub page_size: i64,
    /// The `nextBefore` of the previous page.
    pub before: Option<i64>,
}

impl<'b> UsageHistory<'b> {
    /// Reads the operation's fields.
    ///
    /// # Errors
    /// [`FieldError`] that names the first wrong field.
    pub fn read(body: &'b Body<'_>, kind: CardKind) -> Result<Self, FieldError> {
        let before = field::lenient_integer(body, "before", 0..=BEFORE_MAX, i64::MAX)?;
        Ok(Self {
            number: field::card_number(body, kind.number_field(), kind)?,
            page_size: field::lenient_integer(body, "pageSize", 1..=PAGE_SIZE_MAX, PAGE_SIZE_DEFAULT)?,
            before: (before != i64::MAX).then_some(before),
        })
    }
}
