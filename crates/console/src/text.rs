//! What the console says, in both languages: `texts.toml` is all of it.

use simgauge_protocol::Language;
use std::collections::HashMap;
use std::sync::LazyLock;

static TEXTS: LazyLock<HashMap<String, [String; 2]>> =
    // It is part of the program, and a test reads it.
    LazyLock::new(|| toml::from_str(include_str!("texts.toml")).unwrap_or_default());

/// The texts of a language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts(pub(super) Language);

impl Texts {
    pub(super) fn get(self, key: &str) -> &'static str {
        match TEXTS.get(key) {
            Some([en, zh]) => self.0.pick(zh, en),
            None => {
                tracing::error!(key, "the console has no such text");
                "…"
            }
        }
    }

    /// A text with its places `{0}`, `{1}`, ... filled in
    pub(super) fn fill(self, key: &str, values: &[&str]) -> String {
        fill(self.get(key), values)
    }

    /// The text for a name from a closed list, or the name itself if there is none.
    pub(super) fn named(self, group: &str, name: &str) -> String {
        self.known(group, name).unwrap_or_else(|| name.to_owned())
    }

    /// The text for a name from a closed list, if it is in it.
    pub(super) fn known(self, group: &str, name: &str) -> Option<String> {
        let [en, zh] = TEXTS.get(&format!("{group}.{name}"))?;
        Some(self.0.pick(zh, en).clone())
    }

    /// `en` or `zh-CN`, for the page's `lang`.
    pub(super) const fn tag(self) -> &'static str {
        match self.0 {
            Language::Zh => "zh-CN",
            Language::En => "en",
        }
    }
}

/// A text with its places `{0}`, `{1}`, ... filled in. A value that looks like a place stays as it is.
pub(super) fn fill(text: &str, values: &[&str]) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(rest.len() + 32);
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((place, after)) => {
                let value = place.parse::<usize>().ok().and_then(|at| values.get(at));
                out.push_str(value.unwrap_or(&"…"));
                rest = after;
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn files(dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "html") {
                found.push(std::fs::read_to_string(&path).expect("file"));
            }
        }
    }

    /// The keys that sources name: `get("...")`, `fill("...`, and groups of `named("...`.
    fn keys(source: &str, call: &str) -> BTreeSet<String> {
        // rustfmt may put the key on a line of its own.
        let source = source.split_whitespace().collect::<Vec<_>>().join(" ").replace("( \"", "(\"");
        source
            .split(call)
            .skip(1)
            .filter_map(|rest| rest.split_once('"'))
            .map(|(key, _)| key.to_owned())
            .collect()
    }

    #[test]
    fn every_text_is_there_in_both_languages_and_is_used() {
        assert!(!TEXTS.is_empty(), "texts.toml cannot be read");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = Vec::new();
        files(&root.join("src"), &mut sources);
        files(&root.join("templates"), &mut sources);
        let (mut named, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for source in &sources {
            for call in [".get(\"", ".fill(\"", "say(\""] {
                named.extend(keys(source, call));
            }
            for call in [".named(\"", ".known(\""] {
                groups.extend(keys(source, call));
            }
        }
        let missing: Vec<_> =
            named.iter().filter(|key| key.contains('.') && !TEXTS.contains_key(*key)).collect();
        assert!(missing.is_empty(), "no such texts: {missing:?}");
        let is_used = |key: &str| {
            named.contains(key)
                || groups
                    .iter()
                    .any(|group| key.strip_prefix(group.as_str()).is_some_and(|rest| rest.starts_with('.')))
        };
        let unused: Vec<_> = TEXTS.keys().filter(|key| !is_used(key)).collect();
        assert!(unused.is_empty(), "unused texts: {unused:?}");
        for (key, [en, zh]) in TEXTS.iter() {
            assert!(!en.is_empty() && !zh.is_empty(), "{key}");
            let places = |text: &str| text.matches('{').count();
            assert_eq!(places(en), places(zh), "{key}");
        }
    }

    #[test]
    fn values_are_filled_in_as_they_are() {
        let filled = Texts(Language::En).fill("ago.past", &["{0}<b>"]);
        assert!(filled.contains("{0}<b>"), "{filled}");
    }
}
