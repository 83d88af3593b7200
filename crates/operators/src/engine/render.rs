//! Templates rendered for a request.

use super::error::ReadError;
use crate::definition::plan::Named;
use crate::template::{Template, Templates};
use minijinja::Value;

pub(super) fn text(templates: &Templates, template: &Template, values: &Value) -> Result<String, ReadError> {
    templates.render(template, values).map_err(|error| ReadError::bad_request(error.to_string()))
}

pub(super) fn named(
    templates: &Templates,
    plan: &Named,
    values: &Value,
) -> Result<Vec<(String, String)>, ReadError> {
    plan.iter().map(|(name, template)| Ok((name.clone(), text(templates, template, values)?))).collect()
}
