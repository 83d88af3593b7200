//! jq's own definitions, as far as a program needs them.
//!
//! A compiled program keeps everything that it was compiled with. The whole prelude takes over 100 KB for
//! each program, a platform has hundreds of programs, and nearly all of them need very little of it.

use jaq_core::load::lex::{StrPart, Tok, Token};
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::Part;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

pub(super) type Definition = Def<&'static str>;

/// The elements of that name in an element of an XML answer: none, one or many.
const OWN: &str = r#"
def elements($name): if type == "object" then
    .[$name] | if type == "array" then .[] elif . == null then empty else . end
  else empty end;
"#;

pub(super) struct Prelude {
    pub(super) definitions: Vec<Definition>,
    /// The names that each name's definitions call.
    calls: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

pub(super) static PRELUDE: LazyLock<Prelude> = LazyLock::new(|| {
    let own = jaq_core::load::parse(OWN, |parser| parser.defs()).unwrap_or_default();
    let definitions: Vec<Definition> =
        jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own).collect();
    let mut calls: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for definition in &definitions {
        in_term(&definition.body, calls.entry(definition.name).or_default());
    }
    Prelude { definitions, calls }
});

/// The definitions that programs made of `tokens` can reach, in the prelude's order.
pub(super) fn needed(tokens: &[Token<&str>]) -> Vec<Definition> {
    let mut reached = BTreeSet::new();
    let mut waiting = words(tokens);
    while let Some(word) = waiting.pop() {
        if let Some((name, calls)) = PRELUDE.calls.get_key_value(word)
            && reached.insert(*name)
        {
            waiting.extend(calls.iter().copied());
        }
    }
    PRELUDE.definitions.iter().filter(|definition| reached.contains(definition.name)).cloned().collect()
}

/// Every word and format of a program.
pub(super) fn words<'s>(tokens: &[Token<&'s str>]) -> Vec<&'s str> {
    let mut words = Vec::new();
    let mut waiting: Vec<&Token<&str>> = tokens.iter().collect();
    while let Some(Token(text, kind)) = waiting.pop() {
        match kind {
            Tok::Word | Tok::Fmt => words.push(*text),
            Tok::Block(inner) => waiting.extend(inner),
            Tok::Str(parts) => waiting.extend(parts.iter().filter_map(|part| match part {
                StrPart::Term(token) => Some(token),
                _ => None,
            })),
            Tok::Var | Tok::Num | Tok::Sym => {}
        }
    }
    words
}

type Names = BTreeSet<&'static str>;

fn in_term(term: &Term<&'static str>, names: &mut Names) {
    match term {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) => {}
        Term::Str(format, parts) => {
            names.extend(format);
            for part in parts {
                if let StrPart::Term(term) = part {
                    in_term(term, names);
                }
            }
        }
        Term::Arr(inner) => in_terms(inner.as_deref(), names),
        Term::Obj(pairs) => {
            for (key, value) in pairs {
                in_term(key, names);
                in_terms(value, names);
            }
        }
        Term::Neg(inner) | Term::Label(_, inner) => in_term(inner, names),
        Term::BinOp(left, operator, right) => {
            if let BinaryOp::Pipe(Some(pattern)) = operator {
                in_pattern(pattern, names);
            }
            in_terms([&**left, &**right], names);
        }
        Term::Fold(name, source, pattern, steps) => {
            names.insert(name);
            in_term(source, names);
            in_pattern(pattern, names);
            in_terms(steps, names);
        }
        Term::TryCatch(attempt, catch) => {
            in_term(attempt, names);
            in_terms(catch.as_deref(), names);
        }
        Term::IfThenElse(branches, otherwise) => {
            for (condition, then) in branches {
                in_terms([condition, then], names);
            }
            in_terms(otherwise.as_deref(), names);
        }
        Term::Def(definitions, then) => {
            in_terms(definitions.iter().map(|definition| &definition.body), names);
            in_term(then, names);
        }
        Term::Call(name, arguments) => {
            names.insert(name);
            in_terms(arguments, names);
        }
        Term::Path(inner, path) => {
            in_term(inner, names);
            for (part, _) in &path.0 {
                match part {
                    Part::Index(index) => in_term(index, names),
                    Part::Range(from, to) => in_terms(from.iter().chain(to), names),
                }
            }
        }
    }
}

fn in_terms<'t>(terms: impl IntoIterator<Item = &'t Term<&'static str>>, names: &mut Names) {
    for term in terms {
        in_term(term, names);
    }
}

fn in_pattern(pattern: &Pattern<&'static str>, names: &mut Names) {
    match pattern {
        Pattern::Var(_) => {}
        Pattern::Arr(inner) => inner.iter().for_each(|pattern| in_pattern(pattern, names)),
        Pattern::Obj(pairs) => {
            for (key, pattern) in pairs {
                in_term(key, names);
                in_pattern(pattern, names);
            }
        }
    }
}
