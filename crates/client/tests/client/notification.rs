//! Notifications: believed only where sign and time are right.

use crate::support::SECRET;
use rstest::rstest;
use simgauge_client::{NotificationError, SecretString, verify_notification};
use simgauge_protocol::body::Body;
use simgauge_protocol::sign;
use std::time::Duration;

const NOW: i64 = 1_800_000_000;
const WINDOW: Duration = Duration::from_secs(300);

fn signed(fields: &str) -> String {
    let unsigned = format!("{{{fields}}}");
    let body = Body::parse(unsigned.as_bytes()).unwrap();
    let sign = sign::sign(&body, sign::Scope::Notification, SECRET);
    format!(r#"{{{fields},"sign":"{sign}"}}"#)
}

fn good() -> String {
    signed(concat!(
        r#""event":"usage.refreshed","eventId":"e1","iccid":"8988","usedBytes":1234,"#,
        r#""appkey":"000001","timestamp":1800000000,"nonce":24523"#
    ))
}

fn verify(body: &[u8], now: i64) -> Result<serde_json::Value, NotificationError> {
    verify_notification(body, &SecretString::from(SECRET), now, WINDOW)
}

#[test]
fn a_good_one_is_given_as_json() {
    let event = verify(good().as_bytes(), NOW + 300).unwrap();
    assert_eq!((event["event"].as_str(), event["usedBytes"].as_u64()), (Some("usage.refreshed"), Some(1234)));
}

#[test]
fn the_letter_case_of_the_sign_and_the_appkey_do_not_matter() {
    let body = good();
    let at = body.rfind(':').unwrap();
    let lower = format!("{}{}", &body[..at], body[at..].to_lowercase());
    assert_ne!(body, lower);
    verify(lower.as_bytes(), NOW).unwrap();
    verify(body.replace("000001", "000002").as_bytes(), NOW).unwrap();
    verify(format!("\u{feff}{body}").as_bytes(), NOW).unwrap();
}

#[test]
fn any_changed_byte_is_noticed() {
    let body = good();
    let protected = 0..body.find(r#","appkey""#).unwrap();
    for at in protected {
        let mut bytes = body.clone().into_bytes();
        bytes[at] ^= 1;
        assert!(verify(&bytes, NOW).is_err(), "byte {at}: {}", String::from_utf8_lossy(&bytes));
    }
    let other = verify_notification(body.as_bytes(), &SecretString::from("other"), NOW, WINDOW);
    assert!(matches!(other, Err(NotificationError::Sign)));
}

#[rstest]
#[case(NOW + 301)]
#[case(NOW - 301)]
fn an_old_one_is_refused(#[case] now: i64) {
    assert!(matches!(verify(good().as_bytes(), now), Err(NotificationError::Timestamp { .. })));
}

#[test]
fn what_cannot_be_verified_says_why() {
    assert!(matches!(verify(b"", NOW), Err(NotificationError::Body(_))));
    assert!(matches!(verify(br#"{"a":1,"a":2}"#, NOW), Err(NotificationError::Body(_))));
    assert!(matches!(verify(br#"{"timestamp":1800000000}"#, NOW), Err(NotificationError::Field("sign"))));
    let timeless = signed(r#""event":"x""#);
    assert!(matches!(verify(timeless.as_bytes(), NOW), Err(NotificationError::Field("timestamp"))));
    let text = signed(r#""timestamp":"1800000000""#);
    assert!(matches!(verify(text.as_bytes(), NOW), Err(NotificationError::Field("timestamp"))));
}
