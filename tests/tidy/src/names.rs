//! The names that a file defines, imports and mentions.

use crate::scan::{Kind, Token};
use crate::source::starts_with;

const ITEMS: [&str; 9] = ["fn", "struct", "enum", "union", "trait", "type", "const", "static", "mut"];

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// An item at the top of a module.
    Defined,
    /// A leaf of a `use`, as this name; `*` for all.
    Imported(&'a str),
    /// The same of a `pub use` of any visibility.
    Exported(&'a str),
    Mentioned,
}

#[derive(Debug)]
pub(crate) struct Name<'a> {
    pub(crate) form: Form<'a>,
    pub(crate) segments: Vec<&'a str>,
    pub(crate) line: usize,
    /// The inline modules around it.
    pub(crate) within: Vec<&'a str>,
}

pub(crate) fn names<'a>(tokens: &[Token<'a>]) -> Vec<Name<'a>> {
    let mut walker = Walker { tokens, within: Vec::new(), depth: 0, found: Vec::new() };
    let mut at = 0;
    while at < tokens.len() {
        at = walker.step(at);
    }
    walker.found
}

struct Walker<'t, 'a> {
    tokens: &'t [Token<'a>],
    within: Vec<&'a str>,
    depth: usize,
    found: Vec<Name<'a>>,
}

impl<'a> Walker<'_, 'a> {
    fn step(&mut self, at: usize) -> usize {
        let token = self.tokens[at];
        if token.is("{") {
            self.depth += 1;
        } else if token.is("}") {
            self.depth = self.depth.saturating_sub(1);
            self.within.truncate(self.depth);
        } else if token.is("use") && !self.is(at + 1, "<") {
            let public = at > 0 && (self.is(at - 1, "pub") || self.is(at - 1, ")"));
            return self.import(at + 1, &[], public);
        } else if token.is("mod") && self.is(at + 2, "{") && self.depth == self.within.len() {
            self.within.push(self.tokens[at + 1].text);
            self.depth += 1;
            return at + 3;
        } else if token.kind == Kind::Name {
            return self.name(at);
        }
        at + 1
    }

    fn is(&self, at: usize, code: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(code))
    }

    fn add(&mut self, form: Form<'a>, segments: Vec<&'a str>, line: usize) {
        self.found.push(Name { form, segments, line, within: self.within.clone() });
    }

    fn name(&mut self, at: usize) -> usize {
        let Token { text, line, .. } = self.tokens[at];
        let after = |code: &str| at > 0 && self.is(at - 1, code);
        if ITEMS.iter().any(|keyword| after(keyword))
            || (after("!") && self.is(at.wrapping_sub(2), "macro_rules"))
        {
            if self.depth == self.within.len() {
                self.add(Form::Defined, vec![text], line);
            }
            return at + 1;
        }
        let mut segments = vec![text];
        let mut next = at + 1;
        while self.is(next, "::") && self.tokens.get(next + 1).is_some_and(|token| token.kind == Kind::Name) {
            segments.push(self.tokens[next + 1].text);
            next += 2;
        }
        // A field is no mention of what has the same name.
        if !(after(".") || after("::") || (segments.len() == 1 && self.is(next, ":"))) {
            self.add(Form::Mentioned, segments, line);
        }
        next
    }

    fn import(&mut self, mut at: usize, prefix: &[&'a str], public: bool) -> usize {
        let mut segments = prefix.to_vec();
        while let Some(&Token { text, line, .. }) = self.tokens.get(at) {
            at += 1;
            match text {
                "::" => {}
                "{" => {
                    while at < self.tokens.len() && !self.is(at, "}") {
                        at = if self.is(at, ",") { at + 1 } else { self.import(at, &segments, public) };
                    }
                    return at + 1;
                }
                _ if self.is(at, "::") => segments.push(text),
                _ => {
                    if text != "self" && text != "*" {
                        segments.push(text);
                    }
                    let plain = if text == "*" { text } else { segments.last().copied().unwrap_or(text) };
                    let renamed = starts_with(&self.tokens[at..], &["as"]);
                    let name = if renamed { self.tokens[at + 1].text } else { plain };
                    let form = if public { Form::Exported(name) } else { Form::Imported(name) };
                    self.add(form, segments, line);
                    return if renamed { at + 2 } else { at };
                }
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, names};
    use crate::scan::tokens;

    #[test]
    fn imports_are_taken_apart() {
        let found = names(&tokens("use a::{b, c::{self, D as E}, f::*};\npub(crate) use super::g;"));
        let found: Vec<_> = found.iter().map(|name| (&name.form, name.segments.join("::"))).collect();
        let import = Form::Imported;
        let expected = [import("b"), import("c"), import("E"), import("*"), Form::Exported("g")];
        let paths = ["a::b", "a::c", "a::c::D", "a::f", "super::g"];
        assert_eq!(found, expected.iter().zip(paths.map(str::to_owned)).collect::<Vec<_>>());
    }

    #[test]
    fn fields_and_methods_are_no_mentions() {
        let found = names(&tokens("fn f() { crate::a::b(); c.d(); S { e: g } } mod m { struct T; }"));
        let paths = |form| -> Vec<String> {
            found.iter().filter(|name| name.form == form).map(|name| name.segments.join("::")).collect()
        };
        assert_eq!(paths(Form::Defined), ["f", "T"]);
        assert_eq!(paths(Form::Mentioned), ["fn", "crate::a::b", "c", "S", "g", "struct"]);
    }
}
