//! From an operator's reply to bytes on the wire, also to those of a fault.

use crate::wire::Reply;
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use std::convert::Infallible;
use std::time::Duration;

/// Makes the server close the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("hung up")]
pub(crate) struct HangUp;

const HUGE_BYTES: usize = 50 * 1024 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;
static FILLING: [u8; CHUNK_BYTES] = [b'x'; CHUNK_BYTES];

pub(crate) fn plain(reply: Reply) -> Response<Body> {
    let body = Body::from(reply.body.clone());
    head(&reply, body)
}

fn head(reply: &Reply, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// 50 MB that begin like JSON, without a `Content-Length`.
pub(crate) fn huge() -> Response<Body> {
    let begin = std::iter::once(Bytes::from_static(b"{\"data\":\""));
    let filling = std::iter::repeat_n(Bytes::from_static(&FILLING), HUGE_BYTES / CHUNK_BYTES);
    let end = std::iter::once(Bytes::from_static(b"\"}"));
    let chunks = begin.chain(filling).chain(end).map(Ok::<_, Infallible>);
    head(&Reply::empty(200), Body::from_stream(stream::iter(chunks)))
}

/// Sends the reply at one byte a second.
pub(crate) fn trickle(reply: Reply) -> Response<Body> {
    let bytes = stream::unfold(reply.body.clone(), |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let byte = rest.split_to(1);
        Some((Ok::<_, Infallible>(byte), rest))
    });
    head(&reply, Body::from_stream(bytes))
}

/// Gives the fields that hold the used bytes other names.
pub(crate) fn without_used(mut reply: Reply, fields: &[&str]) -> Reply {
    let mut text = String::from_utf8_lossy(&reply.body).into_owned();
    for field in fields {
        text = text
            .replace(&format!("\"{field}\":"), &format!("\"{field}V2\":"))
            .replace(&format!("<{field}>"), &format!("<{field}V2>"))
            .replace(&format!("</{field}>"), &format!("</{field}V2>"));
    }
    reply.body = Bytes::from(text);
    reply
}
