//! Fields of a query or a form.

use url::form_urlencoded;

/// Names and values, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `a=1&b=2`.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// A field's value without white space around it; empty if there is no such field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field's value, if it is not empty.
    pub(super) fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    /// Whether a name or a value holds the character NUL.
    pub(super) fn hold_nul(&self) -> bool {
        self.0.iter().any(|(name, value)| name.contains('\0') || value.contains('\0'))
    }

    /// A field's value as it came, white space and all.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// `?a=1&b=2` of these fields without the empty ones; an empty text if none is left.
pub(super) fn query(fields: &[(&str, &str)]) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        out.append_pair(name, value);
    }
    let out = out.finish();
    if out.is_empty() { out } else { format!("?{out}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let query = query(&[("q", "a&b=c 卡"), ("none", ""), ("x", "1")]);
        let fields = Fields::parse(query.trim_start_matches('?').as_bytes());
        assert_eq!((fields.get("q"), fields.get("x"), fields.some("none")), ("a&b=c 卡", "1", None));
        assert_eq!(super::query(&[("a", "")]), "");
    }
}
