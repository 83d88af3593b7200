//! Every way a call can end, and the one place where each becomes an envelope.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use simgauge_protocol::answer::{Envelope, InternalDetail, RetryDetail, UnauthorizedDetail};
use simgauge_protocol::sign::SignType;
use simgauge_protocol::{Code, FieldError, Language};
use simgauge_store::StoreError;
use std::net::IpAddr;

/// How long a caller should stay away from a server that is overloaded or stopping, in seconds.
const SHED_RETRY_SECONDS: u64 = 1;

/// Bytes set aside for an answer; a refresh's takes about two hundred.
const ANSWER: usize = 256;

/// Why a call was not done: a closed list.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The body or a field is wrong.
    Field(FieldError),
    /// Unknown appkey or wrong sign; nobody can tell which.
    WrongSign { string_to_sign: String, server_time: i64 },
    /// The timestamp is outside the window.
    Timestamp { server_time: i64, window_seconds: u64 },
    /// Rightly signed, but not in the way that the app was made for.
    SignType { needed: SignType, server_time: i64 },
    /// The app is disabled.
    Disabled,
    /// The address, as far as it can be told, is not on the app's allow-list.
    Address(Option<IpAddr>),
    /// The app's or the account's quota is used up.
    Quota { per_second: u32, retry_after_seconds: u64 },
    /// No such card under this account.
    NoCard,
    /// No such refresh under this account.
    NoRefresh,
    /// A read with a sign that was already used.
    Repeated,
    /// The card is cooling down.
    Cooling { retry_after_seconds: u64, next_refresh_at: i64 },
    /// A program refreshes the card at a steady beat, and the platform does not allow it.
    SteadyBeat { every_seconds: u64, retry_after_seconds: u64 },
    /// The operator's lane is too far behind.
    LaneBehind { estimated_seconds: u64 },
    /// The card's operator account is not configured on this platform.
    LaneUnknown,
    /// Too much to do.
    Overloaded,
    /// The process stops.
    Stopping,
    /// The path is none of ours.
    NoPath,
    /// The path takes POST only.
    Method,
    /// The body is over the limit.
    TooLarge { limit: usize },
    /// Our fault; the cause is in the log under the request id.
    Internal,
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::Internal
    }
}

impl ApiError {
    /// Whether it can be had without the app's secret.
    pub(super) const fn comes_before_the_sign(&self) -> bool {
        matches!(self, Self::Field(_) | Self::WrongSign { .. })
    }

    pub(super) const fn code(&self) -> Code {
        match self {
            Self::Field(_) => Code::BadRequest,
            Self::WrongSign { .. } | Self::SignType { .. } | Self::Timestamp { .. } => Code::Unauthorized,
            Self::Disabled | Self::Address(_) => Code::Forbidden,
            Self::NoCard | Self::NoRefresh | Self::NoPath => Code::NotFound,
            Self::Method => Code::MethodNotAllowed,
            Self::Repeated => Code::Repeated,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::Cooling { .. } | Self::SteadyBeat { .. } | Self::Quota { .. } => Code::TooMany,
            Self::LaneBehind { .. } | Self::LaneUnknown | Self::Overloaded | Self::Stopping => {
                Code::Unavailable
            }
            Self::Internal => Code::Internal,
        }
    }

    /// What reaches an operation answers HTTP 200, since published clients throw the body away on anything else; what does
    /// not reach one answers as HTTP wants it.
    const fn status(&self) -> StatusCode {
        match self {
            Self::NoPath => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Overloaded | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        }
    }

    fn message(&self, language: Language) -> String {
        match self {
            Self::Field(error) => error.message(language),
            Self::Timestamp { window_seconds, .. } => language.pick(
                format!("timestamp 与服务器时间相差超过 {window_seconds} 秒"),
                format!("the field `timestamp` is more than {window_seconds} s off the server's time"),
            ),
            Self::SignType { needed, .. } => {
                let needed = needed.as_str();
                language.pick(
                    format!("签名正确,但该应用须以 {needed} 签名 (signType)"),
                    format!("the sign is right, but this app has to sign with {needed} (signType)"),
                )
            }
            Self::Disabled => language.pick("该应用已停用", "the app is disabled").into(),
            Self::Address(Some(address)) => language.pick(
                format!("来源地址 {address} 不在该应用的白名单中"),
                format!("the address {address} is not on this app's allow-list"),
            ),
            Self::Address(None) => language
                .pick(
                    "该应用只允许白名单中的来源地址,而本次来源地址无法确定",
                    "this app may call from addresses on its allow-list only, and the address cannot be told",
                )
                .into(),
            Self::Quota { per_second, retry_after_seconds } => language.pick(
                format!("调用过于频繁(每秒最多 {per_second} 次),请 {retry_after_seconds} 秒后再试"),
                format!("too many calls ({per_second} a second at most); try again in {retry_after_seconds} s"),
            ),
            Self::NoCard => language.pick("卡片不存在", "no such card").into(),
            Self::NoRefresh => language.pick("刷新记录不存在", "no such refresh").into(),
            Self::NoPath => language.pick("接口不存在", "no such operation").into(),
            Self::Cooling { retry_after_seconds, .. } => language.pick(
                format!("该卡片刚刷新过,请 {retry_after_seconds} 秒后再试"),
                format!("this card was refreshed a short while ago; try again in {retry_after_seconds} s"),
            ),
            Self::SteadyBeat { every_seconds, retry_after_seconds } => language.pick(
                format!(
                    "该卡片约每 {every_seconds} 秒被程序定时刷新,平台不允许。请停止定时调用,停止 {retry_after_seconds} 秒后可再刷新"
                ),
                format!(
                    "a program refreshes this card about every {every_seconds} s, which this platform does not allow; stop it, and \
                     after {retry_after_seconds} s without calls the card can be refreshed again"
                ),
            ),
            Self::LaneBehind { estimated_seconds } => language.pick(
                format!("运营商同步排队过长(约 {estimated_seconds} 秒),请稍后再试"),
                format!(
                    "the queue at the operator is too long (about {estimated_seconds} s); try again later"
                ),
            ),
            Self::LaneUnknown => language
                .pick("该卡片的运营商未接入", "the operator of this card is not set up on this platform")
                .into(),
            Self::Stopping => language.pick("服务正在停止,请重试", "stopping; try again").into(),
            Self::TooLarge { limit } => language.pick(
                format!("请求体不得超过 {limit} 字节"),
                format!("the body must not exceed {limit} bytes"),
            ),
            Self::WrongSign { .. }
            | Self::Repeated
            | Self::Method
            | Self::Overloaded
            | Self::Internal => self.code().default_message(language).into(),
        }
    }

    /// The answer for a caller.
    pub(super) fn answer(&self, language: Language, request_id: &str) -> Response {
        let message = self.message(language);
        let code = self.code();
        let retry = |seconds, next_refresh_at, estimated_seconds| RetryDetail {
            retry_after_seconds: seconds,
            next_refresh_at,
            estimated_seconds,
        };
        match self {
            Self::WrongSign { string_to_sign, server_time } => {
                let detail = UnauthorizedDetail {
                    server_time: *server_time,
                    string_to_sign: Some(string_to_sign.clone()),
                };
                respond(self.status(), &Envelope::new(code, message, Some(detail)), None, request_id)
            }
            Self::Timestamp { server_time, .. } | Self::SignType { server_time, .. } => {
                let detail = UnauthorizedDetail { server_time: *server_time, string_to_sign: None };
                respond(self.status(), &Envelope::new(code, message, Some(detail)), None, request_id)
            }
            Self::Cooling { retry_after_seconds: seconds, next_refresh_at } => {
                let detail = retry(*seconds, Some(*next_refresh_at), None);
                respond(
                    self.status(),
                    &Envelope::new(code, message, Some(detail)),
                    Some(*seconds),
                    request_id,
                )
            }
            Self::SteadyBeat { retry_after_seconds: seconds, .. }
            | Self::Quota { retry_after_seconds: seconds, .. } => {
                let envelope = Envelope::new(code, message, Some(retry(*seconds, None, None)));
                respond(self.status(), &envelope, Some(*seconds), request_id)
            }
            Self::LaneBehind { estimated_seconds } => {
                // Half the wait is when the queue may have become short enough.
                let seconds = (estimated_seconds / 2).max(1);
                let detail = retry(seconds, None, Some(*estimated_seconds));
                respond(self.status(), &Envelope::new(code, message, Some(detail)), Some(seconds), request_id)
            }
            Self::Internal => {
                let detail = InternalDetail { request_id: request_id.to_owned() };
                respond(self.status(), &Envelope::new(code, message, Some(detail)), None, request_id)
            }
            Self::Overloaded | Self::Stopping => {
                let detail = retry(SHED_RETRY_SECONDS, None, None);
                let envelope = Envelope::new(code, message, Some(detail));
                respond(self.status(), &envelope, Some(SHED_RETRY_SECONDS), request_id)
            }
            _ => respond(self.status(), &Envelope::<()>::new(code, message, None), None, request_id),
        }
    }
}

/// The answer of an operation that was done.
pub(super) fn done<T: Serialize>(message: &str, data: T, request_id: &str) -> Response {
    respond(StatusCode::OK, &Envelope::new(Code::Ok, message, Some(data)), None, request_id)
}

fn respond<T: Serialize>(
    status: StatusCode,
    envelope: &Envelope<T>,
    retry_after: Option<u64>,
    request_id: &str,
) -> Response {
    let mut body = Vec::with_capacity(ANSWER);
    // Our own types always serialize.
    let _ = serde_json::to_writer(&mut body, envelope);
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}
