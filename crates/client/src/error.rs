//! The errors of the client, a closed list.

use serde_json::Value;
use simgauge_protocol::{Code, code_table};

/// An error of the client. Its text never has the secret or a signed request in it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client cannot be set up: the base URL is not usable, or TLS is not available.
    #[error("the client cannot be set up: {0}")]
    Setup(String),
    /// No answer came, also not after retries.
    #[error("{}", if *.timed_out { "no answer within the time-out" } else { "the server cannot be reached" })]
    Transport {
        /// Whether the last try timed out.
        timed_out: bool,
        /// The error of the last try, without the URL.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("refused with code {}: {}", .0.code, .0.message)]
    Refused(Box<Refusal>),
    /// The answer is not one of this API: it has no envelope, or not the data of this operation.
    #[error("not an answer of this API (HTTP {status}): {problem}")]
    Answer {
        /// The HTTP status of the answer.
        status: u16,
        /// What is wrong with it.
        problem: String,
    },
    /// The call succeeded, but the answer has only code and message. Platforms that have only the API's
    /// documented operations answer a refresh like this. Nothing has to be repeated.
    #[error("done ({message:?}), but the answer carries no data")]
    NoData {
        /// The message of the answer.
        message: String,
    },
}

impl ClientError {
    /// The refusal, where the error is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// A refusal by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status of the answer. 200 where the call reached an operation.
    pub status: u16,
    /// The envelope's code, such as `429`.
    pub code: String,
    /// The reason in the client's language.
    pub message: String,
    /// The `data` of the answer. `null` where there is none.
    pub data: Value,
    /// The header `Retry-After`, in seconds.
    pub retry_after_header: Option<u64>,
}

impl Refusal {
    /// What the code means, where it is a documented one: of this program, or of the reference platform
    /// (`501` is [`Code::TooMany`], too).
    #[must_use]
    pub fn known_code(&self) -> Option<Code> {
        code_table::meaning(&self.code)
    }

    /// Whole seconds until another try makes sense: a card is cooling down, an app is over its quota, or the
    /// server is overloaded.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.data.get("retryAfterSeconds").and_then(Value::as_u64).or(self.retry_after_header)
    }

    /// When the card may be refreshed again, in Unix seconds.
    #[must_use]
    pub fn next_refresh_at(&self) -> Option<i64> {
        self.data.get("nextRefreshAt").and_then(Value::as_i64)
    }

    /// On a wrong sign: the string that the server signed, with `***` in place of the secret.
    #[must_use]
    pub fn string_to_sign(&self) -> Option<&str> {
        self.data.get("stringToSign").and_then(Value::as_str)
    }

    /// On a wrong sign or a timestamp outside the window: the server's time in Unix seconds.
    #[must_use]
    pub fn server_time(&self) -> Option<i64> {
        self.data.get("serverTime").and_then(Value::as_i64)
    }

    /// On an error of the server: the id of the call in the server's logs.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.data.get("requestId").and_then(Value::as_str)
    }
}
