//! Which code stands on the wire for which refusal. There are two tables: this program's own codes, and those
//! that the reference platform documents, where they are known. A platform can also set single codes itself.

use crate::code::Code;
use crate::language::Language;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a call is refused, as exactly as a table of codes can distinguish it. The names in snake case are
/// those of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The body or a field is wrong, and none of the causes below says it more exactly.
    BadRequest,
    /// `iccid` is missing or empty.
    IccidMissing,
    /// `iccid` is not one.
    IccidWrong,
    /// `iccids` is not a list of ICCIDs.
    IccidsWrong,
    /// `iccids` has too many entries.
    IccidsTooMany,
    /// There is no operation of that name.
    UnknownOperation,
    /// Unknown appkey, wrong sign, wrong sign type.
    WrongSign,
    /// The timestamp is outside the window.
    Timestamp,
    /// The app is disabled.
    AppDisabled,
    /// The address is not on the app's allow-list.
    AddressNotAllowed,
    /// The account has no such card.
    NoCard,
    /// The account has no such refresh.
    NoRefresh,
    /// There is nothing at this path.
    NoPath,
    /// The path does not accept this HTTP method.
    Method,
    /// A sign that was already used.
    SignUsed,
    /// The body is too large.
    BodyTooLarge,
    /// The card was refreshed a short while ago.
    Cooldown,
    /// A program refreshes the card regularly.
    SteadyCadence,
    /// The app's or the account's quota is used up.
    Quota,
    /// An error of the server.
    Internal,
    /// The operator has too much to do, is down, or paused.
    OperatorBehind,
    /// The card's operator is not set up.
    OperatorUnknown,
    /// Too many calls are in flight, or the server is stopping.
    Overloaded,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 23] = [
        Self::BadRequest,
        Self::IccidMissing,
        Self::IccidWrong,
        Self::IccidsWrong,
        Self::IccidsTooMany,
        Self::UnknownOperation,
        Self::WrongSign,
        Self::Timestamp,
        Self::AppDisabled,
        Self::AddressNotAllowed,
        Self::NoCard,
        Self::NoRefresh,
        Self::NoPath,
        Self::Method,
        Self::SignUsed,
        Self::BodyTooLarge,
        Self::Cooldown,
        Self::SteadyCadence,
        Self::Quota,
        Self::Internal,
        Self::OperatorBehind,
        Self::OperatorUnknown,
        Self::Overloaded,
    ];

    /// This program's own code for it.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::BadRequest
            | Self::IccidMissing
            | Self::IccidWrong
            | Self::IccidsWrong
            | Self::IccidsTooMany
            | Self::UnknownOperation => Code::BadRequest,
            Self::WrongSign | Self::Timestamp => Code::Unauthorized,
            Self::AppDisabled | Self::AddressNotAllowed => Code::Forbidden,
            Self::NoCard | Self::NoRefresh | Self::NoPath => Code::NotFound,
            Self::Method => Code::MethodNotAllowed,
            Self::SignUsed => Code::Repeated,
            Self::BodyTooLarge => Code::TooLarge,
            Self::Cooldown | Self::SteadyCadence | Self::Quota => Code::TooMany,
            Self::Internal => Code::Internal,
            Self::OperatorBehind | Self::OperatorUnknown | Self::Overloaded => Code::Unavailable,
        }
    }

    /// The reference platform's code and text for it, where it documents one. Source: the beginning of the
    /// table of codes of its public documentation (page 2084441m0).
    const fn documented(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::IccidMissing => Some(("41003", "iccid 为空或格式错误", "iccid empty or wrong")),
            Self::IccidWrong => Some(("41002", "iccid 格式不正确", "invalid iccid format")),
            Self::IccidsWrong => Some(("41001", "iccids 参数错误", "invalid iccids parameter")),
            Self::IccidsTooMany => Some(("41007", "批量卡号超过限制", "batch card numbers exceed limit")),
            Self::AppDisabled => Some(("403", "没有权限访问", "no permission")),
            Self::AddressNotAllowed => Some(("502", "IP 白名单错误", "IP whitelist error")),
            Self::Cooldown | Self::SteadyCadence | Self::Quota => {
                Some(("501", "请求太频繁", "too many requests"))
            }
            Self::Internal => Some(("500", "操作失败", "operation failed")),
            _ => None,
        }
    }
}

/// Whose codes answers carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeStyle {
    /// This program's own.
    #[default]
    Plain,
    /// Those that the reference platform documents; where none is known, this program's own.
    Platform,
}

/// The codes that answers carry.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CodeTable {
    style: CodeStyle,
    overrides: BTreeMap<Cause, String>,
}

impl CodeTable {
    /// The table of a style, with other codes for single causes.
    #[must_use]
    pub const fn new(style: CodeStyle, overrides: BTreeMap<Cause, String>) -> Self {
        Self { style, overrides }
    }

    /// The code for a cause.
    #[must_use]
    pub fn code(&self, cause: Cause) -> &str {
        if let Some(code) = self.overrides.get(&cause) {
            return code;
        }
        self.documented(cause).map_or(cause.code().as_str(), |(code, ..)| code)
    }

    /// The message for a cause: `own`, after the text that goes with the code where the reference platform
    /// has one.
    #[must_use]
    pub fn message(&self, cause: Cause, own: String, language: Language) -> String {
        match self.documented(cause) {
            Some((code, zh, en)) if code == self.code(cause) => {
                language.pick(format!("{zh}:{own}"), format!("{en}: {own}"))
            }
            _ => own,
        }
    }

    fn documented(&self, cause: Cause) -> Option<(&'static str, &'static str, &'static str)> {
        match self.style {
            CodeStyle::Plain => None,
            CodeStyle::Platform => cause.documented(),
        }
    }

    /// The codes that answers carry where this program's own is `code`, each once.
    #[must_use]
    pub fn codes_of(&self, code: Code) -> Vec<&str> {
        let causes = Cause::ALL.into_iter().filter(|cause| cause.code() == code);
        let mut codes: Vec<&str> = Vec::new();
        for carried in causes.map(|cause| self.code(cause)) {
            if !codes.contains(&carried) {
                codes.push(carried);
            }
        }
        if codes.is_empty() { vec![code.as_str()] } else { codes }
    }
}

/// What a code of either table means, as this program's own code. Codes of other platforms can have further
/// meanings; then there is none.
#[must_use]
pub fn meaning(code: &str) -> Option<Code> {
    let documented = || {
        let has_code = |cause: &Cause| cause.documented().is_some_and(|(known, ..)| known == code);
        Cause::ALL.into_iter().find(has_code).map(Cause::code)
    };
    Code::parse(code).or_else(documented)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(overrides: &[(Cause, &str)]) -> CodeTable {
        let overrides = overrides.iter().map(|(cause, code)| (*cause, (*code).to_owned())).collect();
        CodeTable::new(CodeStyle::Platform, overrides)
    }

    #[test]
    fn plain_codes_are_this_programs_own() {
        let table = CodeTable::default();
        for cause in Cause::ALL {
            assert_eq!(table.code(cause), cause.code().as_str());
            assert_eq!(table.message(cause, "own".into(), Language::En), "own");
        }
        assert_eq!(table.codes_of(Code::Forbidden), ["403"]);
        assert_eq!(table.codes_of(Code::Ok), ["200"]);
    }

    #[test]
    fn the_platforms_codes_with_their_texts_before_ours() {
        let table = platform(&[]);
        for (cause, code) in [
            (Cause::Cooldown, "501"),
            (Cause::Quota, "501"),
            (Cause::AddressNotAllowed, "502"),
            (Cause::AppDisabled, "403"),
            (Cause::IccidWrong, "41002"),
            (Cause::IccidMissing, "41003"),
            (Cause::IccidsWrong, "41001"),
            (Cause::IccidsTooMany, "41007"),
            (Cause::Internal, "500"),
            // Not documented anywhere that can be read.
            (Cause::WrongSign, "401"),
            (Cause::NoCard, "404"),
            (Cause::Overloaded, "503"),
        ] {
            assert_eq!(table.code(cause), code, "{cause:?}");
        }
        assert_eq!(
            table.message(Cause::Cooldown, "in 5 s".into(), Language::En),
            "too many requests: in 5 s"
        );
        assert_eq!(table.message(Cause::NoCard, "no such card".into(), Language::En), "no such card");
        assert_eq!(table.codes_of(Code::BadRequest), ["400", "41003", "41002", "41001", "41007"]);
    }

    #[test]
    fn single_codes_can_be_set() {
        let table = platform(&[(Cause::Cooldown, "50001")]);
        assert_eq!((table.code(Cause::Cooldown), table.code(Cause::Quota)), ("50001", "501"));
        assert_eq!(table.message(Cause::Cooldown, "in 5 s".into(), Language::En), "in 5 s");
        assert_eq!(table.codes_of(Code::TooMany), ["50001", "501"]);
    }

    #[test]
    fn both_tables_are_understood() {
        assert_eq!(meaning("429"), Some(Code::TooMany));
        assert_eq!(meaning("501"), Some(Code::TooMany));
        assert_eq!(meaning("502"), Some(Code::Forbidden));
        assert_eq!(meaning("41003"), Some(Code::BadRequest));
        assert_eq!(meaning("45110"), None);
    }
}
