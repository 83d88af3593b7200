//! The jq programs of a definition: compiled once, run on one answer.

mod answers;
mod arithmetic;
mod error;
mod explain;
mod prelude;

pub(crate) use answers::named_answers;
pub(crate) use error::CompileError;

use crate::nearest::did_you_mean;
use error::within;
use jaq_core::data::JustLut;
use jaq_core::load::lex::Token;
use jaq_core::load::{Arena, File, Lexer, Loader};
use jaq_core::native::{run, unary, v};
use jaq_core::{Compiler, Ctx, Error, Exn, Filter, Vars};
use jaq_json::{Num, Val};
use simgauge_domain::identity::is_same_sim;
use std::fmt;

/// More outputs than this are a mistake in the definition or an attack in the answer.
const MAX_OUTPUTS: usize = 10_000;

/// Functions that reach outside of the answer, or that end the process.
const FORBIDDEN: [&str; 14] = [
    "env",
    "halt",
    "halt_error",
    "input",
    "inputs",
    "debug",
    "stderr",
    "now",
    "localtime",
    "strflocaltime",
    "input_filename",
    "input_line_number",
    "import",
    "include",
];

/// What every program may use beside its input.
const GLOBALS: [&str; 5] = ["$iccid", "$eid", "$now", "$answers", "$operator_id"];

pub(crate) struct Program {
    filter: Filter<JustLut<Val>>,
    /// As it is written.
    code: Box<str>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program")
    }
}

/// A program ended in an error. Its text is dropped, because it quotes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunError;

/// Values of [`GLOBALS`].
#[derive(Clone, Debug)]
pub(crate) struct Globals {
    pub(crate) iccid: Val,
    pub(crate) eid: Val,
    pub(crate) now: Val,
    pub(crate) answers: Val,
    pub(crate) operator_id: Val,
}

/// What a program is for. It decides what the program may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its outputs are amounts, which it must not calculate.
    Amount,
    /// Its outputs are objects with amounts in them.
    Bundles,
    Other,
}

impl Program {
    pub(crate) fn compile(code: &str, purpose: Purpose) -> Result<Self, CompileError> {
        // The compiler reports what does not lex.
        let tokens = Lexer::new(code).lex().unwrap_or_default();
        match purpose {
            Purpose::Amount => arithmetic::refuse(code, &tokens)?,
            Purpose::Bundles => arithmetic::refuse_in_bundles(code, &tokens)?,
            Purpose::Other => {}
        }
        refuse_forbidden(code, &tokens)?;
        let same: jaq_core::RunPtr<JustLut<Val>> =
            |cv| unary(cv, |this, other| Ok(Val::from(is_same_sim(&text_of(&this), &text_of(&other)))));
        let funs = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs())
            .chain(std::iter::once(run::<JustLut<Val>>(("same_iccid", v(1), same))));
        let arena = Arena::default();
        let modules = Loader::new(prelude::needed(&tokens))
            .load(&arena, File { code, path: () })
            .map_err(|errors| load_error(code, errors))?;
        let filter = Compiler::default().with_funs(funs).with_global_vars(GLOBALS).compile(modules).map_err(
            |errors| {
                let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
                first.map_or_else(
                    || CompileError { offset: 0, message: "does not compile".into() },
                    |(name, kind)| CompileError {
                        offset: within(code, name),
                        message: format!("undefined {} `{name}`{}", kind.as_str(), near(name)),
                    },
                )
            },
        )?;
        Ok(Self { filter, code: code.into() })
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Its outputs in words, for whoever wrote it.
    pub(crate) fn explain(&self, input: &Val, globals: &Globals) -> String {
        match self.run(input, globals) {
            Ok(outputs) if outputs.is_empty() => "nothing".to_owned(),
            Ok(outputs) => explain::outputs(&outputs),
            Err(Some(error)) => format!("an error: {}", explain::cut(&error.to_string())),
            Err(None) => format!("more than {MAX_OUTPUTS} outputs"),
        }
    }

    /// Every output, in order.
    pub(crate) fn outputs(&self, input: &Val, globals: &Globals) -> Result<Vec<Val>, RunError> {
        self.run(input, globals).map_err(|_| RunError)
    }

    /// The same; the error is nothing where there are too many.
    fn run(&self, input: &Val, globals: &Globals) -> Result<Vec<Val>, Option<Error<Val>>> {
        let Globals { iccid, eid, now, answers, operator_id } = globals.clone();
        let vars = Vars::new([iccid, eid, now, answers, operator_id]);
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, vars);
        let mut outputs = Vec::new();
        for output in self.filter.id.run((context, input.clone())) {
            outputs.push(output.map_err(|exception: Exn<'_, Val>| exception.get_err().ok())?);
            if outputs.len() > MAX_OUTPUTS {
                return Err(None);
            }
        }
        Ok(outputs)
    }

    /// The one output. `None` where there is none or it is `null`. More than one is an error.
    pub(crate) fn one(&self, input: &Val, globals: &Globals) -> Result<Option<Val>, RunError> {
        let mut outputs = self.outputs(input, globals)?;
        match (outputs.pop(), outputs.is_empty()) {
            (None | Some(Val::Null), true) => Ok(None),
            (only, true) => Ok(only),
            _ => Err(RunError),
        }
    }

    /// Whether its one output is `true`. An error or anything else counts as `false`.
    pub(crate) fn holds(&self, input: &Val, globals: &Globals) -> bool {
        matches!(self.one(input, globals), Ok(Some(Val::Bool(true))))
    }
}

fn load_error(code: &str, errors: jaq_core::load::Errors<&str, ()>) -> CompileError {
    use jaq_core::load::Error;
    let first = errors.into_iter().next().map(|(_, error)| error);
    let (offset, message) = match first {
        Some(Error::Lex(mut errors)) if !errors.is_empty() => {
            let (expected, at) = errors.swap_remove(0);
            (within(code, at), format!("expected {}", expected.as_str()))
        }
        Some(Error::Parse(mut errors)) if !errors.is_empty() => {
            let (expected, found) = errors.swap_remove(0);
            (within(code, found), format!("expected {}", expected.as_str()))
        }
        Some(Error::Io(mut errors)) if !errors.is_empty() => {
            let (at, message) = errors.swap_remove(0);
            (within(code, at), message)
        }
        _ => (0, "does not parse".into()),
    };
    CompileError { offset, message }
}

/// The function or variable that was most likely meant.
fn near(written: &str) -> String {
    let native = jaq_core::funs::<JustLut<Val>>().chain(jaq_std::funs()).chain(jaq_json::funs());
    let native: Vec<&str> = native.map(|(name, ..)| name).collect();
    let defined = prelude::PRELUDE.definitions.iter().map(|definition| definition.name);
    let known = native.into_iter().chain(defined).chain(GLOBALS).chain(["same_iccid"]);
    did_you_mean(written, known.filter(|name| !FORBIDDEN.contains(name)))
}

fn refuse_forbidden(code: &str, tokens: &[Token<&str>]) -> Result<(), CompileError> {
    match prelude::words(tokens).into_iter().find(|word| FORBIDDEN.contains(word)) {
        None => Ok(()),
        Some(word) => Err(CompileError {
            offset: within(code, word),
            message: format!("`{word}` is not available in definitions"),
        }),
    }
}

/// A scalar as text: strings as they are, numbers as written in the answer. Empty for anything else.
pub(crate) fn text_of(value: &Val) -> String {
    match value {
        Val::TStr(bytes) | Val::BStr(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Val::Num(Num::Dec(token)) => token.to_string(),
        Val::Num(_) | Val::Bool(_) => value.to_string(),
        Val::Null | Val::Arr(_) | Val::Obj(_) => String::new(),
    }
}

pub(crate) fn string(text: &str) -> Val {
    Val::utf8_str(text.to_owned())
}

/// The member of that name, where `value` is an object that has it and it is not `null`.
pub(crate) fn member<'v>(value: &'v Val, name: &str) -> Option<&'v Val> {
    match value {
        Val::Obj(members) => members.get(&string(name)).filter(|member| !matches!(member, Val::Null)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
