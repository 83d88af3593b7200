//! Renders a request: its templates, then what the definition's `[auth]` adds.

use super::error::ReadError;
use super::http::{Body, Outgoing};
use super::run::Batch;
use super::{render, sign};
use crate::definition::Definition;
use crate::definition::plan::{BodyPlan, RequestPlan};
use crate::template::{Template, Templates};
use base64::Engine as _;
use minijinja::Value;

/// Renders `plan` against `base`, for a step also with everything that `[auth]` adds. `batch`: where it is
/// about many SIMs.
pub(super) fn render(
    definition: &Definition,
    plan: &RequestPlan,
    base: &str,
    values: &Value,
    is_step: bool,
    batch: Option<&Batch>,
) -> Result<Outgoing, ReadError> {
    let templates = &definition.templates;
    let base = match &plan.base {
        Some(base) => render::text(templates, base, values)?,
        None => base.to_owned(),
    };
    let path = render::text(templates, &plan.path, values)?;
    let mut outgoing = Outgoing {
        method: plan.method,
        url: format!("{}{path}", base.trim_end_matches('/')),
        query: render::named(templates, &plan.query, values)?,
        headers: render::named(templates, &plan.headers, values)?,
        body: body(templates, &plan.body, values)?,
    };
    if let Some(batch) = batch.filter(|batch| batch.is_later) {
        go_on(definition, batch, values, &mut outgoing)?;
    }
    if let Some(basic) = &plan.basic {
        outgoing.headers.push(basic_header(templates, basic, values)?);
    }
    if is_step {
        let auth = &definition.auth;
        if let Some(basic) = &auth.basic {
            outgoing.headers.push(basic_header(templates, basic, values)?);
        }
        outgoing.headers.extend(render::named(templates, &auth.headers, values)?);
        outgoing.query.extend(render::named(templates, &auth.query, values)?);
        add_logins(definition, auth.logins.len(), values, &mut outgoing)?;
        if let Some(recipe) = &auth.sign {
            // Last, since it covers everything that is sent.
            sign::apply(recipe, templates, values, &mut outgoing)?;
        }
    }
    Ok(outgoing)
}

/// Adds what the first `count` log-ins send with every later request.
pub(super) fn add_logins(
    definition: &Definition,
    count: usize,
    values: &Value,
    outgoing: &mut Outgoing,
) -> Result<(), ReadError> {
    for login in definition.auth.logins.iter().take(count) {
        outgoing.headers.extend(render::named(&definition.templates, &login.send_headers, values)?);
        outgoing.query.extend(render::named(&definition.templates, &login.send_query, values)?);
    }
    Ok(())
}

/// Makes a request that of a later page.
fn go_on(
    definition: &Definition,
    batch: &Batch,
    values: &Value,
    outgoing: &mut Outgoing,
) -> Result<(), ReadError> {
    if let Some(link) = &batch.link {
        outgoing.query = link.query_pairs().into_owned().collect();
        let mut bare = link.clone();
        bare.set_query(None);
        outgoing.url = bare.into();
    }
    if let Some(pages) = definition.many.as_ref().and_then(|many| many.pages.as_ref()) {
        let onward = render::named(&definition.templates, &pages.query, values)?;
        outgoing.query.retain(|(name, _)| onward.iter().all(|(other, _)| other != name));
        outgoing.query.extend(onward);
    }
    Ok(())
}

fn basic_header(
    templates: &Templates,
    (user, password): &(Template, Template),
    values: &Value,
) -> Result<(String, String), ReadError> {
    let user = render::text(templates, user, values)?;
    let password = render::text(templates, password, values)?;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    Ok(("Authorization".into(), format!("Basic {encoded}")))
}

fn body(templates: &Templates, plan: &BodyPlan, values: &Value) -> Result<Body, ReadError> {
    Ok(match plan {
        BodyPlan::None => Body::None,
        BodyPlan::Form(fields) => Body::Form(render::named(templates, fields, values)?),
        BodyPlan::Json(template) => {
            let text = render::text(templates, template, values)?;
            let value = serde_json::from_str(&text)
                .map_err(|_| ReadError::bad_request("The definition's JSON body did not become JSON."))?;
            Body::Json(value)
        }
        BodyPlan::JsonTexts(fields) => {
            let fields = render::named(templates, fields, values)?;
            Body::Json(serde_json::Value::Object(
                fields.into_iter().map(|(name, value)| (name, serde_json::Value::String(value))).collect(),
            ))
        }
    })
}
