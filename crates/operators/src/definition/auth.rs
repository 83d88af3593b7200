//! Compiles the `[auth]` part. OAuth2 client credentials are a short form of a log-in.

use super::compile::Compiler;
use super::plan::{AuthPlan, BodyPlan, CapturePlan, LoginPlan, RequestPlan, SignPlan};
use super::raw::{
    Algorithm, ClientAuth, Encoding, Method, ParameterPlace, RawAuth, RawLogin, RawOauth2, RawSign, Text,
};
use crate::template::Place;
use std::ops::Range;
use toml::Spanned;

pub(crate) fn compile(compiler: &mut Compiler<'_>, raw: &RawAuth, owner: &Text) -> AuthPlan {
    let login = match (&raw.login, &raw.oauth2) {
        (Some(login), None) => self::login(compiler, login, owner),
        (None, Some(oauth2)) => self::oauth2(compiler, oauth2),
        (None, None) => None,
        (Some(_), Some(oauth2)) => {
            compiler.problem(&oauth2.path.span(), "`login` and `oauth2` exclude each other");
            None
        }
    };
    AuthPlan {
        basic: compiler.basic(raw.basic.as_ref()),
        headers: compiler.headers(&raw.headers),
        query: compiler.named(&raw.query, Place::Plain),
        login,
        sign: raw.sign.as_ref().and_then(|sign| self::sign(compiler, sign, owner)),
    }
}

fn login(compiler: &mut Compiler<'_>, raw: &RawLogin, owner: &Text) -> Option<LoginPlan> {
    let request = compiler.request(&raw.request);
    let success = compiler.optional_program(raw.success.as_ref());
    let capture = compiler.captures(&raw.capture, owner);
    let ttl_from = compiler.optional_program(raw.ttl.from.as_ref());
    for name in raw.capture.keys() {
        compiler.known.insert(format!("login.{name}"));
    }
    if let Some(jwt) = &raw.ttl.jwt
        && !raw.capture.contains_key(jwt.get_ref())
    {
        compiler.problem(&jwt.span(), format!("the log-in captures no `{}`", jwt.get_ref()));
    }
    let send_headers = compiler.headers(&raw.send.headers);
    let send_query = compiler.named(&raw.send.query, Place::Plain);
    Some(LoginPlan {
        request: request?,
        success,
        capture,
        ttl_seconds: raw.ttl.seconds.get(),
        ttl_from,
        ttl_jwt: raw.ttl.jwt.as_ref().map(|jwt| jwt.get_ref().clone()),
        send_headers,
        send_query,
        pause_after_refusal_seconds: raw.pause_after_refusal_seconds,
    })
}

fn oauth2(compiler: &mut Compiler<'_>, raw: &RawOauth2) -> Option<LoginPlan> {
    let here = raw.path.span();
    let base = compiler.optional_template(raw.base.as_ref(), Place::Plain);
    let path = compiler.template(&raw.path, Place::Path);
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
    Some(LoginPlan {
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
    })
}

fn text(value: &str, span: &Range<usize>) -> Text {
    Spanned::new(span.clone(), value.to_owned())
}

fn sign(compiler: &mut Compiler<'_>, raw: &RawSign, owner: &Text) -> Option<SignPlan> {
    let place = if raw.parameters == ParameterPlace::Json { Place::Json } else { Place::Plain };
    let add = compiler.named(&raw.add, place);
    compiler.known.extend(["params".to_owned(), "body".to_owned()]);
    let string = compiler.optional_template(raw.string.as_ref(), Place::Plain);
    compiler.known.remove("params");
    compiler.known.remove("body");
    let key = compiler.optional_template(raw.key.as_ref(), Place::Plain);
    let hmac = matches!(raw.algorithm, Algorithm::HmacSha1 | Algorithm::HmacSha256);
    if hmac != raw.key.is_some() {
        let place = raw.key.as_ref().map_or_else(|| owner.span(), Spanned::span);
        compiler.problem(&place, "an HMAC needs a `key`, a plain hash takes none");
    }
    Some(SignPlan {
        parameters: raw.parameters,
        add,
        listed: raw.listed.clone(),
        skip_empty: raw.skip_empty,
        encode: raw.encode,
        joiner: raw.joiner.clone(),
        string,
        algorithm: raw.algorithm,
        key,
        output: raw.output,
        place: raw.place,
        name: raw.name.clone(),
    })
}
