//! The operations: name, path and fields of each, as data. Routes, documentation and metrics are made from
//! this one list.

use crate::field::{Must, NUMBER_MAX};
use crate::request::{
    BEFORE_MAX, CARD_STATUSES, LIST_MAX, NONCE, PAGE_NUM_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX,
    WAIT_MAX_SECONDS,
};
use crate::sign::{SIGN_TYPE_FIELD, SIGN_TYPES};
use simgauge_domain::card_kind::CardKind;
use std::ops::RangeInclusive;

/// An operation of the open API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationName {
    /// Reads a card from its operator now.
    RefreshUsage(CardKind),
    /// Returns one card.
    GetCard(CardKind),
    /// Lists cards.
    ListCards(CardKind),
    /// Returns the readings of a card, by pages.
    UsageHistory(CardKind),
    /// Returns the state of a refresh.
    GetRefresh,
}

/// A field of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it must be.
    pub must: Must,
    /// Whether a call without it is refused.
    pub required: bool,
    /// The value where it is absent.
    pub default: Option<i64>,
    /// What it is for, in Chinese.
    pub zh: &'static str,
    /// What it is for, in English.
    pub en: &'static str,
}

impl Field {
    const fn required(name: &'static str, must: Must, zh: &'static str, en: &'static str) -> Self {
        Self { name, must, required: true, default: None, zh, en }
    }

    const fn optional(name: &'static str, must: Must, zh: &'static str, en: &'static str) -> Self {
        Self { name, must, required: false, default: None, zh, en }
    }

    fn page(name: &'static str, max: i64, default: i64, zh: &'static str, en: &'static str) -> Self {
        Self {
            default: Some(default),
            ..Self::optional(name, Must::IntegerOrDigits(RangeInclusive::new(1, max)), zh, en)
        }
    }
}

impl OperationName {
    /// Every operation, those of the published documentation first.
    pub const ALL: [Self; 9] = [
        Self::RefreshUsage(CardKind::Sim),
        Self::RefreshUsage(CardKind::CloudEsim),
        Self::GetCard(CardKind::Sim),
        Self::GetCard(CardKind::CloudEsim),
        Self::ListCards(CardKind::Sim),
        Self::ListCards(CardKind::CloudEsim),
        Self::UsageHistory(CardKind::Sim),
        Self::UsageHistory(CardKind::CloudEsim),
        Self::GetRefresh,
    ];

    /// The path of its `POST`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::RefreshUsage(CardKind::Sim) => "/api/v3/card/refreshUsage",
            Self::RefreshUsage(CardKind::CloudEsim) => "/api/v3/cloudesim/refreshUsage",
            Self::GetCard(CardKind::Sim) => "/api/v3/card/getCardsInfo",
            Self::GetCard(CardKind::CloudEsim) => "/api/v3/cloudesim/get",
            Self::ListCards(CardKind::Sim) => "/api/v3/card/getAllCardInfo",
            Self::ListCards(CardKind::CloudEsim) => "/api/v3/cloudesim/list",
            Self::UsageHistory(CardKind::Sim) => "/api/v3/card/usageHistory",
            Self::UsageHistory(CardKind::CloudEsim) => "/api/v3/cloudesim/usageHistory",
            Self::GetRefresh => "/api/v3/refresh/get",
        }
    }

    /// The path without the common prefix: `card/refreshUsage`.
    #[must_use]
    pub fn short(self) -> &'static str {
        self.path().trim_start_matches("/api/v3/")
    }

    /// Whether it only reads. A read's sign can be used once, and a read starts no cooldown.
    #[must_use]
    pub const fn is_read(self) -> bool {
        !matches!(self, Self::RefreshUsage(_))
    }

    /// The fields of every call.
    #[must_use]
    pub fn common_fields() -> Vec<Field> {
        vec![
            Field::required("appkey", Must::Text, "应用的 appkey", "identifies the app"),
            Field::required(
                "timestamp",
                Must::UnixSeconds,
                "当前时间戳(秒),10 位数字,也可以是数字字符串;与服务器时间相差不得超过 300 秒(可配置)",
                "now in Unix seconds, 10 digits, also as a string; at most 300 s off the server's \
                 time, unless configured otherwise",
            ),
            Field::required(
                "nonce",
                Must::IntegerOrDigits(NONCE),
                "5 位随机正整数,也可以是数字字符串",
                "a random integer of five digits, also as a string",
            ),
            Field::required(
                "sign",
                Must::Text,
                "签名串:40 位十六进制(HMAC-SHA256 为 64 位),不区分大小写",
                "the sign: 40 hex digits (64 of HMAC-SHA256) in either letter case",
            ),
            Field::optional(
                SIGN_TYPE_FIELD,
                Must::OneOf(SIGN_TYPES),
                "签名方式,默认 SHA-1;仅限开通了 HMAC-SHA256 的应用使用",
                "how it is signed, SHA-1 by default; HMAC-SHA256 is for apps that were created for it",
            ),
        ]
    }

    /// Its fields beside the common ones.
    #[must_use]
    pub fn fields(self) -> Vec<Field> {
        match self {
            Self::RefreshUsage(kind) => vec![
                number(kind),
                Field::optional(
                    "wait",
                    Must::Integer(RangeInclusive::new(0, WAIT_MAX_SECONDS)),
                    "最多等待刷新结束的秒数;超时则照常返回,刷新继续进行",
                    "seconds that the answer is held until the refresh ends; the refresh goes on in any case",
                ),
            ],
            Self::GetCard(kind) => vec![number(kind)],
            Self::ListCards(kind) => vec![
                Field::page("pageNum", PAGE_NUM_MAX, 1, "页码,从 1 开始", "which page, from 1"),
                Field::page("pageSize", PAGE_SIZE_MAX, PAGE_SIZE_DEFAULT, "每页数量", "cards on a page"),
                Field::optional(
                    "cardStatus",
                    Must::OneOf(CARD_STATUSES),
                    "只列出该状态的卡;空字符串表示全部",
                    "only cards in this status; an empty string means all",
                ),
                Field::optional(
                    kind.list_field(),
                    Must::List { max: LIST_MAX },
                    "只列出这些卡号,以英文逗号分隔,最多 500 个",
                    "only these cards, separated by commas, 500 at most",
                ),
                Field::optional(
                    "cursor",
                    Must::Cursor(kind),
                    "上一页返回的 nextCursor;传入后 pageNum 不起作用,翻页期间卡片变动也不会重复或遗漏",
                    "nextCursor of the page before; then pageNum does not count, and no card comes twice or \
                     is left out, whatever changes meanwhile",
                ),
            ],
            Self::UsageHistory(kind) => vec![
                number(kind),
                Field::page("pageSize", PAGE_SIZE_MAX, PAGE_SIZE_DEFAULT, "每页数量", "readings on a page"),
                Field::optional(
                    "before",
                    Must::IntegerOrDigits(RangeInclusive::new(0, BEFORE_MAX)),
                    "上一页返回的 nextBefore;不传则返回最新记录",
                    "nextBefore of the previous page; absent for the newest readings",
                ),
            ],
            Self::GetRefresh => vec![Field::required(
                "refreshId",
                Must::Text,
                "refreshUsage 返回的 refreshId",
                "the refreshId from the answer of refreshUsage",
            )],
        }
    }
}

fn number(kind: CardKind) -> Field {
    let (zh, en) = match kind {
        CardKind::Sim => (
            "卡片的 ICCID,空格、连字符、大小写、末尾的 F 和校验位可有可无",
            "the card's ICCID; spaces, hyphens, letter case, fillers F and the check digit may differ",
        ),
        CardKind::CloudEsim => ("云 eSIM 的 EID 卡号", "the cloud eSIM's EID"),
    };
    Field::required(kind.number_field(), Must::CardNumber { max: NUMBER_MAX }, zh, en)
}

#[cfg(test)]
mod tests;
