//! Compiles the `[auth]` part. OAuth2 client credentials are a short form of a log-in.

use super::compile::Compiler;
use super::many;
use super::plan::{AuthPlan, BodyPlan, CapturePlan, LockOutPlan, LoginPlan, RequestPlan, SignPlan};
use super::raw::{
    ClientAuth, Encoding, Method, ParameterPlace, RawAuth, RawLockOut, RawLogin, RawOauth2, RawSign, Text,
};
use crate::hash::{Algorithm, Output};
use crate::template::Place;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// More log-ins than any operator needs.
const MAX_LOGINS: usize = 3;
/// The name of a log-in that has none of its own. Rules for `login` are for every log-in.
pub(super) const LOGIN: &str = "login";

pub(crate) fn compile(compiler: &mut Compiler<'_>, raw: &RawAuth, owner: &Text) -> AuthPlan {
    let names = login_names(raw);
    check_names(compiler, &names);
    let logins = names.iter().enumerate().filter_map(|(index, name)| match &raw.oauth2 {
        Some(oauth2) if index == 0 => self::oauth2(compiler, oauth2, name),
        _ => {
            let raw = &raw.login[index - usize::from(raw.oauth2.is_some())];
            self::login(compiler, raw, name, index == 0, owner)
        }
    });
    let logins = logins.collect();
    AuthPlan {
        basic: compiler.basic(raw.basic.as_ref()),
        headers: compiler.headers(&raw.headers),
        query: compiler.named(&raw.query, Place::Plain),
        logins,
        sign: raw.sign.as_ref().and_then(|sign| self::sign(compiler, sign)),
    }
}

/// The names of the log-ins, in the order in which they are made.
pub(super) fn login_names(raw: &RawAuth) -> Vec<Text> {
    let default = if raw.login.is_empty() { LOGIN } else { "oauth2" };
    let oauth2 = raw.oauth2.iter().map(|oauth2| (&oauth2.name, default, oauth2.path.span()));
    let logins = raw.login.iter().map(|login| (&login.name, LOGIN, login.request.path.span()));
    let name =
        |(name, default, place): (&Option<Text>, _, _)| name.clone().unwrap_or_else(|| text(default, &place));
    oauth2.chain(logins).map(name).collect()
}

/// Rules tell log-ins apart by their names.
fn check_names(compiler: &mut Compiler<'_>, names: &[Text]) {
    for (index, name) in names.iter().enumerate() {
        if index == MAX_LOGINS {
            compiler.problem(&name.span(), format!("a definition has at most {MAX_LOGINS} log-ins"));
        }
        if name.get_ref() == many::STEP {
            compiler.problem(&name.span(), "no log-in is called `many`, as the call about many SIMs is");
        }
        if names[..index].iter().any(|earlier| earlier.get_ref() == name.get_ref()) {
            compiler.problem(&name.span(), "log-ins have names of their own: give each a `name`");
        }
    }
}

fn lock_out(compiler: &mut Compiler<'_>, raw: Option<&RawLockOut>, is_first: bool) -> Option<LockOutPlan> {
    let raw = raw?;
    if raw.source.get_ref().trim().is_empty() {
        compiler.problem(&raw.source.span(), "say where the operator states when it locks a user");
    }
    let stop_after = raw.stop_after.get_ref().get();
    if !is_first && stop_after < 2 {
        let message = "`stop_after` of a log-in that follows another is at least 2: it can be refused \
                       because the other has ended";
        compiler.problem(&raw.stop_after.span(), message);
    }
    Some(LockOutPlan { stop_after, pause: Duration::from_secs(raw.pause_seconds.get()) })
}

fn login(
    compiler: &mut Compiler<'_>,
    raw: &RawLogin,
    name: &Text,
    is_first: bool,
    owner: &Text,
) -> Option<LoginPlan> {
    let request = compiler.request(&raw.request);
    let success = compiler.optional_program(raw.success.as_ref());
    let capture = compiler.captures(&raw.capture, owner);
    let ttl_from = compiler.optional_program(raw.ttl.from.as_ref());
    for name in raw.capture.keys() {
        if !compiler.known.insert(format!("login.{name}")) {
            let message = format!("a log-in before this one captures `{name}` already");
            compiler.problem(&raw.request.path.span(), message);
        }
    }
    if let Some(jwt) = &raw.ttl.jwt
        && !raw.capture.contains_key(jwt.get_ref())
    {
        compiler.problem(&jwt.span(), format!("the log-in captures no `{}`", jwt.get_ref()));
    }
    let send_headers = compiler.headers(&raw.send.headers);
    let send_query = compiler.named(&raw.send.query, Place::Plain);
    let lock_out = lock_out(compiler, raw.lock_out.as_ref(), is_first);
    Some(LoginPlan {
        name: name.get_ref().clone(),
        request: request?,
        success,
        capture,
        ttl_seconds: raw.ttl.seconds.get(),
        ttl_from,
        ttl_jwt: raw.ttl.jwt.as_ref().map(|jwt| jwt.get_ref().clone()),
        send_headers,
        send_query,
        pause_after_refusal_seconds: raw.pause_after_refusal_seconds,
        lock_out,
    })
}

fn oauth2(compiler: &mut Compiler<'_>, raw: &RawOauth2, name: &Text) -> Option<LoginPlan> {
    let here = raw.path.span();
    let base = compiler.optional_template(raw.base.as_ref(), Place::Plain);
    let path = compiler.path(&raw.path);
    let client = compiler
        .template(&raw.client_id, Place::Plain)
        .zip(compiler.template(&raw.client_secret, Place::Plain));
    let mut fields =
        vec![("grant_type".to_owned(), compiler.template(&text("client_credentials", &here), Place::Plain)?)];
    let mut basic = None;
    match raw.client_auth {
        ClientAuth::Basic => basic = client,
        ClientAuth::Body => {
            let (id, secret) = client?;
            fields.push(("client_id".into(), id));
            fields.push(("client_secret".into(), secret));
        }
    }
    if let Some(scope) = &raw.scope {
        fields.push(("scope".into(), compiler.template(scope, Place::Plain)?));
    }
    let body = match raw.encoding {
        Encoding::Form => BodyPlan::Form(fields),
        Encoding::Json => BodyPlan::JsonTexts(fields),
    };
    let or = |given: &Option<Text>, default: &str| given.clone().unwrap_or_else(|| text(default, &here));
    let token = compiler.program(&or(&raw.token, ".access_token"));
    let expires_in = compiler.program(&or(&raw.expires_in, ".expires_in"));
    compiler.known.insert("login.token".into());
    let bearer = compiler.template(&text("Bearer {{ login.token }}", &here), Place::Plain);
    let lock_out = lock_out(compiler, raw.lock_out.as_ref(), true);
    Some(LoginPlan {
        name: name.get_ref().clone(),
        request: RequestPlan {
            method: Method::Post,
            base,
            path: path?,
            path_source: raw.path.get_ref().clone(),
            headers: Vec::new(),
            query: Vec::new(),
            body,
            basic,
        },
        success: None,
        capture: vec![("token".into(), CapturePlan::Body(token?))],
        ttl_seconds: raw.ttl_seconds.get(),
        ttl_from: expires_in,
        ttl_jwt: None,
        send_headers: vec![("Authorization".into(), bearer?)],
        send_query: Vec::new(),
        pause_after_refusal_seconds: raw.pause_after_refusal_seconds,
        lock_out,
    })
}

fn text(value: &str, span: &Range<usize>) -> Text {
    Spanned::new(span.clone(), value.to_owned())
}

fn sign(compiler: &mut Compiler<'_>, raw: &RawSign) -> Option<SignPlan> {
    let place = if raw.parameters == ParameterPlace::Json { Place::Json } else { Place::Plain };
    let add = compiler.named(&raw.add, place);
    compiler.known.extend(["params".to_owned(), "body".to_owned()]);
    let string = compiler.optional_template(raw.string.as_ref(), Place::Plain);
    compiler.known.remove("params");
    compiler.known.remove("body");
    let key = compiler.optional_template(raw.key.as_ref(), Place::Plain);
    let algorithm = *raw.algorithm.get_ref();
    if algorithm.needs_key() != raw.key.is_some() {
        let place = raw.key.as_ref().map_or_else(|| raw.algorithm.span(), Spanned::span);
        compiler.problem(&place, "an HMAC needs a `key`, a plain hash takes none");
    }
    if raw.output == Output::Text && algorithm != Algorithm::None {
        compiler.problem(&raw.algorithm.span(), "only the algorithm `none` can have the output `text`");
    }
    Some(SignPlan {
        parameters: raw.parameters,
        add,
        listed: raw.listed.clone(),
        skip_empty: raw.skip_empty,
        encode: raw.encode,
        joiner: raw.joiner.clone(),
        string,
        algorithm,
        key,
        output: raw.output,
        place: raw.place,
        name: raw.name.clone(),
    })
}
