//! Verifying what the server posts to an account's `notify_url`.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use simgauge_protocol::body::{self, Body, BodyError};
use simgauge_protocol::sign;
use std::time::Duration;

/// Why a notification is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// The body is not one that can be signed.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// `sign` or `timestamp` is missing or ill-typed.
    #[error("the field `{0}` is missing or not what it must be")]
    Field(&'static str),
    /// The sign is not the one of this body and secret.
    #[error("the sign is wrong")]
    Sign,
    /// Rightly signed, but too long ago (or ahead): perhaps sent by somebody who has overheard it.
    #[error("the timestamp {timestamp} is more than {} s away from {now}", .tolerance.as_secs())]
    Timestamp {
        /// When it was signed, in Unix seconds.
        timestamp: i64,
        /// The receiver's time, in Unix seconds.
        now: i64,
        /// What would have been allowed.
        tolerance: Duration,
    },
}

/// Verifies a notification: `body` exactly as it was received, `now` the receiver's time in Unix seconds, and how far
/// `timestamp` may be from it. Gives the notification as JSON.
///
/// ```
/// use simgauge_client::{SecretString, verify_notification};
/// use std::time::Duration;
///
/// let secret = SecretString::from("a1b1c1d1");
/// let body = br#"{"event":"usage.refreshed","timestamp":1556595508,"nonce":24523,
///     "sign":"4448321C3FF830E1227A49D6D07FD6EC108237E1"}"#;
/// let event = verify_notification(body, &secret, 1_556_595_510, Duration::from_secs(300))?;
/// assert_eq!(event["event"], "usage.refreshed");
/// # Ok::<(), simgauge_client::NotificationError>(())
/// ```
///
/// # Errors
/// [`NotificationError`]; then nothing in the body is to be used.
pub fn verify_notification(
    body: &[u8],
    secret: &SecretString,
    now: i64,
    tolerance: Duration,
) -> Result<Value, NotificationError> {
    let parsed = Body::parse(body)?;
    let Some(body::Value::Text(sign)) = parsed.get("sign") else {
        return Err(NotificationError::Field("sign"));
    };
    if !sign::verify(&parsed, sign::Scope::Notification, secret.expose_secret(), sign) {
        return Err(NotificationError::Sign);
    }
    let timestamp = match parsed.get("timestamp") {
        Some(body::Value::Number(token)) => token.parse::<i64>().ok(),
        _ => None,
    };
    let timestamp = timestamp.ok_or(NotificationError::Field("timestamp"))?;
    if timestamp.abs_diff(now) > tolerance.as_secs() {
        return Err(NotificationError::Timestamp { timestamp, now, tolerance });
    }
    // The parser of the sign passes over a byte order mark.
    let json = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(json).map_err(|error| BodyError::NotJson(error.to_string()).into())
}
