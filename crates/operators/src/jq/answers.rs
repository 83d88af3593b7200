//! Which steps' answers a program reads.

use super::error::within;
use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};

/// Every `NAME` of `$answers.NAME`, with its offset.
pub(crate) fn named_answers(code: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    collect(code, &Lexer::new(code).lex().unwrap_or_default(), &mut names);
    names
}

fn collect<'c>(code: &'c str, tokens: &[Token<&'c str>], names: &mut Vec<(usize, &'c str)>) {
    let mut before = "";
    for Token(text, kind) in tokens {
        match kind {
            Tok::Block(inner) => collect(code, inner, names),
            Tok::Str(parts) => {
                for part in parts {
                    if let StrPart::Term(Token(_, Tok::Block(inner))) = part {
                        collect(code, inner, names);
                    }
                }
            }
            Tok::Sym if before == "$answers" => {
                let name = text.strip_prefix('.').filter(|name| !name.is_empty() && *name != ".");
                names.extend(name.map(|name| (within(code, name), name)));
            }
            _ => {}
        }
        before = text;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let code = r#"($answers.sim // $answers | .x) + "\($answers.usage.a)" + "$answers.no""#;
        let at = |name: &str| code.find(&format!("$answers.{name}")).unwrap() + "$answers.".len();
        assert_eq!(named_answers(code), [(at("sim"), "sim"), (at("usage"), "usage")]);
        assert!(named_answers("$answers[0], .answers.x, $answers..").is_empty());
    }
}
