//! Compiles the `[many]` part.

use super::answer::{self, Parts};
use super::compile::Compiler;
use super::plan::{AnswerPlan, ManyPlan, NextPage, PagesPlan, StepPlan};
use super::raw::{RawAnswer, RawMany, RawPages};
use crate::template::Place;

/// What the call is named in rules of `[errors]` and in traces.
pub(crate) const STEP: &str = "many";

/// The values that only its templates have.
const VALUES: [&str; 3] = ["iccids", "page", "cursor"];

pub(super) fn compile(compiler: &mut Compiler<'_>, raw: &RawMany, of: &RawAnswer) -> Option<ManyPlan> {
    if raw.ids.is_none() && raw.pages.is_none() {
        let message = "say how many `ids` a call takes, or how its `pages` follow each other";
        compiler.problem(&raw.each.span(), message);
    }
    if let Some(refused) = raw.refused.as_ref().filter(|_| raw.ids.is_none()) {
        compiler.problem(&refused.span(), "`refused` is for calls that take `ids`");
    }
    compiler.one_sim = false;
    compiler.known.extend(VALUES.map(str::to_owned));
    let request = compiler.request(&raw.request);
    let pages = raw.pages.as_ref().map(|pages| self::pages(compiler, raw, pages));
    VALUES.iter().for_each(|value| {
        compiler.known.remove(*value);
    });
    compiler.one_sim = true;
    let success = compiler.optional_program(raw.success.as_ref());
    let each = compiler.program(&raw.each);
    let key = compiler.program(&raw.key);
    let several_by = compiler.optional_program(raw.several_by.as_ref());
    let shaped = compiler.optional_program(raw.shaped.as_ref());
    let refused = compiler.optional_program(raw.refused.as_ref());
    let answer = replaced(compiler, raw, of);
    let pages = match pages {
        Some(pages) => Some(pages?),
        None => None,
    };
    Some(ManyPlan {
        ids: raw.ids.map(std::num::NonZeroUsize::get),
        pages,
        step: StepPlan {
            name: STEP.to_owned(),
            request: request?,
            only: None,
            success,
            find: None,
            capture: Vec::new(),
            may_fail_with: Vec::new(),
        },
        each: each?,
        key: key?,
        several_by,
        shaped,
        absent: raw.absent,
        refused,
        declared_lag_seconds: raw.declared_lag_seconds,
        answer,
    })
}

fn pages(compiler: &mut Compiler<'_>, many: &RawMany, raw: &RawPages) -> Option<PagesPlan> {
    let next = match (raw.first, &raw.cursor, &raw.link) {
        (Some(first), None, None) => Some(NextPage::Number(first)),
        (None, Some(cursor), None) => compiler.program(cursor).map(NextPage::Cursor),
        (None, None, Some(link)) => compiler.program(link).map(NextPage::Link),
        _ => {
            let message = "pages follow by number (`first`), by `cursor` or by `link`: give one of them";
            compiler.problem(&many.each.span(), message);
            None
        }
    };
    let last = compiler.optional_program(raw.last.as_ref());
    let query = compiler.named(&raw.query, Place::Plain);
    Some(PagesPlan { next: next?, last, query, most: raw.most.get() })
}

/// `[answer]` with what `[many.answer]` replaces. `None` where it replaces nothing.
fn replaced(compiler: &mut Compiler<'_>, raw: &RawMany, of: &RawAnswer) -> Option<AnswerPlan> {
    let own = &raw.answer;
    let nothing = own.used.is_none()
        && own.total.is_none()
        && own.unlimited.is_none()
        && own.period.is_none()
        && own.as_of.is_none()
        && own.status.is_none()
        && own.bundles.is_none();
    if nothing {
        return None;
    }
    answer::compile(
        compiler,
        &Parts {
            // The key says whom an element is about.
            identity: None,
            used: own.used.as_ref().unwrap_or(&of.used),
            total: own.total.as_ref().or(of.total.as_ref()),
            unlimited: own.unlimited.as_ref().or(of.unlimited.as_ref()),
            period: own.period.as_ref().unwrap_or(&of.period),
            as_of: own.as_of.as_ref().or(of.as_of.as_ref()),
            status: own.status.as_ref().or(of.status.as_ref()),
            bundles: own.bundles.as_ref().or(of.bundles.as_ref()),
        },
    )
}
