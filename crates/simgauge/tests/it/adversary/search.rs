//! Where a secret may have got to, and all the ways in which it may be written there.

use crate::console::browser::Page;
use crate::support::call::Answer;
use std::process::Output;

/// What is searched, and under which name it is reported.
#[derive(Default)]
pub struct Places(pub Vec<(String, Vec<u8>)>);

impl Places {
    pub fn add(&mut self, name: impl Into<String>, what: impl AsRef<[u8]>) {
        self.0.push((name.into(), what.as_ref().to_vec()));
    }

    pub fn answer(&mut self, name: &str, answer: &Answer) {
        self.add(name, format!("{answer:?} {}", answer.body));
    }

    pub fn page(&mut self, name: &str, page: &Page) {
        self.add(name, format!("{:?} {}", page.headers, page.text));
    }

    pub fn output(&mut self, name: &str, output: &Output) {
        self.add(name, [output.stdout.as_slice(), b"\n", &output.stderr].concat());
    }

    /// Where a secret stands in any form, but for where it may.
    pub fn hits(&self, secret: &str, except: &[&str]) -> Vec<String> {
        let forms = forms(secret);
        let searched = self.0.iter().filter(|(name, _)| !except.iter().any(|known| name.starts_with(known)));
        let mut hits = Vec::new();
        for (name, bytes) in searched {
            for form in forms.iter().filter(|form| contains(bytes, form.as_bytes())) {
                hits.push(format!("{name}: {form}"));
            }
        }
        hits
    }
}

/// Whether the bytes stand anywhere in these.
pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        from += at;
        if bytes[from..].starts_with(wanted) {
            return true;
        }
        from += 1;
    }
    false
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What of a text's base64 does not depend on what stands around it, where so many bytes stand before it.
fn base64_core(text: &str, before: usize) -> String {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(text.bytes()).collect();
    let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    let first = (before * 8).div_ceil(6);
    let whole = bytes.len() * 8 / 6;
    let digit = |n: usize| (n * 6..n * 6 + 6).fold(0, |value, at| value * 2 + usize::from(bit(at)));
    (first..whole).map(|n| char::from(BASE64[digit(n)])).collect()
}

/// A secret as it may be written.
fn forms(secret: &str) -> Vec<String> {
    let hex = hex::encode(secret);
    let listed = format!("{:?}", secret.as_bytes());
    let mut forms =
        vec![secret.to_owned(), hex.to_uppercase(), hex, listed.trim_matches(['[', ']']).to_owned()];
    forms.push(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
    forms.push(secret.bytes().map(|byte| format!("%{byte:02X}")).collect());
    forms.push(secret.replace(' ', "%20"));
    forms.push(secret.chars().rev().collect());
    for before in 0..3 {
        let core = base64_core(secret, before);
        forms.extend([core.replace('+', "-").replace('/', "_"), core]);
    }
    // A key may be kept as bytes.
    forms.sort();
    forms.dedup();
    assert!(forms.iter().all(|form| form.len() > 8), "{forms:?}");
    forms
}

#[test]
fn every_form_is_found() {
    assert_eq!(base64_core("test-secret", 0), "dGVzdC1zZWNyZX");
    let mut places = Places::default();
    // base64 of "sim-user:sim-secret".
    for (name, text) in [
        ("header", "Basic c2ltLXVzZXI6c2ltLXNlY3JldA=="),
        ("hex", "73696d2d736563726574"),
        ("plain", "key sim-secret."),
        ("bytes", "[115, 105, 109, 45, 115, 101, 99, 114, 101, 116]"),
        ("nothing", "sim-user: ***"),
    ] {
        places.add(name, text);
    }
    let hits = places.hits("sim-secret", &["plain"]);
    let names: Vec<&str> = hits.iter().map(|hit| hit.split(':').next().unwrap()).collect();
    assert_eq!(names, ["header", "hex", "bytes"]);
}
