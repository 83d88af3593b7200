//! From a signed body to a caller. The checks have a fixed order: the body, its common fields and the
//! operation's fields (400), appkey, sign and timestamp (401), whether the app is enabled and the caller's
//! address is allowed (403), the quotas (429).

use crate::answer::ApiError;
use crate::content_encoding::ContentEncoding;
use crate::state::ApiState;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_protocol::sign::{self, Fingerprint, Form, Scope};
use simgauge_protocol::{Body, FieldError, Language, request};
use simgauge_service::apps::AppEntry;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// The secret that signs are verified with where there is none. It opens nothing.
const NO_SECRET: &str = "there is no such app, and this is nobody's secret";

/// A caller whose call passed all checks.
pub(super) struct Caller<'b> {
    pub(super) account: Arc<str>,
    pub(super) appkey: Arc<str>,
    pub(super) language: Language,
    /// The sign as it was sent: hex digits in upper or lower case.
    pub(super) sign: &'b str,
    pub(super) fingerprint: Fingerprint,
    /// When the call was checked.
    pub(super) at: UnixMs,
}

/// What a call says outside its body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    /// The language that it asks for.
    pub(super) language: Option<Language>,
    /// The caller's address, where it is known.
    pub(super) address: Option<IpAddr>,
    /// How its body is packed.
    pub(super) encoding: ContentEncoding,
}

/// A call of an operation, as it came in.
pub(super) struct Call<'c> {
    pub(super) body: &'c Body<'c>,
    pub(super) origin: &'c Origin,
    pub(super) request_id: &'c str,
}

/// Read from the request in place: copying all headers would cost more than reading these three.
impl FromRequestParts<ApiState> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let lines = parts.headers.get_all(state.proxies.header_name()).iter().map(HeaderValue::as_bytes);
        let address = connection.and_then(|ConnectInfo(at)| state.proxies.caller(at.ip(), lines));
        let encoding = ContentEncoding::of(&parts.headers);
        Ok(Self { language: asked_language(&parts.headers), address, encoding })
    }
}

/// The language that the headers ask for.
pub fn asked_language(headers: &HeaderMap) -> Option<Language> {
    Language::from_accept_language(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

/// Checks a call. `read` takes the operation's own fields out of its body.
pub(super) fn enter<'c, T>(
    state: &ApiState,
    call: &Call<'c>,
    read: impl FnOnce(&'c Body<'c>) -> Result<T, FieldError>,
) -> Result<(Caller<'c>, T), ApiError> {
    let Call { body, origin, .. } = *call;
    let common = request::Caller::read(body)?;
    let fields = read(body)?;
    let now = state.services.clock.now();
    let server_time = now.seconds();
    let app = state.services.apps.get(common.appkey);
    let right = is_right(secrets_of(app.as_deref(), now), |secret| {
        sign::verify(body, Scope::Request, secret, common.sign)
    });
    let (true, Some(app)) = (right, app) else {
        let canonical = sign::canonical(body, Scope::Request, Form::default());
        return Err(ApiError::WrongSign {
            string_to_sign: sign::shown(&canonical, common.sign_type),
            server_time,
        });
    };
    // Only a caller that has the secret gets to know this.
    if app.sign_type != common.sign_type {
        return Err(ApiError::SignType { needed: app.sign_type, server_time });
    }
    let window_seconds = state.timestamp_window.as_secs();
    if server_time.abs_diff(common.timestamp) > window_seconds {
        return Err(ApiError::Timestamp { server_time, window_seconds });
    }
    if app.disabled {
        return Err(ApiError::Disabled);
    }
    if !app.allows(origin.address) {
        return Err(ApiError::Address(origin.address));
    }
    app.take_call().map_err(|used_up| ApiError::Quota {
        per_second: used_up.per_second,
        retry_after_seconds: whole_seconds_up(used_up.wait).max(1),
    })?;
    let caller = Caller {
        account: app.account.clone(),
        appkey: app.appkey.clone(),
        language: origin.language.unwrap_or(app.language),
        // The sign is right, so it is hex digits.
        fingerprint: sign::fingerprint(common.sign).ok_or(ApiError::Internal)?,
        sign: common.sign,
        at: now,
    };
    Ok((caller, fields))
}

/// The secrets of an app: its own and, for some time after a rotation, the one before.
fn secrets_of(app: Option<&AppEntry>, now: UnixMs) -> [Option<&str>; 2] {
    [app.map(AppEntry::secret), app.and_then(|app| app.old_secret(now))]
}

/// Whether a sign is right with one of these secrets. A wrong sign is always verified twice, also where there
/// is only one secret or none: an unknown appkey, or an app that was not rotated, then takes as long as any
/// other.
fn is_right(secrets: [Option<&str>; 2], mut verify: impl FnMut(&str) -> bool) -> bool {
    secrets.into_iter().any(|secret| verify(secret.unwrap_or(NO_SECRET)) && secret.is_some())
}

/// Checks a call of a read operation, whose sign is good only once: a captured call cannot be sent again. (An
/// identical refresh gets the same answer instead. A refresh's sign is not remembered here, so whoever
/// captures one can read with it once.)
pub(super) fn enter_once<'c, T>(
    state: &ApiState,
    call: &Call<'c>,
    read: impl FnOnce(&'c Body<'c>) -> Result<T, FieldError>,
) -> Result<(Caller<'c>, T), ApiError> {
    let (caller, fields) = enter(state, call, read)?;
    if !state.replay.is_first(&caller.fingerprint, Instant::now()) {
        return Err(ApiError::Repeated);
    }
    Ok((caller, fields))
}

/// The language of a refusal where the call asks for none. It is the account's, where the sign was right. To
/// anybody else an appkey that exists must look like one that does not.
pub(super) fn language_to_refuse_in(state: &ApiState, body: &Body<'_>, error: &ApiError) -> Language {
    if error.comes_before_the_sign() {
        return Language::default();
    }
    let appkey = simgauge_protocol::field::text(body, "appkey").ok();
    appkey.and_then(|appkey| state.services.apps.get(appkey)).map(|app| app.language).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_service::apps::AppDirectory;
    use simgauge_service::secrets::Sealer;
    use simgauge_store::{Store, StoredQuota};
    use std::time::Duration;

    const NOW: UnixMs = UnixMs(1_800_000_000_000);

    async fn directory(dir: &std::path::Path) -> AppDirectory {
        let sealer = Sealer::new(&[7; 32]);
        let store =
            Store::connect(&format!("sqlite://{}", dir.join("store.db").display()), 2).await.expect("store");
        store.migrate().await.expect("migrated");
        store.create_account("acme", "zh", NOW).await.expect("account");
        for app in ["plain", "rotated"] {
            let sealed = sealer.seal("an app's secret", app).expect("sealed");
            store.create_app(app, "acme", "", &sealed, NOW).await.expect("app");
        }
        let new = sealer.seal("its new secret", "rotated").expect("sealed");
        store
            .set_app_secret("rotated", &new, Some(NOW.after(Duration::from_secs(1))))
            .await
            .expect("rotated");
        AppDirectory::load(store, sealer, StoredQuota { per_second: 0, burst: 0 }).await.expect("directory")
    }

    fn body(appkey: &str, secret: &str) -> Vec<u8> {
        let unsigned = format!(
            r#"{{"appkey":"{appkey}","timestamp":1800000000,"nonce":12345,"iccid":"8988308650100524999"}}"#
        );
        let signed = sign::sign(&Body::parse(unsigned.as_bytes()).expect("body"), Scope::Request, secret);
        unsigned.replacen('{', &format!(r#"{{"sign":"{signed}","#), 1).into_bytes()
    }

    #[tokio::test]
    async fn which_signs_are_right() {
        let dir = tempfile::tempdir().expect("folder");
        let apps = directory(dir.path()).await;
        let right = |appkey: &str, secret: &str, now| {
            let bytes = body(appkey, secret);
            let body = Body::parse(&bytes).expect("body");
            let sent = request::Caller::read(&body).expect("fields").sign;
            let app = apps.get(appkey);
            is_right(secrets_of(app.as_deref(), now), |secret| {
                sign::verify(&body, Scope::Request, secret, sent)
            })
        };
        assert!(right("plain", "an app's secret", NOW));
        assert!(!right("plain", "another", NOW));
        assert!(right("rotated", "its new secret", NOW) && right("rotated", "an app's secret", NOW));
        let later = NOW.after(Duration::from_secs(1));
        assert!(right("rotated", "its new secret", later) && !right("rotated", "an app's secret", later));
        for app in ["plain", "rotated", "nobody"] {
            assert!(!right(app, NO_SECRET, NOW), "{app}: the secret of no app opens nothing");
        }
    }

    /// An unknown appkey cannot be told from a wrong sign by the time it takes, nor from a wrong sign of a
    /// rotated app.
    #[test]
    fn every_wrong_sign_is_verified_twice() {
        for (secrets, expected) in [
            ([None, None], [NO_SECRET, NO_SECRET]),
            ([Some("own"), None], ["own", NO_SECRET]),
            ([Some("own"), Some("before")], ["own", "before"]),
        ] {
            let mut verified = Vec::new();
            let right = is_right(secrets, |secret| {
                verified.push(secret.to_owned());
                false
            });
            assert!(!right);
            assert_eq!(verified, expected);
        }
    }

    #[tokio::test]
    async fn unknown_and_rotated_apps_have_their_secrets() {
        let dir = tempfile::tempdir().expect("folder");
        let apps = directory(dir.path()).await;
        let secrets = |appkey: &str, now| {
            secrets_of(apps.get(appkey).as_deref(), now).map(|secret| secret.map(str::to_owned))
        };
        let both = |own: &str, before: Option<&str>| [Some(own.to_owned()), before.map(str::to_owned)];
        assert_eq!(secrets("nobody", NOW), [None, None]);
        assert_eq!(secrets("plain", NOW), both("an app's secret", None));
        assert_eq!(secrets("rotated", NOW), both("its new secret", Some("an app's secret")));
        assert_eq!(secrets("rotated", NOW.after(Duration::from_secs(1))), both("its new secret", None));
    }
}
