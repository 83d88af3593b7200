//! Any bytes as the body of a call: parsed, written as a string to sign, signed, verified.

use crate::naive::{self, Writing};
use simgauge_domain::card_kind::CardKind;
use simgauge_protocol::Body;
use simgauge_protocol::request::{Caller, RefreshUsage};
use simgauge_protocol::sign::{self, Form, Scope, SignType};

/// Every combination of the two ways to write booleans and whole floats.
const FORMS: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

/// Reads and signs a body with both implementations.
///
/// # Panics
/// They do not agree, or a signed body is not verified.
pub fn check(bytes: &[u8]) {
    let (body, again) = match (Body::parse(bytes), naive::read(bytes)) {
        (Ok(body), Ok(again)) => (body, again),
        (Err(_), Err(_)) => return,
        (body, again) => panic!("one accepts it, the other does not: {body:?} and {again:?}"),
    };
    for scope in [Scope::Request, Scope::Notification] {
        for (words, trimmed) in FORMS {
            let form = Form { boolean_words: words, trim_whole_floats: trimmed };
            let theirs = again.string_to_sign(scope == Scope::Request, Writing { words, trimmed });
            assert_eq!(sign::canonical(&body, scope, form), theirs, "{scope:?}, {form:?}");
        }
        let signed = sign::sign(&body, scope, "secret");
        let known = SignType::of(&body).is_ok();
        assert_eq!(sign::verify(&body, scope, "secret", &signed), known, "what is signed is verified");
        assert!(!sign::verify(&body, scope, "other", &signed), "another secret verifies it");
    }
    // Whatever the fields are, they are read or refused by name.
    let _ = Caller::read(&body);
    for kind in [CardKind::Sim, CardKind::CloudEsim] {
        let _ = RefreshUsage::read(&body, kind);
    }
}
