//! The console's cookies and the tokens in them.

use crate::error::PageError;
use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

/// How long a browser keeps its language and theme.
const KEEP_PREFERENCES_SECONDS: u64 = 365 * 24 * 3600;

/// The cookies of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The session's token.
    Session,
    /// A random text of somebody who is not logged in. Their forms are tied to it.
    Visit,
    Language,
    Theme,
}

impl Cookie {
    /// Its name; behind TLS one that browsers take from this very host only.
    fn name(self, is_https: bool) -> String {
        let name = match self {
            Self::Session => "simgauge_session",
            Self::Visit => "simgauge_visit",
            Self::Language => "simgauge_language",
            Self::Theme => "simgauge_theme",
        };
        if is_https { format!("__Host-{name}") } else { name.to_owned() }
    }

    pub(super) fn read(self, headers: &HeaderMap, is_https: bool) -> Option<String> {
        let name = self.name(is_https);
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned())
    }

    /// The `Set-Cookie` line. An empty value removes the cookie. Values are our own and need no quoting.
    pub(super) fn line(self, value: &str, is_https: bool) -> String {
        let age = match self {
            _ if value.is_empty() => "; Max-Age=0".to_owned(),
            Self::Language | Self::Theme => format!("; Max-Age={KEEP_PREFERENCES_SECONDS}"),
            // Until the browser is closed.
            Self::Session | Self::Visit => String::new(),
        };
        let secure = if is_https { "; Secure" } else { "" };
        // Lax: whoever follows a link from an alert is logged in there. Changes need a POST with a token.
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}", self.name(is_https))
    }
}

/// A random token for a cookie.
///
/// # Errors
/// The system gives no random bytes.
pub(super) fn new_token() -> Result<String, PageError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| PageError::internal("the system gives no random bytes"))?;
    Ok(hex::encode(bytes))
}

/// What the store knows a session's token by.
pub(super) fn session_key(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The token in the forms of whoever has this cookie. Who knows the token cannot tell the cookie from it.
pub(super) fn form_token(cookie: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"simgauge console form ");
    hash.update(cookie.as_bytes());
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn cookies() {
        let line = Cookie::Session.line("t", true);
        assert_eq!(line, "__Host-simgauge_session=t; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(Cookie::Session.line("", false).contains("Max-Age=0"));
        let mut headers = HeaderMap::new();
        for value in ["a=b; simgauge_theme=dark", "simgauge_session=t"] {
            headers.append(header::COOKIE, HeaderValue::from_static(value));
        }
        assert_eq!(Cookie::Session.read(&headers, false).as_deref(), Some("t"));
        assert_eq!(Cookie::Theme.read(&headers, false).as_deref(), Some("dark"));
        assert_eq!(Cookie::Session.read(&headers, true), None);
    }
}
