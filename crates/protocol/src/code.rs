//! The closed set of result codes.

use crate::language::Language;

/// The `code` of an envelope. On the wire it is always a string. `"200"` is success, anything else is
/// failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Done.
    Ok,
    /// The body or a field is wrong. The message names it.
    BadRequest,
    /// Unknown appkey, wrong sign, or a timestamp outside the window.
    Unauthorized,
    /// The app is disabled, or the address is not on its allow-list.
    Forbidden,
    /// This account has no such card or refresh, or there is no such path.
    NotFound,
    /// The path does not accept this HTTP method.
    MethodNotAllowed,
    /// A read with a sign that was already used.
    Repeated,
    /// The body is too large.
    TooLarge,
    /// The card is cooling down, or a quota is used up.
    TooMany,
    /// An error of the server.
    Internal,
    /// Overloaded or stopping.
    Unavailable,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Repeated,
        Self::TooLarge,
        Self::TooMany,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The string on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "200",
            Self::BadRequest => "400",
            Self::Unauthorized => "401",
            Self::Forbidden => "403",
            Self::NotFound => "404",
            Self::MethodNotAllowed => "405",
            Self::Repeated => "409",
            Self::TooLarge => "413",
            Self::TooMany => "429",
            Self::Internal => "500",
            Self::Unavailable => "503",
        }
    }

    /// The code of that string.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == code)
    }

    /// The message where nothing more exact is known.
    #[must_use]
    pub fn default_message(self, language: Language) -> &'static str {
        let (zh, en) = match self {
            Self::Ok => ("操作成功", "success"),
            Self::BadRequest => ("请求参数错误", "the request is wrong"),
            Self::Unauthorized => ("appkey 不存在或签名错误", "unknown appkey or wrong sign"),
            Self::Forbidden => {
                ("应用已停用或来源地址不在白名单", "the app is disabled or the address is not allowed")
            }
            Self::NotFound => ("未找到", "not found"),
            Self::MethodNotAllowed => ("请使用 POST", "use POST"),
            Self::Repeated => ("该签名已被使用,请重新签名", "this sign was already used; sign anew"),
            Self::TooLarge => ("请求体过大", "the body is too large"),
            Self::TooMany => ("操作过于频繁,请稍后再试", "too many requests; try again later"),
            Self::Internal => ("系统内部错误", "internal error"),
            Self::Unavailable => ("系统繁忙,请稍后再试", "overloaded; try again later"),
        };
        language.pick(zh, en)
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_distinct_and_parse_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
        }
        assert_eq!(Code::parse("201"), None);
    }
}
