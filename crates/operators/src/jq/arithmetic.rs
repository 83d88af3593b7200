//! Refuses calculation in the programs that yield amounts.
//!
//! jq joins texts with `+`, repeats them with `*`, takes `null` for zero and calculates in inexact fractions.
//! The engine adds, subtracts and multiplies exactly, so a program only says which values.

use super::error::{CompileError, within};
use jaq_core::load::lex::{StrPart, Tok, Token};

/// The fields of a bundle that are amounts.
const BUNDLE_AMOUNTS: [&str; 3] = ["used", "remaining", "total"];

/// What to write in place of a symbol that calculates.
fn in_place_of_symbol(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "+" | "+=" => "write the terms one after the other, such as `.up, .down`: every output is added",
        "-" | "-=" => "write what is taken away under `subtract`",
        "*" | "*=" | "/" | "/=" | "%" | "%=" => "say what a number counts with `unit` and `base`",
        _ => return None,
    })
}

/// What to write in place of a function that calculates.
fn in_place_of_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "add" => "write `.[]` in its place: every output is added",
        "tonumber" | "fromjson" => "leave it out: a text with a number in it is read as that number",
        "floor" | "round" | "ceil" | "trunc" | "rint" | "nearbyint" | "fabs" | "abs" => {
            "leave it out: sums are exact, and rounded once"
        }
        "join" | "implode" | "reduce" | "foreach" | "pow" | "sqrt" | "exp" | "log" | "ldexp" => {
            "let the program yield the values as they are in the answer"
        }
        _ => return None,
    })
}

/// # Errors
/// The place of the first calculation, and what to write instead.
pub(super) fn refuse(code: &str, tokens: &[Token<&str>]) -> Result<(), CompileError> {
    walk(code, tokens, false)
}

/// The same for the amounts in the objects that a list of bundles is made of.
pub(super) fn refuse_in_bundles(code: &str, tokens: &[Token<&str>]) -> Result<(), CompileError> {
    for (index, Token(text, kind)) in tokens.iter().enumerate() {
        if let Tok::Block(inner) = kind {
            refuse_in_bundles(code, inner)?;
        }
        let is_field = matches!(kind, Tok::Word)
            && BUNDLE_AMOUNTS.contains(text)
            && tokens.get(index + 1).is_some_and(|Token(next, _)| *next == ":");
        if is_field {
            let value = tokens.get(index + 2..).unwrap_or_default();
            let end = value.iter().position(|Token(text, _)| *text == ",").unwrap_or(value.len());
            walk(code, &value[..end], false)?;
        }
    }
    Ok(())
}

fn walk(code: &str, tokens: &[Token<&str>], in_brackets: bool) -> Result<(), CompileError> {
    let mut before = None;
    for Token(text, kind) in tokens {
        let instead = match kind {
            // `.[-1]` and `.[:-1]` are the last element, and all but that.
            Tok::Sym if *text == "-" && in_brackets && matches!(before, None | Some(":")) => None,
            Tok::Sym => in_place_of_symbol(text),
            Tok::Word => in_place_of_word(text),
            Tok::Str(parts) if parts.iter().any(|part| matches!(part, StrPart::Term(_))) => {
                Some("let the program yield the value itself: a text that is put together is no amount")
            }
            _ => None,
        };
        if let Some(instead) = instead {
            let what = if matches!(kind, Tok::Str(_)) { "`\\(...)`" } else { &format!("`{text}`") };
            let message = format!("{what} cannot stand in an amount: {instead}");
            return Err(CompileError { offset: within(code, text), message });
        }
        if let Tok::Block(inner) = kind {
            walk(code, inner, text.starts_with('['))?;
        }
        before = Some(*text);
    }
    Ok(())
}
