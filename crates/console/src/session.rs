//! Who looks at the console: from a request to a [`Visitor`], and cookies.

use crate::page::PageError;
use crate::state::ConsoleState;
use crate::text::Texts;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use simgauge_domain::origin::OverTls;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::Language;
use simgauge_store::{AdminRole, Session};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// A session is noted as seen at most this often.
const NOTE_SEEN_EVERY: Duration = Duration::from_secs(60);
/// How long a browser keeps its language and theme.
const KEEP_TASTE_SECONDS: u64 = 365 * 24 * 3600;

/// How the pages look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the browser prefers.
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub(super) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == name)
    }
}

/// The cookies of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The session's token.
    Session,
    /// A random text of somebody who is not logged in, which forms are tied to.
    Visit,
    /// Which language.
    Language,
    /// Which theme.
    Theme,
}

impl Cookie {
    /// Its name; behind TLS one that browsers take from this very host only.
    fn name(self, secure: bool) -> String {
        let name = match self {
            Self::Session => "simgauge_session",
            Self::Visit => "simgauge_visit",
            Self::Language => "simgauge_language",
            Self::Theme => "simgauge_theme",
        };
        if secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn read(self, headers: &HeaderMap, secure: bool) -> Option<String> {
        let name = self.name(secure);
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned())
    }

    /// The `Set-Cookie` line; an empty value takes it back. The values are made here and need no quoting.
    pub(super) fn line(self, value: &str, secure: bool) -> String {
        let age = match self {
            _ if value.is_empty() => "; Max-Age=0".to_owned(),
            Self::Language | Self::Theme => format!("; Max-Age={KEEP_TASTE_SECONDS}"),
            // Until the browser is closed.
            Self::Session | Self::Visit => String::new(),
        };
        let secure_only = if secure { "; Secure" } else { "" };
        // Lax: whoever follows a link from an alert is logged in there. What changes anything is a POST with a token.
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure_only}", self.name(secure))
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

/// What the store knows a token by.
pub(super) fn hashed(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The token in the forms of whoever has this cookie: it can be told from the cookie, and not the other way round.
fn csrf_of(cookie: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"simgauge console form ");
    hash.update(cookie.as_bytes());
    hex::encode(hash.finalize())
}

/// Somebody who looks at the console.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) texts: Texts,
    pub(super) theme: Theme,
    /// Whether they came over TLS.
    pub(super) secure: bool,
    /// Where from, as far as a trusted proxy says.
    pub(super) address: IpAddr,
    /// Their session, where they are logged in.
    pub(super) session: Option<Session>,
    /// What the store knows that session by.
    pub(super) session_key: String,
    /// The token that their forms must carry.
    pub(super) csrf: String,
    /// A new cookie for somebody who had none.
    pub(super) new_visit: Option<String>,
    /// The path and query they asked for.
    pub(super) path: String,
}

impl Visitor {
    /// Looks at a request.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub(super) async fn of(state: &ConsoleState, parts: &Parts) -> Result<Self, PageError> {
        let headers = &parts.headers;
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let (address, proxied_tls) = came_from(headers, peer, &state.config.trusted_proxies);
        let secure = proxied_tls || parts.extensions.get::<OverTls>().is_some();
        let texts = Texts(language(headers, secure));
        let theme =
            Cookie::Theme.read(headers, secure).and_then(|name| Theme::parse(&name)).unwrap_or(Theme::Auto);
        let path = parts.uri.path_and_query().map_or("/console", |path| path.as_str()).to_owned();
        let mut visitor = Self {
            texts,
            theme,
            secure,
            address,
            session: None,
            session_key: String::new(),
            csrf: String::new(),
            new_visit: None,
            path,
        };
        if let Some(token) = Cookie::Session.read(headers, secure) {
            let key = hashed(&token);
            if let Some(session) = live_session(state, &key).await? {
                visitor.csrf = csrf_of(&token);
                visitor.session = Some(session);
                visitor.session_key = key;
                return Ok(visitor);
            }
        }
        let visit = match Cookie::Visit.read(headers, secure).filter(|visit| visit.len() == 64) {
            Some(visit) => visit,
            None => visitor.new_visit.insert(new_token()?).clone(),
        };
        visitor.csrf = csrf_of(&visit);
        Ok(visitor)
    }

    /// Whether a form is one that we gave them.
    pub(super) fn is_own_form(&self, token: &str) -> bool {
        bool::from(self.csrf.as_bytes().ct_eq(token.as_bytes()))
    }

    /// Their session.
    ///
    /// # Errors
    /// They are not logged in.
    pub(super) fn logged_in(&self) -> Result<&Session, PageError> {
        self.session.as_ref().ok_or(PageError::LogIn)
    }

    /// Their session, where it may act.
    ///
    /// # Errors
    /// They are not logged in, or may only look.
    pub(super) fn may_act(&self) -> Result<&Session, PageError> {
        let session = self.logged_in()?;
        if session.role == AdminRole::Full { Ok(session) } else { Err(PageError::ReadOnly) }
    }
}

/// The session of a hashed token, if it has not run out; notes that it was seen.
pub(super) async fn live_session(state: &ConsoleState, key: &str) -> Result<Option<Session>, PageError> {
    let Some(session) = state.services.store.session(key).await? else { return Ok(None) };
    let now = state.services.clock.now();
    if is_over(&session, now, state.idle(), state.longest()) {
        state.services.store.end_session(key).await?;
        return Ok(None);
    }
    if now.since(session.seen_at) >= NOTE_SEEN_EVERY {
        state.services.store.touch_session(key, now).await?;
    }
    Ok(Some(session))
}

fn is_over(session: &Session, now: UnixMs, idle: Duration, longest: Duration) -> bool {
    // The last visit may have been noted up to a minute early.
    now.since(session.seen_at) >= idle.max(NOTE_SEEN_EVERY * 2) || now.since(session.created_at) >= longest
}

fn language(headers: &HeaderMap, secure: bool) -> Language {
    Cookie::Language
        .read(headers, secure)
        .and_then(|name| Language::parse(&name))
        .or_else(|| Language::from_accept_language(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?))
        .unwrap_or_default()
}

/// The visitor's address, and whether a trusted proxy says that they came over TLS. Proxies add their peer at the end of `X-Forwarded-For`, so it is read
/// from there, as long as the address before is that of a trusted one.
fn came_from(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &[IpAddr]) -> (IpAddr, bool) {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let mut address = peer.unwrap_or(unknown).to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|known| known.to_canonical() == *address);
    if peer.is_none() || !is_trusted(&address) {
        return (address, false);
    }
    let line = |name: &str| {
        headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",")
    };
    let secure = line("x-forwarded-proto").split(',').next_back().is_some_and(|last| last.trim() == "https");
    for hop in line("x-forwarded-for").split(',').rev() {
        let Ok(before) = hop.trim().parse::<IpAddr>() else { break };
        address = before.to_canonical();
        if !is_trusted(&address) {
            break;
        }
    }
    (address, secure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn proxies_are_believed_where_they_are_trusted() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("address");
        let trusted = [ip("127.0.0.1"), ip("10.0.0.1")];
        let forged =
            headers(&[("x-forwarded-for", "1.1.1.1, 192.0.2.7, 10.0.0.1"), ("x-forwarded-proto", "https")]);
        assert_eq!(came_from(&forged, Some(ip("127.0.0.1")), &trusted), (ip("192.0.2.7"), true));
        assert_eq!(came_from(&forged, Some(ip("203.0.113.5")), &trusted), (ip("203.0.113.5"), false));
        assert_eq!(
            came_from(&HeaderMap::new(), Some(ip("::ffff:127.0.0.1")), &trusted),
            (ip("127.0.0.1"), false)
        );
        assert!(!came_from(&forged, None, &trusted).1);
    }

    #[test]
    fn cookies() {
        let line = Cookie::Session.line("t", true);
        assert_eq!(line, "__Host-simgauge_session=t; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(Cookie::Session.line("", false).contains("Max-Age=0"));
        let headers = headers(&[("cookie", "a=b; simgauge_theme=dark"), ("cookie", "simgauge_session=t")]);
        assert_eq!(Cookie::Session.read(&headers, false).as_deref(), Some("t"));
        assert_eq!(Cookie::Theme.read(&headers, false).as_deref(), Some("dark"));
        assert_eq!(Cookie::Session.read(&headers, true), None);
    }

    #[test]
    fn sessions_run_out_by_silence_and_by_age() {
        let session =
            Session { admin: "a".into(), role: AdminRole::Full, created_at: UnixMs(0), seen_at: UnixMs(0) };
        let (idle, longest) = (Duration::from_secs(1_800), Duration::from_secs(7_200));
        let over = |seen_at: i64, now: i64| {
            is_over(
                &Session { seen_at: UnixMs(seen_at * 1000), ..session.clone() },
                UnixMs(now * 1000),
                idle,
                longest,
            )
        };
        assert!(!over(0, 1_799) && over(0, 1_800));
        assert!(!over(7_000, 7_199) && over(7_000, 7_200));
    }
}
