use std::collections::BTreeMap;
use toml::Spanned;

/// A text with its place in the file, so that an error in a template or a jq program names line and column.
pub(crate) type Text = Spanned<String>;
/// Named texts: headers, query parameters, form fields.
pub(crate) type Texts = BTreeMap<String, Text>;
