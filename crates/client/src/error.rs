//! What can go wrong with a call: a closed list.

use serde_json::Value;
use simgauge_protocol::Code;

/// An error of the client. No text of it holds the secret or a signed request.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client cannot be set up: a base URL that is none, or no TLS.
    #[error("the client cannot be set up: {0}")]
    Setup(String),
    /// No answer came, also not to the repeated calls.
    #[error("{}", if *.timed_out { "no answer within the time-out" } else { "the server cannot be reached" })]
    Transport {
        /// Whether the last try ran into its time-out.
        timed_out: bool,
        /// What the last try failed with, without the URL.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("refused with code {}: {}", .0.code, .0.message)]
    Refused(Box<Refusal>),
    /// What came is not an answer of this API: no envelope, or not the data of this operation.
    #[error("not an answer of this API (HTTP {status}): {problem}")]
    Answer {
        /// The HTTP status it came with.
        status: u16,
        /// What is wrong with it.
        problem: String,
    },
    /// The call was done, but the answer is the bare code and message. Platforms that have the API's documented
    /// operations only answer a refresh so; nothing is to be repeated.
    #[error("done ({message:?}), but the answer carries no data")]
    NoData {
        /// The message of success.
        message: String,
    },
}

impl ClientError {
    /// The refusal, where it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// A refusal as the server put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status it came with; 200 for whatever reached an operation.
    pub status: u16,
    /// The envelope's code, such as `429`.
    pub code: String,
    /// The reason in the client's language.
    pub message: String,
    /// What else the server says; `null` where nothing.
    pub data: Value,
    /// Header `Retry-After` in seconds.
    pub retry_after_header: Option<u64>,
}

impl Refusal {
    /// The code, where it is one of the documented ones.
    #[must_use]
    pub fn known_code(&self) -> Option<Code> {
        Code::parse(&self.code)
    }

    /// Whole seconds until it is worth trying again: of a card that is cooling down, an app over its quota, or a server
    /// that is overloaded.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.data.get("retryAfterSeconds").and_then(Value::as_u64).or(self.retry_after_header)
    }

    /// When the card may be refreshed again, in Unix seconds.
    #[must_use]
    pub fn next_refresh_at(&self) -> Option<i64> {
        self.data.get("nextRefreshAt").and_then(Value::as_i64)
    }

    /// On a wrong sign: what the server signed, the secret replaced by `***`.
    #[must_use]
    pub fn string_to_sign(&self) -> Option<&str> {
        self.data.get("stringToSign").and_then(Value::as_str)
    }

    /// On a wrong sign or a timestamp outside the window: the server's time in Unix seconds.
    #[must_use]
    pub fn server_time(&self) -> Option<i64> {
        self.data.get("serverTime").and_then(Value::as_i64)
    }

    /// On a fault of the server: what names the call in its logs.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.data.get("requestId").and_then(Value::as_str)
    }
}
