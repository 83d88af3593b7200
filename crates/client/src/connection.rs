//! Makes one call: signs it, sends it, repeats it where that is safe and may help, and reads the answer.

use crate::error::{ClientError, Refusal};
use crate::request::Fields;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use simgauge_protocol::body::Body;
use simgauge_protocol::sign::{SIGN_TYPE_FIELD, SignType};
use simgauge_protocol::{Envelope, sign};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

/// The largest answer that is read. A page of 500 cards with many packages each is far smaller.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// How much of an answer is quoted that is not one of this API.
const QUOTED_CHARS: usize = 80;

/// How a call is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// With the identical bytes. The API gives an identical request the same answer.
    Identical,
    /// With a new timestamp, nonce and sign.
    SignAnew,
}

pub(crate) struct Call {
    pub(crate) path: &'static str,
    pub(crate) fields: Fields,
    pub(crate) repeat: Repeat,
    pub(crate) timeout: Duration,
}

struct Failed {
    error: ClientError,
    /// How long to wait at least before another try. `None` where another try cannot help.
    retry_after: Option<Duration>,
}

/// A server, and the app that calls it.
pub(crate) struct Connection {
    pub(crate) http: reqwest::Client,
    pub(crate) base_url: String,
    pub(crate) appkey: String,
    pub(crate) secret: SecretString,
    pub(crate) sign_type: SignType,
    /// Of one try.
    pub(crate) timeout: Duration,
    /// Of one call with all its tries.
    pub(crate) retry_budget: Duration,
    /// Counts the calls, from a random start.
    pub(crate) nonce: AtomicU32,
}

impl Connection {
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let span = tracing::debug_span!("simgauge_call", path = call.path);
        self.call_with_retries(call).instrument(span).await
    }

    async fn call_with_retries<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let deadline = Instant::now() + self.retry_budget;
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .without_max_times()
            .build();
        let mut body = self.signed(&call.fields)?;
        let mut timeout = call.timeout;
        loop {
            let Failed { error, retry_after } = match self.send(call.path, body.clone(), timeout).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let (Some(retry_after), Some(pause)) = (retry_after, pauses.next()) else {
                return Err(error);
            };
            let pause = retry_after.saturating_add(pause);
            let left = deadline.saturating_duration_since(Instant::now());
            if pause >= left {
                return Err(error);
            }
            tracing::debug!(%error, ?pause, "trying again");
            sleep(pause).await;
            timeout = call.timeout.min(left - pause);
            if call.repeat == Repeat::SignAnew {
                body = self.signed(&call.fields)?;
            }
        }
    }

    /// The signed body, with the common fields.
    fn signed(&self, fields: &Fields) -> Result<Vec<u8>, ClientError> {
        let unsignable =
            |problem: String| ClientError::Setup(format!("the request cannot be signed: {problem}"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut all = Fields::new();
        all.insert("appkey".to_owned(), self.appkey.as_str().into());
        all.insert("timestamp".to_owned(), now.into());
        all.insert("nonce".to_owned(), self.nonce().into());
        if self.sign_type != SignType::default() {
            all.insert(SIGN_TYPE_FIELD.to_owned(), self.sign_type.as_str().into());
        }
        all.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        let unsigned = serde_json::to_vec(&all).map_err(|error| unsignable(error.to_string()))?;
        let body = Body::parse(&unsigned).map_err(|error| unsignable(error.to_string()))?;
        let sign = sign::sign(&body, sign::Scope::Request, self.secret.expose_secret());
        all.insert("sign".to_owned(), sign.into());
        serde_json::to_vec(&all).map_err(|error| unsignable(error.to_string()))
    }

    /// 10000 to 99999. The sequence starts at random and yields every number once before one repeats, so that
    /// two reads of one card in one second never have the same sign.
    fn nonce(&self) -> u32 {
        const COUNT: u64 = 90_000;
        // It has no common factor with the count.
        const STEP: u64 = 48_271;
        let call = u64::from(self.nonce.fetch_add(1, Ordering::Relaxed));
        10_000 + u32::try_from(call % COUNT * STEP % COUNT).unwrap_or(0)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<T, Failed> {
        let mut response = self
            .http
            .post(format!("{}{path}", self.base_url))
            .header(CONTENT_TYPE, "application/json")
            .timeout(timeout)
            .body(body)
            .send()
            .await
            .map_err(transport)?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header(RETRY_AFTER).and_then(|seconds| seconds.trim().parse::<u64>().ok());
        let content_type = header(CONTENT_TYPE).unwrap_or("no content type").to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                let problem = format!("it is longer than {MAX_ANSWER_BYTES} bytes");
                return Err(Failed { error: ClientError::Answer { status, problem }, retry_after: None });
            }
            bytes.extend_from_slice(&chunk);
        }
        read_answer(status, retry_after, &content_type, &bytes).map_err(|error| {
            let hint = error.refusal().and_then(Refusal::retry_after_seconds).or(retry_after);
            let retry_after = (status >= 500).then(|| Duration::from_secs(hint.unwrap_or(0)));
            Failed { error, retry_after }
        })
    }
}

fn transport(error: reqwest::Error) -> Failed {
    let retry_after = (!error.is_builder()).then_some(Duration::ZERO);
    let error = ClientError::Transport { timed_out: error.is_timeout(), source: error.without_url() };
    Failed { error, retry_after }
}

/// The data of an answer.
fn read_answer<T: DeserializeOwned>(
    status: u16,
    retry_after: Option<u64>,
    content_type: &str,
    bytes: &[u8],
) -> Result<T, ClientError> {
    let wrong = |problem: String| Err(ClientError::Answer { status, problem });
    if (300..400).contains(&status) {
        return wrong("the server redirects; use the address it redirects to as base URL".to_owned());
    }
    let envelope: Envelope<Value> = match serde_json::from_slice(bytes) {
        Ok(envelope) => envelope,
        Err(error) => {
            return wrong(format!("no envelope ({error}) but {content_type}: {:?}", quoted(bytes)));
        }
    };
    if !envelope.is_success() {
        return Err(ClientError::Refused(Box::new(Refusal {
            status,
            code: envelope.code,
            message: envelope.message,
            data: envelope.data.unwrap_or_default(),
            retry_after_header: retry_after,
        })));
    }
    if status != 200 {
        return wrong("a code of success with an HTTP status of failure".to_owned());
    }
    match envelope.data {
        None => Err(ClientError::NoData { message: envelope.message }),
        Some(Value::Object(data)) if data.is_empty() => {
            Err(ClientError::NoData { message: envelope.message })
        }
        Some(data) => {
            serde_json::from_value(data).or_else(|error| wrong(format!("unexpected data: {error}")))
        }
    }
}

/// The beginning of an answer, on one line without control characters.
fn quoted(bytes: &[u8]) -> String {
    let start = bytes.get(..bytes.len().min(4 * QUOTED_CHARS)).unwrap_or_default();
    String::from_utf8_lossy(start)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(QUOTED_CHARS)
        .collect()
}
