//! Setting a client up.

use crate::client::{Client, Settings};
use crate::error::ClientError;
use rand::RngExt as _;
use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderValue};
use reqwest::redirect;
use secrecy::SecretString;
use simgauge_protocol::Language;
use simgauge_protocol::sign::SignType;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_RETRY_BUDGET: Duration = Duration::from_secs(30);

/// A client to be.
#[derive(Debug)]
pub struct ClientBuilder {
    base_url: String,
    appkey: String,
    secret: SecretString,
    timeout: Duration,
    retry_budget: Duration,
    language: Option<Language>,
    sign_type: SignType,
}

impl ClientBuilder {
    pub(crate) fn new(base_url: String, appkey: String, secret: SecretString) -> Self {
        Self {
            base_url,
            appkey,
            secret,
            timeout: DEFAULT_TIMEOUT,
            retry_budget: DEFAULT_RETRY_BUDGET,
            language: None,
            sign_type: SignType::default(),
        }
    }

    /// How long one try of a call may take (10 s unless set). The first try of a refresh whose answer the server is to hold
    /// gets at least two seconds more than it is to be held.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a call may take with all its retries (30 s unless set). Zero means one try; the first try always has
    /// its full time-out.
    #[must_use]
    pub fn retry_budget(mut self, budget: Duration) -> Self {
        self.retry_budget = budget;
        self
    }

    /// The language of the server's messages; the account's own unless set.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// How calls are signed: as the API documents it, with SHA-1, unless the app was made for another way.
    #[must_use]
    pub fn sign_type(mut self, sign_type: SignType) -> Self {
        self.sign_type = sign_type;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`ClientError::Setup`] where the base URL is not an `http` or `https` address, or TLS cannot be set up.
    pub fn build(self) -> Result<Client, ClientError> {
        let base_url = checked(&self.base_url)?;
        // Whoever was first in the process has chosen; there is nothing to do then.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        if let Some(language) = self.language {
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(language.as_str()));
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("simgauge-client/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // A signed request is for the address it was made for.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::Setup(error.without_url().to_string()))?;
        Ok(Client::new(Settings {
            http,
            base_url,
            appkey: self.appkey,
            secret: self.secret,
            sign_type: self.sign_type,
            timeout: self.timeout,
            retry_budget: self.retry_budget,
            nonce: AtomicU32::new(rand::rng().random()),
        }))
    }
}

/// The base URL without a slash at its end.
fn checked(base_url: &str) -> Result<String, ClientError> {
    let wrong = |why: &str| Err(ClientError::Setup(format!("the base URL {why}")));
    let Ok(url) = reqwest::Url::parse(base_url) else {
        return wrong("must be an address such as https://sim.example.com");
    };
    match url {
        _ if !matches!(url.scheme(), "http" | "https") => wrong("must start with http:// or https://"),
        _ if !url.has_host() => wrong("names no host"),
        _ if !url.username().is_empty() || url.password().is_some() => {
            wrong("must not carry a user or a password")
        }
        _ if url.query().is_some() || url.fragment().is_some() => {
            wrong("must not carry a query or a fragment")
        }
        _ => Ok(url.as_str().trim_end_matches('/').to_owned()),
    }
}
