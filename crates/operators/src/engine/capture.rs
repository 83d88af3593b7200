use super::error::ReadError;
use crate::definition::plan::CapturePlan;
use crate::jq::{Globals, text_of};
use jaq_json::Val;
use std::collections::BTreeMap;

/// The named values of an answer. Every one of them has to be present.
pub(super) fn capture<'h>(
    plan: &[(String, CapturePlan)],
    body: &Val,
    header: impl Fn(&str) -> Option<&'h str>,
    globals: &Globals,
) -> Result<BTreeMap<String, String>, ReadError> {
    plan.iter()
        .map(|(name, capture)| {
            let found = match capture {
                CapturePlan::Header(header_name) => header(header_name).map(str::to_owned),
                CapturePlan::Body(program) => {
                    program.one(body, globals).ok().flatten().map(|value| text_of(&value))
                }
            };
            match found.filter(|value| !value.is_empty()) {
                Some(value) => Ok((name.clone(), value)),
                None => Err(ReadError::bad_answer(format!("The operator's answer has no `{name}`."))),
            }
        })
        .collect()
}
