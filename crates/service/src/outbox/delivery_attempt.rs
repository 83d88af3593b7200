//! One attempt to deliver one notification.

use super::resolve::{PublicResolver, ResolveError};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use simgauge_domain::target_policy::{self, TargetError, TargetPolicy};
use std::error::Error as _;
use std::time::Duration;

/// What is read of an answer's body, so that its connection can be used again; what it says does not matter.
const ANSWER_MAX: usize = 16 * 1024;
/// How long that is worth waiting for.
const ANSWER_TIME: Duration = Duration::from_millis(500);

/// Why a notification was not delivered. The texts are stored and shown: none holds an address or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AttemptError {
    /// The account does not want notifications any more.
    #[error("the account has no notify_url")]
    SwitchedOff,
    /// The address is not allowed (any more).
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No app can sign.
    #[error(
        "the app that is to sign is disabled, or the account has no enabled one; see account notify --app"
    )]
    NoApp,
    /// The secret cannot be opened.
    #[error("the secret of the app that signs cannot be opened with this node's key")]
    Sealed,
    /// The outbox holds a body that this program does not write.
    #[error("the notification's body is damaged")]
    Damaged,
    /// A setting of the account or its app is none that this program writes.
    #[error("the {0} stored for the account is not known")]
    Unknown(&'static str),
    /// No address to connect to.
    #[error(transparent)]
    Resolve(ResolveError),
    /// No answer in time.
    #[error("the receiver did not answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// No connection.
    #[error("the receiver refused the connection")]
    Refused,
    /// No connection.
    #[error("the receiver could not be reached")]
    Unreachable,
    /// No trust.
    #[error("TLS with the receiver failed; is its certificate valid?")]
    Tls,
    /// The connection ended early.
    #[error("the connection to the receiver broke off")]
    BrokeOff,
    /// Redirects could lead anywhere.
    #[error(
        "the receiver answered {0}, a redirect; redirects are not followed: set notify_url to where it leads"
    )]
    Redirect(u16),
    /// Not a success.
    #[error("the receiver answered {0}; only 2xx counts as received")]
    Status(u16),
}

impl AttemptError {
    /// Whether trying again cannot help.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::SwitchedOff | Self::Damaged)
    }

    /// Whether every notification to this receiver would fail, not only this one.
    pub(super) fn is_down(&self) -> bool {
        !matches!(self, Self::Status(_) | Self::SwitchedOff | Self::Damaged)
    }
}

/// Posts notifications.
#[derive(Clone)]
pub(super) struct Sender {
    client: reqwest::Client,
    policy: TargetPolicy,
    timeout: Duration,
}

impl Sender {
    pub(super) fn new(policy: TargetPolicy, timeout: Duration) -> Result<Self, reqwest::Error> {
        // Already installed by somebody else is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("simgauge/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(PublicResolver { allow_private: policy.allow_private })
            // A proxy would resolve names by itself.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(4)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { client, policy, timeout })
    }

    /// Posts a body; a success where the receiver answers 2xx in time.
    pub(super) async fn post(&self, address: &str, body: String) -> Result<(), AttemptError> {
        let url = target_policy::check(address, self.policy)?;
        let mut request = reqwest::Request::new(reqwest::Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.into());
        let answer = tokio::time::timeout(self.timeout, self.client.execute(request)).await;
        let answer = answer.map_err(|_| AttemptError::Timeout(self.timeout))?.map_err(classify)?;
        let status = answer.status();
        if status.is_success() {
            let _ = tokio::time::timeout(ANSWER_TIME, drain(answer)).await;
            Ok(())
        } else if status.is_redirection() {
            Err(AttemptError::Redirect(status.as_u16()))
        } else {
            Err(AttemptError::Status(status.as_u16()))
        }
    }
}

async fn drain(mut answer: reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        if read > ANSWER_MAX {
            return;
        }
    }
}

/// The closed list from what the client says; its own text can carry the address.
fn classify(error: reqwest::Error) -> AttemptError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(known) = known(cause) {
            return known;
        }
        source = cause.source();
    }
    if error.is_connect() { AttemptError::Unreachable } else { AttemptError::BrokeOff }
}

/// I/O errors carry others, themselves included, without giving them as their source.
fn known(cause: &(dyn std::error::Error + 'static)) -> Option<AttemptError> {
    if let Some(resolve) = cause.downcast_ref::<ResolveError>() {
        return Some(AttemptError::Resolve(*resolve));
    }
    if cause.is::<rustls::Error>() {
        return Some(AttemptError::Tls);
    }
    let io = cause.downcast_ref::<std::io::Error>()?;
    if io.kind() == std::io::ErrorKind::ConnectionRefused {
        return Some(AttemptError::Refused);
    }
    known(io.get_ref()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that leads home is refused when it is resolved, whatever the address looked like.
    #[tokio::test]
    async fn a_name_that_leads_home_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let url = format!("http://localhost:{}/", listener.local_addr().expect("bound").port());
        let sender = |allow_private| {
            let policy = TargetPolicy { allow_private, allow_http: true };
            Sender::new(policy, Duration::from_millis(300)).expect("client")
        };
        let refused = sender(false).client.post(&url).send().await.map(drop).map_err(classify);
        assert_eq!(refused, Err(AttemptError::Resolve(ResolveError::Private)));
        let posted = sender(false).post(&url, String::new()).await;
        assert_eq!(posted, Err(AttemptError::Target(TargetError::Private)), "and not even resolved");
        let hanging = sender(true).post(&url, String::new()).await;
        assert_eq!(
            hanging,
            Err(AttemptError::Timeout(Duration::from_millis(300))),
            "connected, where allowed"
        );
        let tls = url.replace("http:", "https:");
        let other_end = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("connection");
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").await;
            }
        });
        assert_eq!(sender(true).post(&tls, String::new()).await, Err(AttemptError::Tls));
        other_end.abort();
        let _ = other_end.await;
        assert_eq!(sender(true).post(&url, String::new()).await, Err(AttemptError::Refused));
        let unknown = sender(true).post("http://nobody.invalid/", String::new()).await;
        let unknown = unknown.expect_err("no such name");
        assert!(matches!(unknown, AttemptError::Resolve(ResolveError::Unknown) | AttemptError::Timeout(_)));
    }
}
