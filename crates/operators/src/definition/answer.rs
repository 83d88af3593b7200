//! Compiles how an answer is read.

use super::compile::Compiler;
use super::plan::{AnswerPlan, PeriodPlan, StatusPlan};
use super::raw::{RawAmount, RawAnswer, RawBundles, RawDate, RawPeriod, RawStatus, RawStep, Text};
use std::collections::BTreeMap;

/// The parts of an `[answer]`.
pub(super) struct Parts<'r> {
    pub(super) identity: Option<&'r Text>,
    pub(super) used: &'r RawAmount,
    pub(super) total: Option<&'r RawAmount>,
    pub(super) unlimited: Option<&'r Text>,
    pub(super) period: &'r RawPeriod,
    pub(super) as_of: Option<&'r RawDate>,
    pub(super) status: Option<&'r RawStatus>,
    pub(super) bundles: Option<&'r RawBundles>,
}

impl<'r> Parts<'r> {
    pub(super) fn of(raw: &'r RawAnswer) -> Self {
        Self {
            identity: raw.identity.as_ref(),
            used: &raw.used,
            total: raw.total.as_ref(),
            unlimited: raw.unlimited.as_ref(),
            period: &raw.period,
            as_of: raw.as_of.as_ref(),
            status: raw.status.as_ref(),
            bundles: raw.bundles.as_ref(),
        }
    }
}

/// An answer has to say which card it is about, or the definition that it does not.
pub(super) fn check_identity(compiler: &mut Compiler<'_>, raw: &RawAnswer, finds: bool) {
    if let Some(identity) = raw.identity.as_ref().filter(|_| raw.names_no_card) {
        compiler.problem(
            &identity.span(),
            "`identity` and `names_no_card` contradict each other: an answer names its card or it does not",
        );
    }
    if raw.identity.is_none() && !finds && !raw.names_no_card {
        compiler.problem(
            &raw.used.add.span(),
            "say how an answer names its card (`identity`, or a step with `find`), \
             or that it `names_no_card`",
        );
    }
}

/// Something has to refuse an error answer before "no amount" counts as zero.
pub(super) fn check_zero(compiler: &mut Compiler<'_>, raw: &RawAnswer, last: Option<&RawStep>) {
    let is_refused =
        raw.identity.is_some() || last.is_some_and(|step| step.success.is_some() || step.find.is_some());
    for amount in [Some(&raw.used), raw.total.as_ref()].into_iter().flatten() {
        if amount.none_is_zero && !is_refused {
            compiler.problem(
                &amount.add.span(),
                "`none_is_zero` needs `success` on the last step: without it an error answer would read \
                 as 0",
            );
        }
    }
}

pub(super) fn compile(compiler: &mut Compiler<'_>, parts: &Parts<'_>) -> Option<AnswerPlan> {
    let identity = compiler.optional_program(parts.identity);
    let used = compiler.amount(parts.used);
    let total = parts.total.and_then(|total| compiler.amount(total));
    let period = period(compiler, parts.period);
    let status = parts.status.and_then(|raw| status(compiler, raw));
    Some(AnswerPlan {
        identity,
        used: used?,
        total,
        unlimited: compiler.optional_program(parts.unlimited),
        period,
        as_of: parts.as_of.and_then(|date| compiler.date(date)),
        status,
        bundles: parts.bundles.and_then(|bundles| compiler.bundles(bundles)),
    })
}

fn period(compiler: &mut Compiler<'_>, raw: &RawPeriod) -> PeriodPlan {
    PeriodPlan {
        kind: raw.kind,
        kind_from: compiler.optional_program(raw.kind_from.as_ref()),
        key: compiler.optional_program(raw.key.as_ref()),
        start: raw.start.as_ref().and_then(|date| compiler.date(date)),
        end: raw.end.as_ref().and_then(|date| compiler.date(date)),
        zone: compiler.zone(raw.zone.as_ref()),
    }
}

fn status(compiler: &mut Compiler<'_>, raw: &RawStatus) -> Option<StatusPlan> {
    let map: BTreeMap<_, _> = raw.map.iter().map(|(name, status)| (name.to_lowercase(), *status)).collect();
    if map.len() < raw.map.len() {
        compiler.problem(&raw.from.span(), "two names of the map differ in letter case alone");
    }
    // A status that is not told leaves the last one.
    compiler.may_lack_look_up = true;
    let from = compiler.program(&raw.from);
    compiler.may_lack_look_up = false;
    Some(StatusPlan { from: from?, map })
}
