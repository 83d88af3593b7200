//! Every way in which a call can end, and the one place where each becomes an answer.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use simgauge_domain::identity::AmbiguousNumber;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_domain::waiting::{LaneBehind, OperatorState};
use simgauge_protocol::answer::Envelope;
use simgauge_protocol::refusal::{
    AMBIGUOUS_NUMBER, InternalDetail, ReasonDetail, RetryDetail, UnauthorizedDetail,
};
use simgauge_protocol::sign::SignType;
use simgauge_protocol::{Cause, Code, CodeTable, FieldError, Language};
use simgauge_service::answers;
use simgauge_store::StoreError;
use std::net::IpAddr;

/// `Retry-After` of a server that is overloaded or stopping, in seconds.
const OVERLOAD_RETRY_SECONDS: u64 = 1;

/// `Retry-After` of an operator of which nobody knows when it works again, in seconds.
const STALLED_RETRY_SECONDS: u64 = 60;

/// Bytes that are allocated for an answer. That of a refresh takes about two hundred.
const ANSWER_CAPACITY: usize = 256;

/// The reason of a call that names no operation.
const UNKNOWN_OPERATION: &str = "unknown_operation";

/// Why a call was refused or failed: a closed list.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The body or a field is wrong.
    Field(FieldError),
    /// The appkey is unknown or the sign is wrong. The answer does not show which.
    WrongSign { string_to_sign: String, server_time: i64 },
    /// The timestamp is outside the window.
    Timestamp { server_time: i64, window_seconds: u64 },
    /// The sign is right, but not of the sign type that the app was created with.
    SignType { needed: SignType, server_time: i64 },
    /// The app is disabled.
    Disabled,
    /// The caller's address is not on the app's allow-list, or it is not known.
    Address(Option<IpAddr>),
    /// The app's or the account's quota is used up.
    Quota { per_second: u32, retry_after_seconds: u64 },
    /// No such card under this account.
    NoCard,
    /// The card's number could mean two cards of this account.
    AmbiguousNumber(Box<AmbiguousNumber>),
    /// No such refresh under this account.
    NoRefresh,
    /// A read operation with a sign that a read operation used before, or a refresh with one, unless it
    /// repeats a refresh that was accepted.
    Repeated,
    /// The card is cooling down.
    Cooling { retry_after_seconds: u64, next_refresh_at: i64 },
    /// A program refreshes the card regularly, and the platform does not allow it.
    SteadyCadence { every_seconds: u64, retry_after_seconds: u64 },
    /// The refresh would wait too long: too much waits in the operator's lane, or it stands still.
    LaneBehind { behind: Box<LaneBehind>, now: UnixMs },
    /// The card's operator account is not configured on this platform.
    LaneUnknown,
    /// Too many calls are in flight, or too many reads of the account.
    Overloaded,
    /// Reading took longer than a read may take.
    TookTooLong,
    /// The process is stopping.
    Stopping,
    /// No operation has this name, below the path of operations.
    UnknownOperation { name: String },
    /// There is nothing at this path.
    NoPath,
    /// The path accepts only POST.
    Method,
    /// The body is over the limit.
    TooLarge { limit: usize },
    /// An internal error. The log has its cause, under the request id.
    Internal,
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TookTooLong => {
                tracing::warn!("a read took too long and was stopped");
                Self::TookTooLong
            }
            StoreError::Busy => {
                tracing::warn!("no connection of the store became free in time");
                Self::Overloaded
            }
            error @ StoreError::Untrusted(..) => {
                tracing::warn!(%error, "the store cannot be written at present");
                Self::Overloaded
            }
            StoreError::AmbiguousNumber(ambiguous) => Self::AmbiguousNumber(ambiguous),
            error => {
                tracing::error!(%error, "the store failed");
                Self::Internal
            }
        }
    }
}

impl ApiError {
    /// Whether a caller without the app's secret can get it.
    pub(super) const fn comes_before_the_sign(&self) -> bool {
        matches!(self, Self::Field(_) | Self::WrongSign { .. })
    }

    /// This program's own code, whichever the answer carries.
    pub(super) fn code(&self) -> Code {
        self.cause().code()
    }

    fn cause(&self) -> Cause {
        match self {
            Self::Field(error) => error.cause(),
            Self::AmbiguousNumber(_) => Cause::BadRequest,
            Self::UnknownOperation { .. } => Cause::UnknownOperation,
            Self::WrongSign { .. } | Self::SignType { .. } => Cause::WrongSign,
            Self::Timestamp { .. } => Cause::Timestamp,
            Self::Disabled => Cause::AppDisabled,
            Self::Address(_) => Cause::AddressNotAllowed,
            Self::NoCard => Cause::NoCard,
            Self::NoRefresh => Cause::NoRefresh,
            Self::NoPath => Cause::NoPath,
            Self::Method => Cause::Method,
            Self::Repeated => Cause::SignUsed,
            Self::TooLarge { .. } => Cause::BodyTooLarge,
            Self::Cooling { .. } => Cause::Cooldown,
            Self::SteadyCadence { .. } => Cause::SteadyCadence,
            Self::Quota { .. } => Cause::Quota,
            Self::LaneBehind { .. } => Cause::OperatorBehind,
            Self::LaneUnknown => Cause::OperatorUnknown,
            Self::Overloaded | Self::TookTooLong | Self::Stopping => Cause::Overloaded,
            Self::Internal => Cause::Internal,
        }
    }

    /// A call that reaches an operation gets HTTP 200, since published clients ignore the body of any other
    /// answer. A call that does not reach one gets the status of HTTP.
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
            Self::NoCard => language.pick("卡片不存在", "no such card").into(),
            Self::AmbiguousNumber(ambiguous) => {
                let AmbiguousNumber { asked, one, other } = &**ambiguous;
                language.pick(
                    format!("卡号 {asked} 可能是 {one} 或 {other},无法确定是哪张卡"),
                    format!("the number {asked} could mean {one} or {other}, so neither was taken"),
                )
            }
            Self::NoRefresh => language.pick("刷新记录不存在", "no such refresh").into(),
            Self::UnknownOperation { name } => {
                language.pick(format!("接口 {name} 不存在"), format!("there is no operation {name}"))
            }
            Self::NoPath => language.pick("接口不存在", "no such operation").into(),
            Self::Quota { .. }
            | Self::Cooling { .. }
            | Self::SteadyCadence { .. }
            | Self::LaneBehind { .. } => self.wait_message(language),
            Self::LaneUnknown => language
                .pick("该卡片的运营商未接入", "the operator of this card is not set up on this platform")
                .into(),
            Self::TookTooLong => language
                .pick(
                    "查询耗时过长,已中止;请缩小查询范围或稍后再试",
                    "reading took too long and was stopped; ask for less, or try again later",
                )
                .into(),
            Self::Stopping => language.pick("服务正在停止,请重试", "stopping; try again").into(),
            Self::TooLarge { limit } => language.pick(
                format!("请求体不得超过 {limit} 字节"),
                format!("the body must not exceed {limit} bytes"),
            ),
            Self::WrongSign { .. } | Self::Repeated | Self::Method | Self::Overloaded | Self::Internal => {
                self.code().default_message(language).into()
            }
        }
    }

    /// The message of a refusal after which the caller has to wait.
    fn wait_message(&self, language: Language) -> String {
        match self {
            Self::Quota { per_second, retry_after_seconds } => language.pick(
                format!("调用过于频繁(每秒最多 {per_second} 次),请 {retry_after_seconds} 秒后再试"),
                format!(
                    "too many calls ({per_second} a second at most); \
                     try again in {retry_after_seconds} s"
                ),
            ),
            Self::Cooling { retry_after_seconds, .. } => language.pick(
                format!("该卡片刚刷新过,请 {retry_after_seconds} 秒后再试"),
                format!("this card was refreshed a short while ago; try again in {retry_after_seconds} s"),
            ),
            Self::SteadyCadence { every_seconds, retry_after_seconds } => language.pick(
                format!(
                    "该卡片约每 {every_seconds} 秒被程序定时刷新,平台不允许。\
                     请停止定时调用,停止 {retry_after_seconds} 秒后可再刷新"
                ),
                format!(
                    "a program refreshes this card about every {every_seconds} s, which this platform \
                     does not allow; stop it, and after {retry_after_seconds} s without calls the card can \
                     be refreshed again"
                ),
            ),
            Self::LaneBehind { behind, .. } => behind_message(behind, language),
            _ => self.code().default_message(language).into(),
        }
    }

    /// The answer for a caller, with the code and the text that `codes` has for it.
    pub(super) fn answer(&self, codes: &CodeTable, language: Language, request_id: &str) -> Response {
        let cause = self.cause();
        let message = codes.message(cause, self.message(language), language);
        let refusal = Refusal { status: self.status(), code: codes.code(cause), message, request_id };
        match self {
            Self::WrongSign { string_to_sign, server_time } => refusal.with(UnauthorizedDetail {
                server_time: *server_time,
                string_to_sign: Some(string_to_sign.clone()),
            }),
            Self::Timestamp { server_time, .. } | Self::SignType { server_time, .. } => {
                refusal.with(UnauthorizedDetail { server_time: *server_time, string_to_sign: None })
            }
            Self::UnknownOperation { .. } => {
                refusal.with(ReasonDetail { reason: UNKNOWN_OPERATION.to_owned(), numbers: None })
            }
            Self::AmbiguousNumber(ambiguous) => refusal.with(ReasonDetail {
                reason: AMBIGUOUS_NUMBER.to_owned(),
                numbers: Some(vec![ambiguous.one.clone(), ambiguous.other.clone()]),
            }),
            Self::Cooling { retry_after_seconds, next_refresh_at } => refusal.with_retry(RetryDetail {
                next_refresh_at: Some(*next_refresh_at),
                ..retry_after(*retry_after_seconds)
            }),
            Self::SteadyCadence { retry_after_seconds, .. } | Self::Quota { retry_after_seconds, .. } => {
                refusal.with_retry(retry_after(*retry_after_seconds))
            }
            Self::LaneBehind { behind, now } => refusal.with_retry(RetryDetail {
                operator: Some(answers::operator_condition(&behind.operator)),
                estimated_seconds: behind.estimated_seconds,
                ..retry_after(come_back_after(behind, *now))
            }),
            Self::Internal => refusal.with(InternalDetail { request_id: request_id.to_owned() }),
            Self::Overloaded | Self::TookTooLong | Self::Stopping => {
                refusal.with_retry(retry_after(OVERLOAD_RETRY_SECONDS))
            }
            _ => refusal.answer::<()>(None, None),
        }
    }
}

/// A refusal without its data.
struct Refusal<'a> {
    status: StatusCode,
    code: &'a str,
    message: String,
    request_id: &'a str,
}

impl Refusal<'_> {
    fn answer<T: Serialize>(self, data: Option<T>, retry_after: Option<u64>) -> Response {
        let envelope = Envelope::with_code(self.code, self.message, data);
        respond(self.status, &envelope, retry_after, self.request_id)
    }

    fn with<T: Serialize>(self, data: T) -> Response {
        self.answer(Some(data), None)
    }

    fn with_retry(self, detail: RetryDetail) -> Response {
        let seconds = detail.retry_after_seconds;
        self.answer(Some(detail), Some(seconds))
    }
}

fn retry_after(seconds: u64) -> RetryDetail {
    RetryDetail {
        retry_after_seconds: seconds,
        next_refresh_at: None,
        estimated_seconds: None,
        operator: None,
    }
}

/// Why a lane takes no further refresh.
fn behind_message(behind: &LaneBehind, language: Language) -> String {
    match (behind.operator.state, behind.estimated_seconds) {
        (OperatorState::Paused, _) => language
            .pick(
                "平台已暂停向该运营商查询,请稍后再试",
                "the platform has paused calls to this operator; try again later",
            )
            .into(),
        (OperatorState::Down, _) => language
            .pick(
                "该运营商持续无法访问,请稍后再试",
                "the operator has not been reachable for a while; try again later",
            )
            .into(),
        (OperatorState::Limited, _) => language
            .pick(
                "运营商要求暂停查询,请稍后再试",
                "the operator asked the platform not to call it for a while; try again later",
            )
            .into(),
        (_, Some(seconds)) => language.pick(
            format!("运营商同步排队过长(约 {seconds} 秒),请稍后再试"),
            format!("the queue at the operator is too long (about {seconds} s); try again later"),
        ),
        (_, None) => language
            .pick("运营商同步排队过长,请稍后再试", "the queue at the operator is too long; try again later")
            .into(),
    }
}

/// Seconds after which it is worth trying again: when the operator may be called again, half of the wait in
/// the queue (it may be short enough then), or a while.
fn come_back_after(behind: &LaneBehind, now: UnixMs) -> u64 {
    match (behind.operator.until, behind.estimated_seconds) {
        (Some(until), _) => whole_seconds_up(until.since(now)).max(1),
        (None, Some(seconds)) => (seconds / 2).max(1),
        (None, None) => STALLED_RETRY_SECONDS,
    }
}

/// The answer of an operation that succeeded.
pub(super) fn done<T: Serialize>(message: &str, data: T, request_id: &str) -> Response {
    respond(StatusCode::OK, &Envelope::new(Code::Ok, message, Some(data)), None, request_id)
}

fn respond<T: Serialize>(
    status: StatusCode,
    envelope: &Envelope<T>,
    retry_after: Option<u64>,
    request_id: &str,
) -> Response {
    let mut body = Vec::with_capacity(ANSWER_CAPACITY);
    // The protocol's types always serialize.
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
