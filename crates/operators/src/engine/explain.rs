//! What a definition's expressions yield on an answer that could not be read, for whoever writes the
//! definition. It quotes the answer, so it is made of saved answers alone.

use super::run::Run;
use crate::definition::Definition;
use crate::definition::plan::{AmountPlan, AnswerPlan, CapturePlan, DatePlan, ManyPlan, StepPlan};
use crate::jq::{Globals, Program};
use jaq_json::Val;

/// Elements of an answer about many SIMs that are explained.
const MAX_ELEMENTS: usize = 3;

/// An expression and what it yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands in the definition, such as `answer.used.add`.
    pub place: String,
    pub expression: String,
    /// Its outputs, or why it has none.
    pub yields: String,
}

/// The expressions of the step that failed, or those of `[answer]` where every step was good.
pub(super) fn findings(definition: &Definition, run: &Run<'_>) -> Vec<Finding> {
    let mut notes = Notes { globals: run.globals(), findings: Vec::new() };
    let Some(body) = &run.last_body else { return Vec::new() };
    if let Some(many) = definition.many.as_ref().filter(|_| run.batch.is_some()) {
        notes.of_many(definition, many, body);
        return notes.findings;
    }
    match run.failed_step.and_then(|failed| definition.steps.get(failed)) {
        Some(step) => notes.of_step(step, body),
        None => notes.of_answer("answer", &definition.answer, run.found.as_ref().unwrap_or(body)),
    }
    notes.findings
}

struct Notes {
    globals: Globals,
    findings: Vec<Finding>,
}

impl Notes {
    fn note(&mut self, place: String, program: &Program, input: &Val) {
        let yields = program.explain(input, &self.globals);
        self.findings.push(Finding { place, expression: program.code().trim().to_owned(), yields });
    }

    fn optional(&mut self, place: String, program: Option<&Program>, input: &Val) {
        if let Some(program) = program {
            self.note(place, program, input);
        }
    }

    fn of_step(&mut self, step: &StepPlan, body: &Val) {
        let place = |what: &str| format!("steps.{}.{what}", step.name);
        self.optional(place("success"), step.success.as_ref(), body);
        let mut found = vec![body.clone()];
        if let Some(find) = &step.find {
            self.note(place("find.in"), &find.within, body);
            found = find.within.outputs(body, &self.globals).unwrap_or_default();
            for candidate in found.iter().take(MAX_ELEMENTS) {
                self.note(place("find.key"), &find.key, candidate);
            }
        }
        for (name, capture) in &step.capture {
            if let (CapturePlan::Body(program), [value]) = (capture, found.as_slice()) {
                self.note(place(&format!("capture.{name}")), program, value);
            }
        }
    }

    fn of_many(&mut self, definition: &Definition, many: &ManyPlan, body: &Val) {
        self.optional("many.success".to_owned(), many.step.success.as_ref(), body);
        self.note("many.each".to_owned(), &many.each, body);
        let elements = many.each.outputs(body, &self.globals).unwrap_or_default();
        for element in elements.iter().take(MAX_ELEMENTS) {
            self.note("many.key".to_owned(), &many.key, element);
            self.optional("many.several_by".to_owned(), many.several_by.as_ref(), element);
        }
        if many.several_by.is_some() {
            return;
        }
        let answer = many.answer.as_ref().unwrap_or(&definition.answer);
        for element in elements.iter().take(MAX_ELEMENTS) {
            self.optional("many.as".to_owned(), many.shaped.as_ref(), element);
            let shaped = many.shaped.as_ref().map(|shaped| shaped.one(element, &self.globals));
            let shaped = shaped.map_or_else(|| Some(element.clone()), |shaped| shaped.ok().flatten());
            if let Some(value) = shaped {
                self.of_answer("answer", answer, &value);
            }
        }
    }

    fn of_answer(&mut self, at: &str, plan: &AnswerPlan, value: &Val) {
        let place = |what: &str| format!("{at}.{what}");
        self.optional(place("identity"), plan.identity.as_ref(), value);
        self.of_amount(&place("used"), &plan.used, value);
        if let Some(total) = &plan.total {
            self.of_amount(&place("total"), total, value);
        }
        self.optional(place("unlimited"), plan.unlimited.as_ref(), value);
        self.optional(place("period.kind_from"), plan.period.kind_from.as_ref(), value);
        self.optional(place("period.key"), plan.period.key.as_ref(), value);
        self.of_date(place("period.start.from"), plan.period.start.as_ref(), value);
        self.of_date(place("period.end.from"), plan.period.end.as_ref(), value);
        self.of_date(place("as_of.from"), plan.as_of.as_ref(), value);
        self.optional(place("status.from"), plan.status.as_ref().map(|status| &status.from), value);
        self.optional(place("bundles.each"), plan.bundles.as_ref().map(|bundles| &bundles.each), value);
    }

    fn of_amount(&mut self, place: &str, plan: &AmountPlan, value: &Val) {
        self.note(format!("{place}.add"), &plan.add, value);
        self.optional(format!("{place}.subtract"), plan.subtract.as_ref(), value);
        self.optional(format!("{place}.unit_from"), plan.unit_from.as_ref(), value);
    }

    fn of_date(&mut self, place: String, plan: Option<&DatePlan>, value: &Val) {
        self.optional(place, plan.map(|date| &date.from), value);
    }
}
