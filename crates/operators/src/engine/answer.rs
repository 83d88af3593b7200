use crate::definition::raw::AnswerFormat;
use crate::json::{self, JsonError};
use crate::xml::{self, XmlError};
use jaq_json::Val;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

/// Why an answer could not be read.
pub(crate) enum Unread {
    Json(JsonError),
    Xml(XmlError),
}

/// An operator's complete answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) text: String,
    /// The body as JSON. `None` where it is not JSON, or XML where that is read.
    pub(crate) body: Option<Val>,
    /// Why there is no body.
    pub(crate) unread: Option<Unread>,
}

impl Answer {
    pub(super) fn new(status: u16, headers: HeaderMap, bytes: &[u8], format: AnswerFormat) -> Self {
        let charset = charset(&headers).or_else(|| match format {
            AnswerFormat::Json => None,
            AnswerFormat::Xml => xml::charset(bytes),
        });
        let text = json::text(bytes, charset.as_deref());
        let is_xml = format == AnswerFormat::Xml && text.trim_start().starts_with('<');
        let read = if is_xml {
            xml::parse(&text).map_err(Unread::Xml)
        } else {
            json::parse(&text).map_err(Unread::Json)
        };
        let (body, unread) = match read {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        Self { status, headers, text, body, unread }
    }

    /// A part of an answer, as if it were a whole one.
    pub(super) fn part(status: u16, body: Val) -> Self {
        Self { status, headers: HeaderMap::new(), text: String::new(), body: Some(body), unread: None }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON. `null` where it is not JSON.
    pub(crate) fn body_or_null(&self) -> &Val {
        self.body.as_ref().unwrap_or(&Val::Null)
    }
}

/// `gbk` of `application/json; charset="GBK"`.
fn charset(headers: &HeaderMap) -> Option<String> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let name = content_type.split(';').find_map(|part| part.trim().strip_prefix("charset="))?;
    Some(name.trim_matches('"').to_owned())
}
