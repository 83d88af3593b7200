//! Both implementations of the sign agree on any body: on ten thousand random ones, or on a million where
//! `SIMGAUGE_TEST_WHOLE` is set (`scripts/soak fuzz`).

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use simgauge_fuzz::canonical;

/// White space where JSON allows it.
fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t"), 1 => Just("  ")]
}

/// The content of a string, sometimes with something that is not allowed.
fn inside() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        24 => "[a-zA-Z0-9_]{0,6}",
        6 => "[ -!#-\\[\\]-~]{0,6}",
        6 => "[^\\pC\"\\\\]{0,3}",
        12 => prop::sample::select(vec![
            "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u4e2d", "\\u0000", "\\u001F",
            "\\ud83d\\ude00", "\\u00e9", "\\u0022", "\u{7f}", "\u{feff}", "\u{2028}",
            "&", "=", "%41", "'",
        ]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["\\uD800", "\\ude00", "\\x", "\\u12", "\\", "\n", "\u{1}", "\""])
            .prop_map(str::to_owned),
    ];
    // Mistakes are rare, so that most bodies are valid.
    prop_oneof![
        12 => "[a-zA-Z0-9 _./:+-]{0,12}",
        3 => prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "appkey", "timestamp", "nonce", "sign", "signType", "iccid", "eid", "wait", "operator",
            "a", "A", "b", "Z", "_", "", "\\u0061", "sig\\u006e", "a&b", "a=b", "中",
        ]).prop_map(str::to_owned),
        7 => "[a-zA-Z_]{2,6}",
        1 => inside(),
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => inside().prop_map(|text| format!("\"{text}\"")),
        10 => any::<i64>().prop_map(|number| number.to_string()),
        5 => "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
        5 => "-?[1-9][0-9]{0,2}\\.0{1,3}",
        8 => prop::sample::select(vec![
            "null", "true", "false", "0", "-0", "\"\"", "[]", "{}", "\"HMAC-SHA256\"", "\"SHA-1\"",
        ])
        .prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            "nul", "True", "01", "1.", ".5", "+1", "NaN", "'x'", "1e", "--1", "\"", "[1,]", "{\"a\"}",
        ])
        .prop_map(str::to_owned),
    ]
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = (space(), name(), space(), space(), value, space())
        .prop_map(|(a, name, b, c, value, d)| format!("{a}\"{name}\"{b}:{c}{value}{d}"));
    prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let value = scalar().prop_recursive(4, 24, 4, |inner| {
        let list = (space(), prop::collection::vec(inner.clone(), 0..4), space())
            .prop_map(|(a, values, b)| format!("[{a}{}{b}]", values.join(&format!("{b},"))));
        prop_oneof![list, object(inner)]
    });
    let deep = (28_usize..36, any::<bool>()).prop_map(|(depth, arrays)| {
        let (open, close) = if arrays { ("[", "]") } else { ("{\"a\":", "}") };
        format!("{{\"deep\":{}1{}}}", open.repeat(depth), close.repeat(depth))
    });
    let around = prop::sample::select(vec![
        "", "", "", "", "", "", "", "", "", "", "", "\u{feff}", "\u{feff}", " \r\n\t", " ", "x", ",",
    ]);
    let text = prop_oneof![60 => object(value), 1 => deep, 1 => scalar()];
    let whole = (around.clone(), text, around).prop_map(|(a, text, b)| format!("{a}{text}{b}").into_bytes());
    // Some with one byte changed.
    (whole, prop::option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>()))).prop_map(
        |(mut bytes, change)| {
            if let Some((at, byte)) = change.filter(|_| !bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        },
    )
}

fn cases() -> u32 {
    if std::env::var_os("SIMGAUGE_TEST_WHOLE").is_some() { 1_000_000 } else { 10_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn on_any_body(bytes in body()) {
        canonical::check(&bytes);
    }
}

#[test]
fn most_of_the_bodies_are_taken() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let taken = (0..1_000)
        .filter(|_| {
            let tree = body().new_tree(&mut runner).expect("a body");
            simgauge_protocol::Body::parse(&tree.current()).is_ok()
        })
        .count();
    assert!((400..950).contains(&taken), "{taken} of 1000 bodies are whole: the others are refused at once");
}
