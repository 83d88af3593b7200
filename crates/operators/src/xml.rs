//! An operator's XML answer as JSON, by one rule. There are no document types, so no entities but XML's own.
//!
//! The document is an object with its root element as the one member. An element with neither attributes nor
//! elements in it is a text, without white space around it. Any other is an object: attributes by their name
//! with `@` before it, elements by their name, its own text as `#text` where there is one. An element that
//! repeats is an array. Namespaces are left out: prefixes and their declarations.

use crate::jq;
use jaq_json::{Map, Val};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use thiserror::Error;

/// As deep as JSON may be.
const MAX_DEPTH: usize = 64;
/// Elements and attributes of a document. Each takes far more memory than its text.
const MAX_PARTS: usize = 100_000;
/// Their names are compared with each other.
const MAX_ATTRIBUTES: usize = 256;

/// Why an answer is not taken for XML. The texts are shown to customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum XmlError {
    #[error("The operator answered with a web page instead of XML; the base URL may be wrong.")]
    WebPage,
    #[error("The operator's answer has a document type, which is refused.")]
    DocumentType,
    #[error("The operator's answer has an entity that XML does not know.")]
    Entity,
    #[error("The operator's answer is nested too deep or has too many elements.")]
    TooLarge,
    #[error("The operator's answer is not XML.")]
    Malformed,
}

/// The charset that the document itself declares.
pub(crate) fn charset(body: &[u8]) -> Option<String> {
    let start: String = body.iter().take(200).copied().map(char::from).collect();
    let declaration = start.split_once("<?xml")?.1.split_once("?>")?.0;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Some(value[1..].split_once(quote)?.0.to_owned())
}

/// # Errors
/// What is wrong with it. One document, with nothing but white space around it, is right.
pub(crate) fn parse(text: &str) -> Result<Val, XmlError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut document = Document::default();
    loop {
        match reader.read_event().map_err(|_| XmlError::Malformed)? {
            Event::Start(start) => document.open(&start)?,
            Event::End(_) => document.close()?,
            Event::Text(text) => document.text(&text.xml10_content())?,
            Event::CData(text) => document.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => document.text(&resolved(&reference)?)?,
            Event::DocType(name) if is_html(name.split_whitespace().next()) => {
                return Err(XmlError::WebPage);
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Empty(_) => return Err(XmlError::Malformed),
            Event::Eof => return document.end(),
        }
    }
}

fn is_html(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.eq_ignore_ascii_case("html"))
}

/// A character by its number, or one of XML's five entities.
fn resolved(reference: &BytesRef<'_>) -> Result<String, XmlError> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => resolve_predefined_entity(reference).map(str::to_owned).ok_or(XmlError::Entity),
        Err(_) => Err(XmlError::Malformed),
    }
}

/// A document as far as it is read.
#[derive(Default)]
struct Document {
    open: Vec<Element>,
    root: Option<Val>,
    parts: usize,
}

struct Element {
    name: String,
    members: Map<String, Vec<Val>>,
    text: String,
}

impl Document {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        let name = start.local_name().into_inner().to_owned();
        let is_root = self.open.is_empty();
        if name.is_empty() || (is_root && self.root.is_some()) {
            return Err(XmlError::Malformed);
        }
        if is_root && is_html(Some(&name)) {
            return Err(XmlError::WebPage);
        }
        let mut element = Element { name, members: Map::default(), text: String::new() };
        self.count()?;
        for (index, attribute) in start.attributes().enumerate() {
            self.count()?;
            if index == MAX_ATTRIBUTES {
                return Err(XmlError::TooLarge);
            }
            let attribute = attribute.map_err(|_| XmlError::Malformed)?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| XmlError::Entity)?;
            let name = format!("@{}", attribute.key.local_name().into_inner());
            element.members.entry(name).or_default().push(jq::string(&value));
        }
        self.open.push(element);
        if self.open.len() > MAX_DEPTH { Err(XmlError::TooLarge) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let element = self.open.pop().ok_or(XmlError::Malformed)?;
        let Element { name, mut members, text } = element;
        let text = jq::string(text.trim());
        let is_blank = text == jq::string("");
        let value = if members.is_empty() {
            text
        } else {
            if !is_blank {
                members.insert("#text".to_owned(), vec![text]);
            }
            object(members)
        };
        match self.open.last_mut() {
            Some(parent) => parent.members.entry(name).or_default().push(value),
            None => self.root = Some(object(Map::from_iter([(name, vec![value])]))),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::Malformed),
        }
        Ok(())
    }

    fn end(self) -> Result<Val, XmlError> {
        self.root.filter(|_| self.open.is_empty()).ok_or(XmlError::Malformed)
    }

    fn count(&mut self) -> Result<(), XmlError> {
        self.parts += 1;
        if self.parts > MAX_PARTS { Err(XmlError::TooLarge) } else { Ok(()) }
    }
}

fn object(members: Map<String, Vec<Val>>) -> Val {
    let one = |mut values: Vec<Val>| match values.len() {
        1 => values.pop().unwrap_or_default(),
        _ => values.into_iter().collect(),
    };
    Val::obj(members.into_iter().map(|(name, values)| (jq::string(&name), one(values))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON of a document, or what is wrong with it.
    fn read(text: &str) -> Result<String, XmlError> {
        parse(text).map(|value| value.to_string())
    }

    #[test]
    fn the_rule_by_example() {
        for (xml, json) in [
            ("<a/>", r#"{"a":""}"#),
            ("<a> 1 \n</a>", r#"{"a":"1"}"#),
            (
                "<?xml version=\"1.0\"?>\n<!-- c --><a><b>1</b><c/><b>2</b></a>\n",
                r#"{"a":{"b":["1","2"],"c":""}}"#,
            ),
            ("<a><b>1</b></a>", r#"{"a":{"b":"1"}}"#),
            (r#"<a id="7" x="&lt;&#65;">t</a>"#, r##"{"a":{"@id":"7","@x":"<A","#text":"t"}}"##),
            ("<a>t<b/>u</a>", r##"{"a":{"b":"","#text":"tu"}}"##),
            ("<a>&lt;x&gt; &amp; <![CDATA[<y/>]]>&#x4e2d;</a>", "{\"a\":\"<x> & <y/>中\"}"),
            (
                r#"<root><web:R xmlns:web="http://www.example.org/w" web:i="1"><N>0</N></web:R></root>"#,
                r#"{"root":{"R":{"@i":"1","N":"0"}}}"#,
            ),
        ] {
            assert_eq!(read(xml).as_deref(), Ok(json), "{xml}");
        }
    }

    #[test]
    fn what_is_dangerous_or_broken_is_refused() {
        let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><l>&b;</l>";
        let outside = "<!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><l>&x;</l>";
        let deep = format!("{}{}", "<a>".repeat(65), "</a>".repeat(65));
        let many = format!("<a>{}</a>", "<b/>".repeat(100_000));
        let attributes: String = (0..257).map(|index| format!(" a{index}=\"\"")).collect();
        for (xml, error) in [
            (laughs, XmlError::DocumentType),
            (outside, XmlError::DocumentType),
            ("<l>&b;</l>", XmlError::Entity),
            ("<l a=\"&b;\"/>", XmlError::Entity),
            (deep.as_str(), XmlError::TooLarge),
            (many.as_str(), XmlError::TooLarge),
            (&format!("<a{attributes}/>"), XmlError::TooLarge),
            ("<!DOCTYPE html><html><body></body></html>", XmlError::WebPage),
            ("<HTML><body></body></HTML>", XmlError::WebPage),
            ("", XmlError::Malformed),
            ("text", XmlError::Malformed),
            ("<a>", XmlError::Malformed),
            ("<a></b>", XmlError::Malformed),
            ("<a/><b/>", XmlError::Malformed),
            ("<a/>x", XmlError::Malformed),
            ("<a x=1/>", XmlError::Malformed),
            ("<a x=\"1\" x=\"2\"/>", XmlError::Malformed),
            ("<a>&#0;</a>", XmlError::Malformed),
        ] {
            let start: String = xml.chars().take(60).collect();
            assert_eq!(read(xml), Err(error), "{start}");
        }
        let deep = format!("{}{}", "<a>".repeat(64), "</a>".repeat(64));
        assert!(read(&deep).is_ok());
    }

    #[test]
    fn the_declared_charset() {
        for (body, charset) in [
            ("<?xml version=\"1.0\" encoding=\"GBK\"?><a/>", Some("GBK")),
            ("<?xml version='1.0' encoding = 'utf-8' ?><a/>", Some("utf-8")),
            ("<?xml version=\"1.0\"?><a encoding=\"x\"/>", None),
            ("<a/>", None),
        ] {
            assert_eq!(super::charset(body.as_bytes()).as_deref(), charset, "{body}");
        }
    }
}
