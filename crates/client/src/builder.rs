//! Sets a client up.

use crate::client::Client;
use crate::connection::Connection;
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

/// The settings of a client.
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

impl Client {
    /// A client of the server at `base_url`, such as `https://sim.example.com`.
    #[must_use]
    pub fn builder(
        base_url: impl Into<String>,
        appkey: impl Into<String>,
        secret: SecretString,
    ) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.into(),
            appkey: appkey.into(),
            secret,
            timeout: DEFAULT_TIMEOUT,
            retry_budget: DEFAULT_RETRY_BUDGET,
            language: None,
            sign_type: SignType::default(),
        }
    }
}

impl ClientBuilder {
    /// How long one try of a call may take. 10 s unless set. A refresh whose answer is held gets at least two
    /// seconds more than the hold.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a call may take with all its retries. 30 s unless set. Zero means one try. The first try
    /// always has its full time-out.
    #[must_use]
    pub fn retry_budget(mut self, budget: Duration) -> Self {
        self.retry_budget = budget;
        self
    }

    /// The language of the server's messages. The account's own unless set.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// How calls are signed. SHA-1, as the API documents it, unless set. An app has to be created for another
    /// type.
    #[must_use]
    pub fn sign_type(mut self, sign_type: SignType) -> Self {
        self.sign_type = sign_type;
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`ClientError::Setup`] where the base URL is not an `http` or `https` address, or TLS cannot be set
    /// up.
    pub fn build(self) -> Result<Client, ClientError> {
        let base_url = checked(&self.base_url)?;
        // One that the process has installed already serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        if let Some(language) = self.language {
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(language.as_str()));
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("simgauge-client/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // A signed request is meant for this address only.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::Setup(error.without_url().to_string()))?;
        Ok(Client::new(Connection {
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

/// The base URL without a trailing slash.
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
