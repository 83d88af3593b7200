//! What templates can do with a text to sign or encrypt it.

use crate::ctc_des;
use crate::hash::{Algorithm, Output};
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as NoSuchName;

/// The beginning of what is wrong in the definition itself, whatever the values are.
pub(crate) const UNKNOWN: &str = "unknown ";
/// Wrong in the account's secrets.
pub(crate) const KEY_OF_ANOTHER_LENGTH: &str = "a key of `ctc_des` has 9 characters";

pub(crate) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("hash", hash);
    environment.add_filter("hex", |text: String| hex::encode(text));
    environment.add_filter("ctc_des", |text: String, key: String| {
        ctc_des::encrypt(&key, &text)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, KEY_OF_ANOTHER_LENGTH))
    });
}

fn hash(text: String, algorithm: String, options: Kwargs) -> Result<String, Error> {
    let (key, output): (Option<String>, Option<String>) = (options.get("key")?, options.get("output")?);
    options.assert_all_used()?;
    let wrong = |what| Error::new(ErrorKind::InvalidOperation, format!("{UNKNOWN}{what} in `hash`"));
    let algorithm: Algorithm = named(&algorithm)
        .filter(|algorithm| *algorithm != Algorithm::None)
        .ok_or_else(|| wrong("algorithm"))?;
    let output = match &output {
        None => Output::HexLower,
        Some(name) => named(name).filter(|output| *output != Output::Text).ok_or_else(|| wrong("output"))?,
    };
    if algorithm.needs_key() != key.is_some() {
        return Err(wrong("key (an HMAC needs one, a plain hash takes none)"));
    }
    let hashed = algorithm.hash(&key.unwrap_or_default(), &text).ok_or_else(|| wrong("form of the key"))?;
    Ok(output.write(hashed))
}

fn named<'n, T: Deserialize<'n>>(name: &'n str) -> Option<T> {
    let name: serde::de::value::StrDeserializer<'n, NoSuchName> = name.into_deserializer();
    T::deserialize(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> Result<String, String> {
        let mut environment = Environment::new();
        add_to(&mut environment);
        let detail = |error: Error| error.detail().unwrap_or_default().to_owned();
        environment.render_str(template, ()).map_err(detail)
    }

    /// What Airalo's own SDK sends as `airalo-signature` with a log-in.
    #[test]
    fn airalos_signature() {
        let template = r#"{{ ('{"client_id":"sim-user","client_secret":"sim-secret",'
            ~ '"grant_type":"client_credentials"}') | hash("hmac-sha512", key="sim-secret") }}"#;
        assert_eq!(
            render(template).as_deref(),
            Ok("a134b825966b0d5bcba6e2b3825afbced2b2745a3914e122de3327f8d5e9aa97\
                6cb8dd2e65b7dc3ab2789e28a1376cee197ec7c7404c6376aba0603c5f068f64")
        );
    }

    /// GB/T 32905-2016, RFC 4231 (test case 2) and RFC 1321.
    #[test]
    fn hashes_by_name() {
        let of = |template: &str| render(template).unwrap_or_else(|error| error);
        assert_eq!(
            of("{{ 'abc' | hash('sm3') }}"),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
        );
        assert_eq!(
            of("{{ 'what do ya want for nothing?' | hash('hmac-sha256', key='Jefe', output='base64') }}"),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        );
        assert_eq!(of("{{ 'abc' | hash('md5', output='hex-upper') }}"), "900150983CD24FB0D6963F7D28E17F72");
        assert_eq!(of("{{ 'test' | ctc_des('abc123ABC') }}"), "848CA141B7AA521B");
    }

    #[test]
    fn mistakes_have_a_detail() {
        for (template, detail) in [
            ("{{ 'a' | hash('sm4') }}", "unknown algorithm in `hash`"),
            ("{{ 'a' | hash('none') }}", "unknown algorithm in `hash`"),
            ("{{ 'a' | hash('md5', output='text') }}", "unknown output in `hash`"),
            (
                "{{ 'a' | hash('hmac-sha1') }}",
                "unknown key (an HMAC needs one, a plain hash takes none) in `hash`",
            ),
            ("{{ 'a' | ctc_des('abc') }}", KEY_OF_ANOTHER_LENGTH),
        ] {
            assert_eq!(render(template).as_ref().map_err(String::as_str), Err(detail), "{template}");
        }
    }
}
