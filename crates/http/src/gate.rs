//! From a signed body to a caller. The order is fixed: the body, its common fields, the operation's fields (400), appkey and
//! sign, timestamp (401), the app's leave and the caller's address (403), the quotas (429).

use crate::answer::ApiError;
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

/// What unknown appkeys are verified against, so that they take as long as known ones.
const NOBODYS_SECRET: &str = "there is no such app, and this is nobody's secret";

/// Who calls, once the gate let them in.
pub(super) struct Caller<'b> {
    pub(super) account: Arc<str>,
    pub(super) appkey: Arc<str>,
    pub(super) language: Language,
    /// The sign as it was sent: hex digits in either letter case.
    pub(super) sign: &'b str,
    pub(super) fingerprint: Fingerprint,
    /// When the call was let in.
    pub(super) at: UnixMs,
}

/// What of a call stands outside its body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    /// The language it asks for.
    pub(super) language: Option<Language>,
    /// The caller's address, where it can be told.
    pub(super) address: Option<IpAddr>,
}

/// Out of the request where it stands: a copy of all its headers would cost more than what is looked for in them.
impl FromRequestParts<ApiState> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let lines = parts.headers.get_all(state.proxies.header_name()).iter().map(HeaderValue::as_bytes);
        let address = connection.and_then(|ConnectInfo(at)| state.proxies.caller(at.ip(), lines));
        Ok(Self { language: asked_language(&parts.headers), address })
    }
}

/// The language that the headers ask for.
pub fn asked_language(headers: &HeaderMap) -> Option<Language> {
    Language::from_accept_language(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?)
}

/// Lets a body in, or says why not. `read` takes the operation's own fields out of it.
pub(super) fn enter<'b, T>(
    state: &ApiState,
    body: &'b Body<'_>,
    origin: Origin,
    read: impl FnOnce(&'b Body<'_>) -> Result<T, FieldError>,
) -> Result<(Caller<'b>, T), ApiError> {
    let common = request::Caller::read(body)?;
    let fields = read(body)?;
    let now = state.services.clock.now();
    let server_time = now.seconds();
    let app = state.services.apps.get(common.appkey);
    let right = is_right(app.as_deref(), body, common.sign, now);
    let (true, Some(app)) = (right, app) else {
        let canonical = sign::canonical(body, Scope::Request, Form::default());
        return Err(ApiError::WrongSign {
            string_to_sign: sign::shown(&canonical, common.sign_type),
            server_time,
        });
    };
    // Told to nobody who does not have the secret.
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
        // Verified just now, so it is hex digits.
        fingerprint: sign::fingerprint(common.sign).ok_or(ApiError::Internal)?,
        sign: common.sign,
        at: now,
    };
    Ok((caller, fields))
}

/// Whether a sign is that of the app's secret, or of the one before. Whatever is wrong, two secrets were tried: an unknown appkey, or
/// one that was not rotated, takes no less time than a known one.
fn is_right(app: Option<&AppEntry>, body: &Body<'_>, sign: &str, now: UnixMs) -> bool {
    let verify = |secret: Option<&str>| {
        sign::verify(body, Scope::Request, secret.unwrap_or(NOBODYS_SECRET), sign) && secret.is_some()
    };
    verify(app.map(AppEntry::secret)) || verify(app.and_then(|app| app.old_secret(now)))
}

/// Lets the body of a read in, once: a read that was captured cannot be sent again. (An identical refresh is answered alike
/// instead.)
pub(super) fn enter_once<'b, T>(
    state: &ApiState,
    body: &'b Body<'_>,
    origin: Origin,
    read: impl FnOnce(&'b Body<'_>) -> Result<T, FieldError>,
) -> Result<(Caller<'b>, T), ApiError> {
    let (caller, fields) = enter(state, body, origin, read)?;
    if state.replay.is_first(&caller.fingerprint) { Ok((caller, fields)) } else { Err(ApiError::Repeated) }
}

/// The language to refuse in where none was asked for: the account's, once the sign has shown that the caller has the secret. To
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
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    const CALLS: usize = 4_001;
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
    async fn who_is_let_in() {
        let dir = tempfile::tempdir().expect("folder");
        let apps = directory(dir.path()).await;
        let right = |appkey: &str, secret: &str, now| {
            let bytes = body(appkey, secret);
            let body = Body::parse(&bytes).expect("body");
            let sent = request::Caller::read(&body).expect("fields").sign;
            is_right(apps.get(appkey).as_deref(), &body, sent, now)
        };
        assert!(right("plain", "an app's secret", NOW));
        assert!(!right("plain", "another", NOW));
        assert!(right("rotated", "its new secret", NOW) && right("rotated", "an app's secret", NOW));
        let later = NOW.after(Duration::from_secs(1));
        assert!(right("rotated", "its new secret", later) && !right("rotated", "an app's secret", later));
        for app in ["plain", "rotated", "nobody"] {
            assert!(!right(app, NOBODYS_SECRET, NOW), "{app}: what nobody has opens nothing");
        }
    }

    /// Whoever measures cannot tell an unknown appkey from a wrong sign, nor from one of an app that was rotated.
    #[tokio::test]
    async fn unknown_appkeys_and_wrong_signs_take_as_long() {
        let dir = tempfile::tempdir().expect("folder");
        let apps = directory(dir.path()).await;
        let kinds = ["plain", "rotated", "nobody"].map(|appkey| (appkey, body(appkey, "wrong")));
        let mut times = [(); 3].map(|()| Vec::with_capacity(CALLS));
        // In turns, so that whatever else the machine does hits all alike.
        for _ in 0..CALLS {
            for ((appkey, bytes), times) in kinds.iter().zip(&mut times) {
                let body = Body::parse(bytes).expect("body");
                let sent = request::Caller::read(&body).expect("fields").sign;
                let began = Instant::now();
                assert!(!is_right(black_box(apps.get(appkey)).as_deref(), &body, sent, NOW));
                times.push(began.elapsed());
            }
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            times[CALLS / 2]
        });
        for one in medians {
            for other in medians {
                assert!(one < other.mul_f64(1.15), "{medians:?}");
            }
        }
    }
}
