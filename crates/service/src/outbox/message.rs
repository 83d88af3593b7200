//! What is posted: the body from the outbox, with the time, a nonce and the sign of this attempt.

use serde_json::{Map, Value};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::guard::held::SuspectReason;
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::Failure;
use simgauge_protocol::reason;
use simgauge_protocol::sign::{self, SIGN_TYPE_FIELD, Scope, SignType};
use simgauge_protocol::{Body, Language};

/// Signs a body of the outbox; nothing where it is damaged.
pub(super) fn signed(
    body: &str,
    language: Language,
    sign_type: SignType,
    timestamp: i64,
    nonce: u32,
    secret: &str,
) -> Option<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(body).ok()?;
    translate(&mut fields, language);
    // Receivers that were made for the reference platform know the notification by this name.
    if let Some(id) = fields.get("eventId").cloned() {
        fields.insert("id".to_owned(), id);
    }
    fields.insert("timestamp".to_owned(), timestamp.into());
    fields.insert("nonce".to_owned(), nonce.into());
    if sign_type != SignType::default() {
        fields.insert(SIGN_TYPE_FIELD.to_owned(), sign_type.as_str().into());
    }
    let text = serde_json::to_string(&fields).ok()?;
    let sign = sign::sign(&Body::parse(text.as_bytes()).ok()?, Scope::Notification, secret);
    fields.insert("sign".to_owned(), sign.into());
    serde_json::to_string(&fields).ok()
}

/// The refresh that a body of the outbox is about.
pub(super) fn refresh_of(body: &str) -> Option<RefreshId> {
    let fields: Map<String, Value> = serde_json::from_str(body).ok()?;
    RefreshId::parse(fields.get("refreshId")?.as_str()?)
}

/// The outbox holds English; the account reads its own language.
fn translate(fields: &mut Map<String, Value>, language: Language) {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    if let Some(suspect) = text("reason").and_then(SuspectReason::parse) {
        fields.insert("reasonText".to_owned(), reason::warning(suspect, language).into());
        return;
    }
    let (Some(kind), Some(detail)) = (text("reason").and_then(FailureKind::parse), text("reasonText")) else {
        return;
    };
    let failure = Failure { kind, detail: detail.to_owned() };
    fields.insert("reasonText".to_owned(), reason::sentence(&failure, language).into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_without_secret_and_in_the_accounts_language() {
        let body = concat!(
            r#"{"event":"usage.refresh_failed","eventId":"e","usedBytes":0,"#,
            r#""reason":"not_found","reasonText":"gone"}"#
        );
        let text =
            signed(body, Language::Zh, SignType::Sha1, 1_556_595_508, 24_523, "a1b1c1d1").expect("signed");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["reasonText"], "运营商没有这张卡");
        assert_eq!((&value["id"], &value["eventId"]), (&"e".into(), &"e".into()));
        assert!(!text.contains("a1b1c1d1"));
        let parsed = Body::parse(text.as_bytes()).expect("body");
        let sign = value["sign"].as_str().expect("text");
        assert!(sign::verify(&parsed, Scope::Notification, "a1b1c1d1", sign));
        let stronger = signed(body, Language::Zh, SignType::HmacSha256, 1, 10_000, "s").expect("signed");
        let value: Value = serde_json::from_str(&stronger).expect("JSON");
        assert_eq!(
            (value["signType"].as_str(), value["sign"].as_str().map(str::len)),
            (Some("HMAC-SHA256"), Some(64))
        );
        let parsed = Body::parse(stronger.as_bytes()).expect("body");
        assert!(sign::verify(&parsed, Scope::Notification, "s", value["sign"].as_str().expect("text")));
        let english = signed(body, Language::En, SignType::Sha1, 1, 10_000, "s").expect("signed");
        assert!(english.contains(r#""reasonText":"gone""#));
        assert_eq!(signed("[]", Language::En, SignType::Sha1, 1, 10_000, "s"), None);
    }
}
