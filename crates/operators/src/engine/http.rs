//! One HTTP call: limited in time and size, without redirects, and without the URL in errors.

use super::account::Timeouts;
use super::answer::Answer;
use super::error::ReadError;
use crate::definition::raw::{AnswerFormat, Method};
use crate::template::RFC3986;
use percent_encoding::utf8_percent_encode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use simgauge_domain::failure::FailureKind;
use std::time::Duration;
use url::{Url, form_urlencoded};

/// How long after a call was given up the operator still counts it as in progress. We count it as long, so
/// that an operator that allows one call at a time never sees two.
const ABANDONED_CALL_GRACE: Duration = Duration::from_millis(500);

/// A request with every template rendered. It has secrets in it, so it has no `Debug`.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// Base URL and path.
    pub(crate) url: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    None,
    Form(Vec<(String, String)>),
    Json(serde_json::Value),
}

impl Body {
    /// The bytes as they are sent.
    pub(crate) fn bytes(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Form(fields) => {
                form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
            }
            Self::Json(value) => value.to_string(),
        }
    }
}

/// The client of one operator account. No other account shares its connections.
pub(crate) fn client(timeouts: &Timeouts) -> Result<reqwest::Client, reqwest::Error> {
    // One that is installed already serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("simgauge/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // Every call has to pass the gate, so the client must not retry by itself.
        .retry(reqwest::retry::never())
        .connect_timeout(timeouts.step)
        .build()
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(
    client: &reqwest::Client,
    outgoing: &Outgoing,
    time: Duration,
    max_bytes: usize,
    format: AnswerFormat,
) -> Result<Answer, ReadError> {
    let request = build(outgoing, format)?;
    match tokio::time::timeout(time, exchange(client, request, max_bytes, format)).await {
        Ok(answer) => answer,
        Err(_) => {
            tokio::time::sleep(ABANDONED_CALL_GRACE).await;
            Err(ReadError::new(FailureKind::Temporary, "The operator did not answer in time."))
        }
    }
}

fn build(outgoing: &Outgoing, format: AnswerFormat) -> Result<reqwest::Request, ReadError> {
    let mut url = Url::parse(&outgoing.url)
        .map_err(|_| ReadError::bad_request("The request's address could not be made."))?;
    if !outgoing.query.is_empty() {
        let encode = |text: &str| utf8_percent_encode(text, RFC3986).to_string();
        let pairs = outgoing.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        url.set_query(Some(&pairs.collect::<Vec<_>>().join("&")));
    }
    let method = match outgoing.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
    };
    let mut request = reqwest::Request::new(method, url);
    let headers = request.headers_mut();
    let accept = match format {
        AnswerFormat::Json => "application/json",
        AnswerFormat::Xml => "application/xml, text/xml, application/json",
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    match outgoing.body {
        Body::None => {}
        Body::Form(_) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        Body::Json(_) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
    }
    for (name, value) in &outgoing.headers {
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (name, mut value) = header.ok_or_else(|| {
            ReadError::bad_request("A header could not be made; a credential may have a line break in it.")
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if !matches!(outgoing.body, Body::None) {
        *request.body_mut() = Some(outgoing.body.bytes().into());
    }
    Ok(request)
}

async fn exchange(
    client: &reqwest::Client,
    request: reqwest::Request,
    max_bytes: usize,
    format: AnswerFormat,
) -> Result<Answer, ReadError> {
    let mut response = client.execute(request).await.map_err(transport)?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if bytes.len() + chunk.len() > max_bytes {
            drop(response);
            tokio::time::sleep(ABANDONED_CALL_GRACE).await;
            return Err(ReadError::bad_answer(format!(
                "The operator's answer is larger than {max_bytes} bytes."
            ))
            .with_status(status));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Answer::new(status, response.headers().clone(), &bytes, format))
}

fn transport(error: reqwest::Error) -> ReadError {
    let detail = if error.is_timeout() {
        "The operator did not answer in time."
    } else if error.is_connect() {
        "The operator could not be reached."
    } else {
        "The connection to the operator broke off."
    };
    // A rendered URL can contain secrets, so the error is logged without its URL.
    tracing::debug!(error = %error.without_url(), "operator call failed");
    ReadError::new(FailureKind::Temporary, detail)
}
