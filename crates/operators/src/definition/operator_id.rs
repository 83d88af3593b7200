//! Compiles the `[operator_id]` part.

use super::compile::Compiler;
use super::plan::OperatorIdPlan;
use super::raw::{RawDefinition, RawStep};
use crate::nearest::did_you_mean;
use std::collections::BTreeSet;
use std::time::Duration;

/// The steps that are left out where the id is known.
pub(super) fn look_ups(raw: &RawDefinition) -> impl Iterator<Item = &RawStep> {
    let capture = raw.operator_id.as_ref().map(|id| id.capture.get_ref());
    raw.steps.iter().filter(move |step| capture.is_some_and(|name| step.capture.contains_key(name)))
}

pub(super) fn compile(compiler: &mut Compiler<'_>, of: &RawDefinition) -> Option<OperatorIdPlan> {
    let raw = of.operator_id.as_ref()?;
    let name = raw.capture.get_ref();
    for step in look_ups(of) {
        if step.capture.len() > 1 {
            let message =
                format!("this step is left out where `{name}` is known, so it can capture nothing else");
            compiler.problem(&step.name.span(), message);
        }
    }
    let names: BTreeSet<&str> = look_ups(of).map(|step| step.name.get_ref().as_str()).collect();
    if names.is_empty() {
        let captures = of.steps.iter().flat_map(|step| step.capture.keys().map(String::as_str));
        let near = did_you_mean(name, captures);
        compiler.problem(&raw.capture.span(), format!("no step captures `{name}`{near}"));
    } else if let Some(last) = of.steps.last().filter(|last| names.contains(last.name.get_ref().as_str())) {
        let message = "the last step looks the id up, so that nothing would be asked where it is known";
        compiler.problem(&last.name.span(), message);
    }
    Some(OperatorIdPlan {
        capture: name.clone(),
        renew: Duration::from_secs(u64::from(raw.renew_hours.get()) * 3_600),
        refused: compiler.optional_program(raw.refused.as_ref()),
    })
}
