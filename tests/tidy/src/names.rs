//! The names that a file defines, imports and mentions.

use crate::scan::{Kind, Token};

const ITEMS: [&str; 9] = ["fn", "struct", "enum", "union", "trait", "type", "const", "static", "mut"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// An item of the file, outside braces.
    Defined,
    /// A leaf of a `use`, as this name; `*` for all.
    Imported(&'a str),
    /// The same of a `pub use` of any visibility.
    Exported(&'a str),
    Mentioned,
}

pub(crate) struct Name<'a> {
    pub(crate) form: Form<'a>,
    pub(crate) segments: Vec<&'a str>,
    pub(crate) line: usize,
}

pub(crate) fn names<'a>(tokens: &[Token<'a>]) -> Vec<Name<'a>> {
    let mut walker = Walker { tokens, found: Vec::new() };
    let (mut at, mut depth) = (0, 0);
    while at < tokens.len() {
        depth += tokens[at].opens();
        at = if tokens[at].is("use") && !walker.is(at + 1, "<") {
            let public = at > 0 && (walker.is(at - 1, "pub") || walker.is(at - 1, ")"));
            walker.import(at + 1, &[], public)
        } else if tokens[at].kind == Kind::Name {
            walker.name(at, depth == 0)
        } else {
            at + 1
        };
    }
    walker.found
}

struct Walker<'t, 'a> {
    tokens: &'t [Token<'a>],
    found: Vec<Name<'a>>,
}

impl<'a> Walker<'_, 'a> {
    fn is(&self, at: usize, code: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(code))
    }

    /// Takes a definition or a mention; returns where the next name may be, as `import` does.
    fn name(&mut self, at: usize, outside_braces: bool) -> usize {
        let Token { text, line, .. } = self.tokens[at];
        let after = |code: &str| at > 0 && self.is(at - 1, code);
        let of_macro = after("!") && at > 1 && self.is(at - 2, "macro_rules");
        if of_macro || ITEMS.iter().any(|keyword| after(keyword)) {
            if outside_braces {
                self.found.push(Name { form: Form::Defined, segments: vec![text], line });
            }
            return at + 1;
        }
        let mut segments = vec![text];
        let mut next = at + 1;
        while let [colons, name, ..] = self.tokens[next..]
            && colons.is("::")
            && name.kind == Kind::Name
        {
            segments.push(name.text);
            next += 2;
        }
        // A field or a method is no mention of what has the same name.
        if !(after(".") || after("::") || (segments.len() == 1 && self.is(next, ":"))) {
            self.found.push(Name { form: Form::Mentioned, segments, line });
        }
        next
    }

    fn import(&mut self, mut at: usize, prefix: &[&'a str], public: bool) -> usize {
        let mut segments = prefix.to_vec();
        while let Some(&Token { text, line, .. }) = self.tokens.get(at) {
            at += 1;
            if text == "{" {
                while at < self.tokens.len() && !self.is(at, "}") {
                    at = if self.is(at, ",") { at + 1 } else { self.import(at, &segments, public) };
                }
                return at + 1;
            }
            if !["::", "self", "*"].contains(&text) || (text == "self" && segments.is_empty()) {
                segments.push(text);
            }
            if text != "::" && !self.is(at, "::") {
                let own = if text == "*" { text } else { segments.last().copied().unwrap_or(text) };
                let renamed = self.is(at, "as");
                let name = if renamed { self.tokens[at + 1].text } else { own };
                let form = if public { Form::Exported(name) } else { Form::Imported(name) };
                self.found.push(Name { form, segments, line });
                return if renamed { at + 2 } else { at };
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
        let found = names(&tokens("use a::{b, c::{self, D as E}, f::*};\npub use self::g;"));
        let found: Vec<_> =
            found.iter().map(|name| (name.form, name.segments.join("::"), name.line)).collect();
        let expected = [
            (Form::Imported("b"), "a::b", 1),
            (Form::Imported("c"), "a::c", 1),
            (Form::Imported("E"), "a::c::D", 1),
            (Form::Imported("*"), "a::f", 1),
            (Form::Mentioned, "pub", 2),
            (Form::Exported("g"), "self::g", 2),
        ];
        assert_eq!(found, expected.map(|(form, path, line)| (form, path.to_owned(), line)));
    }

    #[test]
    fn fields_and_methods_are_no_mentions() {
        let found = names(&tokens("fn f() { crate::a::b(); c.d(); S { e: g } } struct T;"));
        let paths = |form| {
            let found = found.iter().filter(move |name| name.form == form);
            found.map(|name| name.segments.join("::")).collect::<Vec<_>>()
        };
        assert_eq!(paths(Form::Defined), ["f", "T"]);
        assert_eq!(paths(Form::Mentioned), ["fn", "crate::a::b", "c", "S", "g", "struct"]);
    }
}
