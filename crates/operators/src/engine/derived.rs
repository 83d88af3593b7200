//! Values of a request that are made of secrets, such as an encrypted password: a trace masks them as well.

use super::http::{Body, Outgoing};
use crate::definition::Definition;
use crate::definition::plan::{BodyPlan, Named, RequestPlan};
use crate::hash::Algorithm;
use crate::template::Template;

/// The values in query and form whose templates use a secret.
pub(super) fn secrets(definition: &Definition, plan: &RequestPlan, outgoing: &Outgoing) -> Vec<String> {
    let (auth, nothing) = (&definition.auth, Named::new());
    let form = match &plan.body {
        BodyPlan::Form(fields) => fields,
        _ => &nothing,
    };
    let added = auth.sign.as_ref().map_or(&nothing, |sign| &sign.add);
    let named = [&plan.query, form, &auth.query, added].into_iter().flatten();
    let mut names: Vec<&str> = named
        .filter(|(_, template)| uses_secret(definition, template))
        .map(|(name, _)| name.as_str())
        .collect();
    // A hash tells nothing, what a template encrypted may.
    names.extend(
        auth.sign.iter().filter(|sign| sign.algorithm == Algorithm::None).map(|sign| sign.name.as_str()),
    );
    let fields = match &outgoing.body {
        Body::Form(fields) => fields.as_slice(),
        _ => &[],
    };
    let sent = outgoing.query.iter().chain(fields);
    sent.filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.clone()).collect()
}

fn uses_secret(definition: &Definition, template: &Template) -> bool {
    let is_secret = |template: &Template| {
        definition.templates.variables(template).iter().any(|variable| variable.starts_with("secret."))
    };
    let values = definition.templates.variables(template);
    let values = values.iter().filter_map(|variable| variable.strip_prefix("value."));
    is_secret(template)
        || values
            .filter_map(|wanted| definition.values.iter().find(|(name, _)| name == wanted))
            .any(|(_, template)| is_secret(template))
}
