//! Writes XML answers.

/// `<name>content</name>`, or `<name/>` where there is no content. The content is XML already.
pub(crate) fn element(name: &str, content: &str) -> String {
    if content.is_empty() { format!("<{name}/>") } else { format!("<{name}>{content}</{name}>") }
}

/// An element that holds a text.
pub(crate) fn text(name: &str, value: impl ToString) -> String {
    element(name, &escaped(&value.to_string()))
}

/// An element that holds one element for each of the named texts.
pub(crate) fn fields(name: &str, fields: &[(&str, String)]) -> String {
    element(name, &fields.iter().map(|(name, value)| text(name, value)).collect::<String>())
}

fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_empty_elements_are_short() {
        let one = fields("a", &[("b", "1 < 2 & 3".to_owned()), ("c", String::new())]);
        assert_eq!(one, "<a><b>1 &lt; 2 &amp; 3</b><c/></a>");
    }
}
