//! From a signed body to a caller. The order is fixed: the body, its common fields, the operation's fields (400), appkey and
//! sign, timestamp (401), the app's leave (403).

use super::ApiState;
use super::answer::ApiError;
use secrecy::ExposeSecret as _;
use simgauge_protocol::sign::{self, Form, Scope};
use simgauge_protocol::{Body, FieldError, Language, request};
use std::sync::Arc;

/// What unknown appkeys are verified against, so that they take as long as known ones.
const NOBODYS_SECRET: &str = "there is no such app, and this is nobody's secret";

/// Who calls, once the gate let them in.
pub(super) struct Caller {
    pub(super) account: Arc<str>,
    pub(super) appkey: Arc<str>,
    pub(super) language: Language,
    /// The 20 bytes of the sign.
    pub(super) sign: [u8; 20],
}

/// Lets a body in, or says why not. `read` takes the operation's own fields out of it.
pub(super) fn enter<'b, T>(
    state: &ApiState,
    body: &'b Body<'_>,
    asked_language: Option<Language>,
    read: impl FnOnce(&'b Body<'_>) -> Result<T, FieldError>,
) -> Result<(Caller, T), ApiError> {
    let common = request::Caller::read(body)?;
    let fields = read(body)?;
    let app = state.apps.get(common.appkey);
    let secret = app.as_ref().map_or(NOBODYS_SECRET, |app| app.secret.expose_secret());
    let right = sign::verify(body, Scope::Request, secret, common.sign);
    let server_time = state.clock.now().seconds();
    let (true, Some(app)) = (right, app) else {
        let string_to_sign = sign::shown(&sign::canonical(body, Scope::Request, Form::default()));
        return Err(ApiError::WrongSign { string_to_sign, server_time });
    };
    let window_seconds = state.timestamp_window.as_secs();
    if server_time.abs_diff(common.timestamp) > window_seconds {
        return Err(ApiError::Timestamp { server_time, window_seconds });
    }
    if app.disabled {
        return Err(ApiError::Disabled);
    }
    let mut digest = [0; 20];
    // Verified just now, so it is 40 hex digits.
    hex::decode_to_slice(common.sign, &mut digest).map_err(|_| ApiError::Internal)?;
    let caller = Caller {
        account: app.account.clone(),
        appkey: app.appkey.clone(),
        language: asked_language.unwrap_or(app.language),
        sign: digest,
    };
    Ok((caller, fields))
}

/// Lets the body of a read in, once: a read that was captured cannot be sent again. (An identical refresh is answered alike
/// instead.)
pub(super) fn enter_once<'b, T>(
    state: &ApiState,
    body: &'b Body<'_>,
    asked_language: Option<Language>,
    read: impl FnOnce(&'b Body<'_>) -> Result<T, FieldError>,
) -> Result<(Caller, T), ApiError> {
    let (caller, fields) = enter(state, body, asked_language, read)?;
    if state.replay.is_first(&caller.sign) { Ok((caller, fields)) } else { Err(ApiError::Repeated) }
}

/// The language to refuse in while nobody is known: the one asked for, else the account's where the appkey names one.
pub(super) fn language_of(state: &ApiState, body: Option<&Body<'_>>, asked: Option<Language>) -> Language {
    asked.unwrap_or_else(|| {
        body.and_then(|body| simgauge_protocol::field::text(body, "appkey").ok())
            .and_then(|appkey| state.apps.get(appkey))
            .map(|app| app.language)
            .unwrap_or_default()
    })
}
