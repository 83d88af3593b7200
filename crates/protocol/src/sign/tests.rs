use super::*;
use proptest::prelude::*;
use rstest::rstest;

const SECRET: &str = "a1b1c1d1";

fn text_of(json: &str) -> String {
    canonical(&Body::parse(json.as_bytes()).expect("valid body"), Scope::Request, Form::default())
}

/// The vector of the API's documentation; checked with sha1sum.
#[test]
fn vector() {
    let json = r#"{"appkey":"000001","timestamp":1556595508,"nonce":24523,"userName":"wx","age":24,"sex":1}"#;
    let body = Body::parse(json.as_bytes()).expect("valid body");
    assert_eq!(
        format!("{}&secret={SECRET}", canonical(&body, Scope::Request, Form::default())),
        "age=24&appkey=000001&nonce=24523&sex=1&timestamp=1556595508&userName=wx&secret=a1b1c1d1"
    );
    assert_eq!(sign(&body, Scope::Request, SECRET), "963A56BAEBED746F2746E4D9B3B77BE0F2E171E7");
}

/// The same body with `signType`; checked with Python's hmac.
#[test]
fn vector_of_hmac() {
    let json = concat!(
        r#"{"appkey":"000001","timestamp":1556595508,"nonce":24523,"userName":"wx","age":24,"sex":1,"#,
        r#""signType":"HMAC-SHA256"}"#
    );
    let body = Body::parse(json.as_bytes()).expect("valid body");
    let canonical = canonical(&body, Scope::Request, Form::default());
    let expected =
        "age=24&appkey=000001&nonce=24523&sex=1&signType=HMAC-SHA256&timestamp=1556595508&userName=wx";
    assert_eq!(shown(&canonical, SignType::HmacSha256), expected);
    let signed = "E67CF09BF6A1163920E2F7C0E644605F23E98307DF77C66E869CFBF4DC72C110";
    assert_eq!(sign(&body, Scope::Request, SECRET), signed);
    assert!(verify(&body, Scope::Request, SECRET, &signed.to_lowercase()));
    assert!(!verify(&body, Scope::Request, SECRET, &signed[..40]), "not a part of it");
    assert!(!verify(&body, Scope::Request, SECRET, &hex::encode(digest(&canonical, SECRET))), "nor SHA-1");
    assert!(!verify(&body, Scope::Request, "a1b1c1d2", signed));
    assert_eq!(fingerprint(signed).map(hex::encode_upper).as_deref(), Some(&signed[..40]));
}

#[rstest]
#[case(r#"{}"#, Some(SignType::Sha1))]
#[case(r#"{"signType":null}"#, Some(SignType::Sha1))]
#[case(r#"{"signType":""}"#, Some(SignType::Sha1))]
#[case(r#"{"signType":"SHA-1"}"#, Some(SignType::Sha1))]
#[case(r#"{"signType":"HMAC-SHA256"}"#, Some(SignType::HmacSha256))]
#[case(r#"{"signType":"hmac-sha256"}"#, None)]
#[case(r#"{"signType":1}"#, None)]
fn announced(#[case] json: &str, #[case] expected: Option<SignType>) {
    assert_eq!(SignType::of(&Body::parse(json.as_bytes()).expect("valid body")).ok(), expected);
}

#[rstest]
#[case::zero_and_false_are_not_empty(r#"{"a":0,"b":false,"c":true}"#, "a=0&b=0&c=1")]
#[case::empties_are_left_out(r#"{"a":null,"b":"","c":[],"d":{},"e":[ ],"f":"x"}"#, "f=x")]
#[case::sign_is_left_out(r#"{"sign":"x","a":1}"#, "a=1")]
#[case::upper_case_before_lower(r#"{"b":1,"a":2,"Z":3,"_":4}"#, "Z=3&_=4&a=2&b=1")]
#[case::numbers_as_written(
    r#"{"a":1.50,"b":1e3,"c":-0,"d":12345678901234567890}"#,
    "a=1.50&b=1e3&c=-0&d=12345678901234567890"
)]
#[case::strings_decoded(r#"{"a":"\u4e2d\/%41 &="}"#, "a=中/%41 &=")]
#[case::nested_compact(r#"{"a": {"z": "\u4e2d\/", "y": [1, 2.0]}}"#, r#"a={"z":"中/","y":[1,2.0]}"#)]
#[case::nested_keeps_controls_escaped(r#"{"a":["\n\u0001\"\\"]}"#, r#"a=["\n\u0001\"\\"]"#)]
#[case::undeclared_fields_are_signed(r#"{"operator":5,"iccid":"8988"}"#, "iccid=8988&operator=5")]
fn string_to_sign(#[case] json: &str, #[case] expected: &str) {
    assert_eq!(text_of(json), expected);
}

#[test]
fn notifications_leave_the_appkey_out() {
    let body = Body::parse(br#"{"appkey":"k","event":"e"}"#).expect("valid body");
    assert_eq!(canonical(&body, Scope::Notification, Form::default()), "event=e");
}

#[rstest]
#[case::as_written(Form::default(), true)]
#[case::words(Form { boolean_words: true, trim_whole_floats: false }, true)]
#[case::trimmed(Form { boolean_words: false, trim_whole_floats: true }, true)]
#[case::both(Form { boolean_words: true, trim_whole_floats: true }, true)]
fn known_client_forms_are_accepted(#[case] form: Form, #[case] expected: bool) {
    let body = Body::parse(br#"{"a":true,"b":1.0,"c":1.5}"#).expect("valid body");
    let sent = hex::encode(digest(&canonical(&body, Scope::Request, form), SECRET));
    assert_eq!(verify(&body, Scope::Request, SECRET, &sent), expected);
}

#[rstest]
#[case::thirty_nine("963A56BAEBED746F2746E4D9B3B77BE0F2E171E")]
#[case::forty_one("963A56BAEBED746F2746E4D9B3B77BE0F2E171E70")]
#[case::one_digit("963A56BAEBED746F2746E4D9B3B77BE0F2E171E8")]
#[case::not_hex("ZZ3A56BAEBED746F2746E4D9B3B77BE0F2E171E7")]
#[case::zeros("0000000000000000000000000000000000000000")]
#[case::empty("")]
fn wrong_signs_are_refused(#[case] sent: &str) {
    let json = r#"{"appkey":"000001","timestamp":1556595508,"nonce":24523,"userName":"wx","age":24,"sex":1}"#;
    assert!(!verify(&Body::parse(json.as_bytes()).expect("valid body"), Scope::Request, SECRET, sent));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Signed is verified, in either letter case, whatever the order of the fields; any other secret is
    /// refused.
    #[test]
    fn signed_is_verified(
        mut fields in proptest::collection::btree_map("[a-zA-Z_]{1,8}", ".{0,12}", 0..8),
        secret in "[ -~]{1,20}",
    ) {
        fields.remove("sign");
        let forward = serde_json::to_string(&fields).expect("json");
        let written = |text: &str| serde_json::json!(text).to_string();
        let pairs = fields.iter().rev().map(|(name, value)| format!("{}: {}", written(name), written(value)));
        let backward = format!("{{{}}}", pairs.collect::<Vec<_>>().join(" ,"));
        let made = sign(&Body::parse(forward.as_bytes()).expect("body"), Scope::Request, &secret);
        let body = Body::parse(backward.as_bytes()).expect("body");
        prop_assert!(verify(&body, Scope::Request, &secret, &made));
        prop_assert!(verify(&body, Scope::Request, &secret, &made.to_lowercase()));
        let other = secret + "x";
        prop_assert!(!verify(&body, Scope::Request, &other, &made));
    }

    /// No body makes the parser panic, and what it takes it signs.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(body) = Body::parse(&bytes) {
            let _ = sign(&body, Scope::Request, "s");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The time and the nonce may be written as numbers or as strings of digits. The sign is over the text as
    /// it was sent, so either form has the same sign, and each is read alike.
    #[test]
    fn digits_are_signed_alike_as_numbers_and_as_text(
        timestamp in 1_000_000_000_i64..=9_999_999_999,
        nonce in 10_000_i64..=99_999,
        iccid in "[0-9A-F]{18,22}",
        text in proptest::array::uniform2(any::<bool>()),
    ) {
        let written = |number: i64, as_text: bool| match as_text {
            true => format!("\"{number}\""),
            false => number.to_string(),
        };
        let body = |as_text: [bool; 2], sign: &str| format!(
            r#"{{"appkey":"k","timestamp":{},"nonce":{},"iccid":"{iccid}","sign":"{sign}"}}"#,
            written(timestamp, as_text[0]),
            written(nonce, as_text[1]),
        );
        let numbers = body([false, false], "");
        let signed = sign(&Body::parse(numbers.as_bytes()).expect("body"), Scope::Request, SECRET);
        let sent = body(text, &signed);
        let sent = Body::parse(sent.as_bytes()).expect("body");
        prop_assert!(verify(&sent, Scope::Request, SECRET, &signed));
        let caller = crate::request::Caller::read(&sent).expect("read");
        prop_assert_eq!((caller.timestamp, caller.nonce), (timestamp, nonce));
    }
}
