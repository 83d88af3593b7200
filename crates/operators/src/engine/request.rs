//! Rendering a request: templates, then what the definition's auth adds to it.

use super::failure::ReadError;
use super::http::{Body, Outgoing};
use super::sign;
use crate::definition::Definition;
use crate::definition::plan::{BodyPlan, Named, RequestPlan};
use crate::template::{RenderError, Template, Templates};
use base64::Engine as _;
use minijinja::Value;
use simgauge_domain::failure::FailureKind;

pub(crate) fn unmade(error: RenderError) -> ReadError {
    ReadError::new(FailureKind::BadRequest, error.to_string())
}

/// Renders `plan` against `base`; for a step also with everything `[auth]` adds.
pub(crate) fn render(
    definition: &Definition,
    plan: &RequestPlan,
    base: &str,
    values: &Value,
    is_step: bool,
) -> Result<Outgoing, ReadError> {
    let templates = &definition.templates;
    let base = match &plan.base {
        Some(base) => templates.render(base, values).map_err(unmade)?,
        None => base.to_owned(),
    };
    let path = templates.render(&plan.path, values).map_err(unmade)?;
    let mut outgoing = Outgoing {
        method: plan.method,
        url: format!("{}{path}", base.trim_end_matches('/')),
        query: named(templates, &plan.query, values)?,
        headers: named(templates, &plan.headers, values)?,
        body: body(templates, &plan.body, values)?,
    };
    if let Some(basic) = &plan.basic {
        outgoing.headers.push(basic_header(templates, basic, values)?);
    }
    if is_step {
        let auth = &definition.auth;
        if let Some(basic) = &auth.basic {
            outgoing.headers.push(basic_header(templates, basic, values)?);
        }
        outgoing.headers.extend(named(templates, &auth.headers, values)?);
        outgoing.query.extend(named(templates, &auth.query, values)?);
        if let Some(login) = &auth.login {
            outgoing.headers.extend(named(templates, &login.send_headers, values)?);
            outgoing.query.extend(named(templates, &login.send_query, values)?);
        }
        if let Some(recipe) = &auth.sign {
            // Last, over what is sent.
            sign::apply(recipe, templates, values, &mut outgoing)?;
        }
    }
    Ok(outgoing)
}

pub(crate) fn named(
    templates: &Templates,
    plan: &Named,
    values: &Value,
) -> Result<Vec<(String, String)>, ReadError> {
    plan.iter()
        .map(|(name, template)| Ok((name.clone(), templates.render(template, values).map_err(unmade)?)))
        .collect()
}

fn basic_header(
    templates: &Templates,
    (user, password): &(Template, Template),
    values: &Value,
) -> Result<(String, String), ReadError> {
    let user = templates.render(user, values).map_err(unmade)?;
    let password = templates.render(password, values).map_err(unmade)?;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    Ok(("Authorization".into(), format!("Basic {encoded}")))
}

fn body(templates: &Templates, plan: &BodyPlan, values: &Value) -> Result<Body, ReadError> {
    Ok(match plan {
        BodyPlan::None => Body::None,
        BodyPlan::Form(fields) => Body::Form(named(templates, fields, values)?),
        BodyPlan::Json(template) => {
            let text = templates.render(template, values).map_err(unmade)?;
            let value = serde_json::from_str(&text).map_err(|_| {
                ReadError::new(FailureKind::BadRequest, "The definition's JSON body did not become JSON.")
            })?;
            Body::Json(value)
        }
        BodyPlan::JsonTexts(fields) => {
            let fields = named(templates, fields, values)?;
            Body::Json(serde_json::Value::Object(
                fields.into_iter().map(|(name, value)| (name, serde_json::Value::String(value))).collect(),
            ))
        }
    })
}
