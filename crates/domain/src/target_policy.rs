//! Where notifications may be sent, as far as the URL itself shows. What its host name resolves to is checked
//! at each connection.

use crate::public_address::is_public;
use std::net::IpAddr;
use url::{Host, Url};

/// The longest URL, in bytes.
const MAX_LENGTH: usize = 2000;

/// What the platform's configuration allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetPolicy {
    /// Addresses that are not public are allowed, too.
    pub allow_private: bool,
    /// `http` is allowed, too.
    pub allow_http: bool,
}

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is not a URL.
    #[error("notify_url is not a URL")]
    NotUrl,
    /// It is too long.
    #[error("notify_url is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// The scheme is neither https nor http.
    #[error("notify_url must start with https://")]
    Scheme,
    /// The scheme is http, which is not allowed.
    #[error("notify_url must start with https:// (the platform may allow http: notify.allow_http)")]
    Http,
    /// It has a user or a password in it.
    #[error("notify_url must not carry a user or password; notifications are signed")]
    UserInfo,
    /// Its host is an address that is not public.
    #[error("notify_url must lead to a public address (the platform may allow others: notify.allow_private)")]
    Private,
}

/// Checks a URL as it is written, and returns it without its fragment.
///
/// # Errors
/// [`TargetError`]. Its text does not quote the URL, which may contain a token.
pub fn check(text: &str, policy: TargetPolicy) -> Result<Url, TargetError> {
    if text.len() > MAX_LENGTH {
        return Err(TargetError::TooLong);
    }
    let mut url = Url::parse(text).map_err(|_| TargetError::NotUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if policy.allow_http => {}
        "http" => return Err(TargetError::Http),
        _ => return Err(TargetError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::UserInfo);
    }
    // The parser accepts an IPv4 address in any notation (decimal, octal, hexadecimal, short) and gives the
    // address.
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name != "localhost" && !name.ends_with(".localhost")
        }
        None => return Err(TargetError::NotUrl),
    };
    if !public && !policy.allow_private {
        return Err(TargetError::Private);
    }
    url.set_fragment(None);
    Ok(url)
}

/// A URL as it may be shown to people. Its query is masked, since it may be a token.
#[must_use]
pub fn shown(text: &str) -> String {
    match text.split_once('?') {
        Some((path, _)) => format!("{path}?***"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: TargetPolicy = TargetPolicy { allow_private: false, allow_http: false };

    #[test]
    fn https_to_public_addresses() {
        for good in ["https://example.com/hook?x=1#part", "https://example.com:8443", "https://8.8.8.8/"] {
            assert!(check(good, STRICT).is_ok(), "{good}");
        }
        assert_eq!(check("https://example.com/a#b", STRICT).expect("good").as_str(), "https://example.com/a");
    }

    #[test]
    fn refused_as_written() {
        for (bad, why) in [
            ("", TargetError::NotUrl),
            ("example.com", TargetError::NotUrl),
            ("https://", TargetError::NotUrl),
            ("https://1.2.3.4.5/", TargetError::NotUrl),
            ("ftp://example.com/", TargetError::Scheme),
            ("file:///etc/passwd", TargetError::Scheme),
            ("http://example.com/", TargetError::Http),
            ("http://127.0.0.1/", TargetError::Http),
            ("https://user@example.com/", TargetError::UserInfo),
            ("https://user:pass@example.com/", TargetError::UserInfo),
            ("https://:pass@example.com/", TargetError::UserInfo),
            ("https://127.0.0.1/", TargetError::Private),
            ("https://2130706433/", TargetError::Private),
            ("https://0x7f000001/", TargetError::Private),
            ("https://0x7f.1/", TargetError::Private),
            ("https://0177.0.0.1/", TargetError::Private),
            ("https://127.1/", TargetError::Private),
            ("https://%31%32%37.0.0.1/", TargetError::Private),
            ("https://①②⑦.0.0.1/", TargetError::Private),
            ("https://0/", TargetError::Private),
            ("https://169.254.169.254/latest/meta-data/", TargetError::Private),
            ("https://[::1]/", TargetError::Private),
            ("https://[::ffff:10.0.0.1]/", TargetError::Private),
            ("https://[64:ff9b::10.0.0.1]/", TargetError::Private),
            ("https://localhost/", TargetError::Private),
            ("https://LOCALHOST./", TargetError::Private),
            ("https://a.localhost:8443/", TargetError::Private),
        ] {
            assert_eq!(check(bad, STRICT).expect_err(bad), why, "{bad}");
        }
        let long = format!("https://example.com/{}", "x".repeat(2000));
        assert_eq!(check(&long, STRICT), Err(TargetError::TooLong));
    }

    #[test]
    fn each_permission_is_separate() {
        let only_http = TargetPolicy { allow_private: false, allow_http: true };
        let only_private = TargetPolicy { allow_private: true, allow_http: false };
        assert!(check("http://example.com/", only_http).is_ok());
        assert_eq!(check("http://127.0.0.1/", only_http), Err(TargetError::Private));
        assert!(check("https://127.0.0.1/", only_private).is_ok());
        assert_eq!(check("http://127.0.0.1/", only_private), Err(TargetError::Http));
    }

    #[test]
    fn the_query_is_masked() {
        assert_eq!(shown("https://example.com/a?token=x"), "https://example.com/a?***");
        assert_eq!(shown("https://example.com/a"), "https://example.com/a");
    }
}
