//! A second implementation of the sign, from the API's documentation and RFC 8259. It is slow, uses no JSON
//! library, and is independent of the protocol crate. The two have to agree.

use std::iter::Peekable;
use std::str::Chars;

/// Deeper nested values are refused.
const MAX_DEPTH: usize = 32;

/// The bytes are not a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// A JSON value, as it is signed.
#[derive(Clone, Debug)]
enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    /// An array or object in compact form, and whether it has anything in it.
    Nested(String, bool),
}

#[derive(Clone, Copy, Debug)]
pub struct Writing {
    /// `true` and `false` instead of `1` and `0`.
    pub words: bool,
    /// `1` instead of `1.0`.
    pub trimmed: bool,
}

/// The fields of a body in the order sent.
#[derive(Clone, Debug)]
pub struct Fields(Vec<(String, Json)>);

/// Reads a body.
///
/// # Errors
/// The bytes are not a body.
pub fn read(bytes: &[u8]) -> Result<Fields, Refused> {
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| Refused)?;
    let start = text.find(|c| !matches!(c, '\u{feff}' | ' ' | '\t' | '\r' | '\n')).ok_or(Refused)?;
    let mut reader = Reader(text[start..].chars().peekable());
    let mut fields = Vec::new();
    reader.object(|reader, name| {
        let value = reader.value(0)?;
        fields.push((name, value));
        Ok(())
    })?;
    reader.space();
    if reader.0.next().is_some() || twice(fields.iter().map(|(name, _)| name)) {
        return Err(Refused);
    }
    Ok(Fields(fields))
}

impl Fields {
    /// The string to sign, without the secret.
    #[must_use]
    pub fn string_to_sign(&self, with_appkey: bool, writing: Writing) -> String {
        let mut parts: Vec<(Vec<u8>, String)> = Vec::new();
        for (name, value) in &self.0 {
            let value = match value {
                Json::Null => continue,
                Json::Text(text) if text.is_empty() => continue,
                Json::Nested(_, false) => continue,
                Json::Bool(truth) if writing.words => truth.to_string(),
                Json::Bool(truth) => u8::from(*truth).to_string(),
                Json::Number(number) if writing.trimmed => whole(number),
                Json::Number(text) | Json::Text(text) | Json::Nested(text, true) => text.clone(),
            };
            if name != "sign" && (with_appkey || name != "appkey") {
                parts.push((name.clone().into_bytes(), format!("{name}={value}")));
            }
        }
        parts.sort();
        parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join("&")
    }
}

/// `5` for `5.000`.
fn whole(number: &str) -> String {
    let zeros = number.trim_end_matches('0');
    match zeros.strip_suffix('.') {
        Some(whole) => whole.to_owned(),
        None => number.to_owned(),
    }
}

fn twice<'a>(names: impl Iterator<Item = &'a String>) -> bool {
    let mut names: Vec<&String> = names.collect();
    names.sort();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

struct Reader<'a>(Peekable<Chars<'a>>);

impl Reader<'_> {
    fn space(&mut self) {
        while self.0.next_if(|c| matches!(c, ' ' | '\t' | '\r' | '\n')).is_some() {}
    }

    fn has(&mut self, wanted: char) -> bool {
        self.space();
        self.0.next_if_eq(&wanted).is_some()
    }

    fn must(&mut self, wanted: char) -> Result<(), Refused> {
        if self.has(wanted) { Ok(()) } else { Err(Refused) }
    }

    /// An object. `member` gets each name before its value is read.
    fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, String) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        self.must('{')?;
        if self.has('}') {
            return Ok(());
        }
        loop {
            self.must('"')?;
            let name = self.string()?;
            self.must(':')?;
            member(self, name)?;
            if !self.has(',') {
                return self.must('}');
            }
        }
    }

    /// A value with `around` arrays and objects around it.
    fn value(&mut self, around: usize) -> Result<Json, Refused> {
        self.space();
        match self.0.peek().copied().ok_or(Refused)? {
            '{' | '[' if around == MAX_DEPTH => Err(Refused),
            '{' => {
                let (mut names, mut parts) = (Vec::new(), Vec::new());
                self.object(|reader, name| {
                    let value = reader.value(around + 1)?;
                    parts.push(format!("{}:{}", quoted(&name), value.compact()));
                    names.push(name);
                    Ok(())
                })?;
                if twice(names.iter()) {
                    return Err(Refused);
                }
                Ok(Json::Nested(format!("{{{}}}", parts.join(",")), !parts.is_empty()))
            }
            '[' => {
                self.must('[')?;
                let mut parts = Vec::new();
                if !self.has(']') {
                    loop {
                        parts.push(self.value(around + 1)?.compact());
                        if !self.has(',') {
                            break;
                        }
                    }
                    self.must(']')?;
                }
                Ok(Json::Nested(format!("[{}]", parts.join(",")), !parts.is_empty()))
            }
            '"' => {
                self.must('"')?;
                self.string().map(Json::Text)
            }
            'n' => self.word("null", Json::Null),
            't' => self.word("true", Json::Bool(true)),
            'f' => self.word("false", Json::Bool(false)),
            _ => self.number().map(Json::Number),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, Refused> {
        if word.chars().all(|wanted| self.0.next() == Some(wanted)) { Ok(value) } else { Err(Refused) }
    }

    fn digits(&mut self, into: &mut String) -> Result<(), Refused> {
        let before = into.len();
        while let Some(digit) = self.0.next_if(char::is_ascii_digit) {
            into.push(digit);
        }
        if into.len() > before { Ok(()) } else { Err(Refused) }
    }

    fn number(&mut self) -> Result<String, Refused> {
        let mut number = String::new();
        number.extend(self.0.next_if_eq(&'-'));
        if let Some(zero) = self.0.next_if_eq(&'0') {
            number.push(zero);
        } else {
            self.digits(&mut number)?;
        }
        if let Some(point) = self.0.next_if_eq(&'.') {
            number.push(point);
            self.digits(&mut number)?;
        }
        if let Some(e) = self.0.next_if(|c| matches!(c, 'e' | 'E')) {
            number.push(e);
            number.extend(self.0.next_if(|c| matches!(c, '+' | '-')));
            self.digits(&mut number)?;
        }
        Ok(number)
    }

    /// The rest of a string, after its first quote.
    fn string(&mut self) -> Result<String, Refused> {
        // As UTF-16, because escapes are UTF-16.
        let mut units: Vec<u16> = Vec::new();
        loop {
            match self.0.next().ok_or(Refused)? {
                '"' => return String::from_utf16(&units).map_err(|_| Refused),
                '\\' => units.push(self.escaped()?),
                c if u32::from(c) < 0x20 => return Err(Refused),
                c => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
            }
        }
    }

    fn escaped(&mut self) -> Result<u16, Refused> {
        let c = match self.0.next().ok_or(Refused)? {
            c @ ('"' | '\\' | '/') => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let digits: String = self.0.by_ref().take(4).collect();
                let all = digits.len() == 4 && digits.chars().all(|c| c.is_ascii_hexdigit());
                return if all {
                    u16::from_str_radix(&digits, 16).map_err(|_| Refused)
                } else {
                    Err(Refused)
                };
            }
            _ => return Err(Refused),
        };
        u16::try_from(u32::from(c)).map_err(|_| Refused)
    }
}

impl Json {
    fn compact(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Number(text) | Self::Nested(text, _) => text.clone(),
            Self::Text(text) => quoted(text),
        }
    }
}

/// A string as JSON, with as few escapes as possible.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
