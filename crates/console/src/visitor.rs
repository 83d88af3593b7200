//! Who looks at the console: from a request to a [`Visitor`].

use crate::cookie::{Cookie, form_token, new_token, session_key};
use crate::error::PageError;
use crate::session::live_session;
use crate::state::ConsoleState;
use crate::text::Texts;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use simgauge_domain::origin::{OverTls, Proxies};
use simgauge_protocol::Language;
use simgauge_store::{AdminRole, Session};
use std::net::{IpAddr, SocketAddr};
use subtle::ConstantTimeEq as _;

/// How the pages look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the browser prefers.
    Auto,
    Light,
    Dark,
}

impl Theme {
    const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

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

/// Somebody who looks at the console.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) texts: Texts,
    pub(super) theme: Theme,
    /// Whether they came over TLS.
    pub(super) is_https: bool,
    /// Where they come from. Not known if a trusted proxy sends something that is not an address.
    pub(super) address: Option<IpAddr>,
    /// Their session, if they are logged in.
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
    /// # Errors
    /// The store cannot be reached.
    pub(super) async fn of(state: &ConsoleState, parts: &Parts) -> Result<Self, PageError> {
        let headers = &parts.headers;
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(at)| at.ip());
        let (address, proxy_says_https) = origin(headers, connection, &state.proxies);
        let is_https = proxy_says_https || parts.extensions.get::<OverTls>().is_some();
        let theme = Cookie::Theme.read(headers, is_https).and_then(|name| Theme::parse(&name));
        let mut visitor = Self {
            texts: Texts(language(headers, is_https)),
            theme: theme.unwrap_or(Theme::Auto),
            is_https,
            address,
            session: None,
            session_key: String::new(),
            csrf: String::new(),
            new_visit: None,
            path: parts.uri.path_and_query().map_or("/console", |path| path.as_str()).to_owned(),
        };
        if let Some(token) = Cookie::Session.read(headers, is_https) {
            let key = session_key(&token);
            if let Some(session) = live_session(state, &key).await? {
                visitor.csrf = form_token(&token);
                visitor.session = Some(session);
                visitor.session_key = key;
                return Ok(visitor);
            }
        }
        let visit = match Cookie::Visit.read(headers, is_https).filter(|visit| visit.len() == 64) {
            Some(visit) => visit,
            None => visitor.new_visit.insert(new_token()?).clone(),
        };
        visitor.csrf = form_token(&visit);
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
        self.session.as_ref().ok_or(PageError::NotLoggedIn)
    }

    /// Their session, if it may act.
    ///
    /// # Errors
    /// They are not logged in, or may only look.
    pub(super) fn may_act(&self) -> Result<&Session, PageError> {
        let session = self.logged_in()?;
        if session.role == AdminRole::Full { Ok(session) } else { Err(PageError::ReadOnly) }
    }

    /// Their address for the log.
    pub(super) fn address_in_words(&self) -> String {
        self.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
    }
}

fn language(headers: &HeaderMap, is_https: bool) -> Language {
    Cookie::Language
        .read(headers, is_https)
        .and_then(|name| Language::parse(&name))
        .or_else(|| Language::from_accept_language(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?))
        .unwrap_or_default()
}

/// Where a visitor comes from, if that is known, and whether their proxy says https. The rule is the one for
/// callers of the open API.
fn origin(headers: &HeaderMap, connection: Option<IpAddr>, proxies: &Proxies) -> (Option<IpAddr>, bool) {
    let Some(connection) = connection else { return (None, false) };
    let lines = |name: &str| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let is_https = proxies.says_https(connection, lines(Proxies::SCHEME_HEADER));
    (proxies.caller(connection, lines(proxies.header_name())), is_https)
}
