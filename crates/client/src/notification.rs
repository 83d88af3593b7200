//! Verifies what the server posts to an account's `notify_url`.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use simgauge_protocol::body::{self, Body, BodyError};
use simgauge_protocol::sign;
use std::time::Duration;

/// Why a notification cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// The body cannot be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// `sign` or `timestamp` is missing or has the wrong type.
    #[error("the field `{0}` is missing or not what it must be")]
    Field(&'static str),
    /// The sign does not match this body and secret.
    #[error("the sign is wrong")]
    Sign,
    /// The sign is right, but the timestamp is too far from now. Somebody may have recorded the notification
    /// and sent it again.
    #[error("the timestamp {timestamp} is more than {} s away from {now}", .tolerance.as_secs())]
    Timestamp {
        /// When it was signed, in Unix seconds.
        timestamp: i64,
        /// The receiver's time, in Unix seconds.
        now: i64,
        /// The greatest difference that is allowed.
        tolerance: Duration,
    },
}

/// Verifies a notification and returns it as JSON. `body` is exactly what was received, `now` is the
/// receiver's time in Unix seconds, and `tolerance` is how far `timestamp` may be from `now`.
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
/// [`NotificationError`]. Then nothing in the body may be used.
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
    // `Body::parse` skips a byte order mark.
    let json = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(json).map_err(|error| BodyError::NotJson(error.to_string()).into())
}
