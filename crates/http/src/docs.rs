//! Pages about the API: the OpenAPI document, the same document as a page, and a page that signs and sends a
//! call.

use crate::answer::ApiError;
use crate::gate::asked_language;
use crate::state::ApiState;
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use simgauge_protocol::{CodeTable, Language, OperationName, openapi};
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::Config as SwaggerConfig;

/// Content policy: everything from this server, and nothing inline.
const STRICT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Content policy of Swagger UI, which has inline styles, and pictures in its style sheet.
const SWAGGER: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                       img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
                       form-action 'none'; frame-ancestors 'none'";

/// The document's words about operations, which are the same whatever codes the server answers with.
static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);

/// The routes of the pages. Their content is the same for everybody.
pub(super) fn routes(codes: CodeTable) -> Router<ApiState> {
    let document: Arc<LazyLock<Bytes, _>> =
        Arc::new(LazyLock::new(move || Bytes::from(openapi::document_with(&codes).to_string())));
    // Swagger UI cannot sign calls, so it offers none. The page that signs does.
    let swagger = SwaggerConfig::new(["../openapi.json"]).supported_submit_methods::<_, &str>([]);
    let swagger = Arc::new(swagger);
    let index = Arc::clone(&swagger);
    Router::new()
        .route(
            "/openapi.json",
            get(async move || served("application/json", STRICT, LazyLock::force(&document).clone())),
        )
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(async move |state, headers| swagger_ui(state, headers, "index.html", &index)))
        .route(
            "/docs/{file}",
            get(async move |state, headers, Path(file): Path<String>| {
                swagger_ui(state, headers, &file, &swagger)
            }),
        )
        .route("/docs/sign", get(sign_page))
        .route(
            "/docs/sign.js",
            get(|| async {
                served("text/javascript; charset=utf-8", STRICT, include_str!("../templates/docs/sign.js"))
            }),
        )
        .route(
            "/docs/sign.css",
            get(|| async {
                served("text/css; charset=utf-8", STRICT, include_str!("../templates/docs/sign.css"))
            }),
        )
}

fn served(kind: &str, policy: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    // Not cached, since a new version of the program has new pages.
    for (name, value) in [
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn swagger_ui(
    State(state): State<ApiState>,
    headers: HeaderMap,
    file: &str,
    config: &Arc<SwaggerConfig<'static>>,
) -> Response {
    match utoipa_swagger_ui::serve(file, Arc::clone(config)) {
        Ok(Some(file)) => served(&file.content_type, SWAGGER, file.bytes.into_owned()),
        _ => {
            let language = asked_language(&headers).unwrap_or_default();
            ApiError::NoPath.answer(&state.codes, language, &state.request_ids.next())
        }
    }
}

#[derive(Deserialize)]
struct SignQuery {
    lang: Option<String>,
}

async fn sign_page(Query(query): Query<SignQuery>, headers: HeaderMap) -> Response {
    let language = query.lang.as_deref().and_then(Language::parse).or_else(|| asked_language(&headers));
    let language = language.unwrap_or_default();
    let page = SignPage {
        lang: language.pick("zh-CN", "en"),
        t: language.pick(&ZH, &EN),
        operations: OperationName::ALL
            .into_iter()
            .map(|operation| OperationChoice::new(operation, language))
            .collect(),
    };
    match page.render() {
        Ok(html) => served("text/html; charset=utf-8", STRICT, html),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[derive(Template)]
#[template(path = "docs/sign.html")]
struct SignPage {
    lang: &'static str,
    t: &'static Texts,
    operations: Vec<OperationChoice>,
}

/// An operation that can be chosen on the page.
struct OperationChoice {
    path: &'static str,
    summary: String,
    /// Its example without the fields that every call has.
    fields: String,
}

impl OperationChoice {
    fn new(operation: OperationName, language: Language) -> Self {
        let described = &DOCUMENT["paths"][operation.path()]["post"];
        let example = &described["requestBody"]["content"]["application/json"]["examples"]["least"]["value"];
        let common: Vec<&str> = OperationName::common_fields().iter().map(|field| field.name).collect();
        let own: Map<String, Value> = example
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !common.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let summary = described["summary"].as_str().unwrap_or_default();
        let (zh, en) = summary.split_once(" · ").unwrap_or((summary, summary));
        Self {
            path: operation.path(),
            summary: language.pick(zh, en).to_owned(),
            fields: serde_json::to_string_pretty(&own).unwrap_or_default(),
        }
    }
}

/// The texts of the page.
struct Texts {
    title: &'static str,
    pages: &'static str,
    reference: &'static str,
    other_lang: &'static str,
    other_name: &'static str,
    intro: &'static str,
    insecure: &'static str,
    no_script: &'static str,
    operation: &'static str,
    secret: &'static str,
    kept: &'static str,
    fields: &'static str,
    added: &'static str,
    send: &'static str,
    no_object: &'static str,
    unreachable: &'static str,
    string_to_sign: &'static str,
    sent: &'static str,
    answer: &'static str,
    clock: &'static str,
}

static ZH: Texts = Texts {
    title: "签名并调用",
    pages: "页面",
    reference: "接口文档",
    other_lang: "en",
    other_name: "English",
    intro: "在浏览器中为请求签名并发送,无需编写程序。",
    insecure: "浏览器只在 https 或 localhost 页面提供签名所需的 WebCrypto。请通过 https 打开本页,或在本机以 http://localhost 访问;\
               也可以使用命令行 simgauge sign。",
    no_script: "本页需要 JavaScript。",
    operation: "接口",
    secret: "密钥 secret",
    kept: "密钥只保存在本页内存中:不会存储,也不会发送。刷新页面后即消失。",
    fields: "参数(JSON)",
    added: "appkey、timestamp、nonce 和 sign 会自动加入;这里也可以写任意其他参数,它们同样参与签名。",
    send: "签名并发送",
    no_object: "参数必须是一个 JSON 对象。",
    unreachable: "没有收到应答",
    string_to_sign: "待签名字符串",
    sent: "已发送的请求体",
    answer: "应答",
    clock: "本设备的时钟与服务器相差 {seconds} 秒;下一次调用将按服务器时间签名。",
};

static EN: Texts = Texts {
    title: "Sign and send",
    pages: "pages",
    reference: "Reference",
    other_lang: "zh",
    other_name: "中文",
    intro: "Signs a request in this browser and sends it: a first call needs no program.",
    insecure: "Browsers offer WebCrypto, which signing needs, on https and on localhost only. Open this page \
               over https, or on the server's own machine as http://localhost; or use simgauge sign on \
               the command line.",
    no_script: "This page needs JavaScript.",
    operation: "Operation",
    secret: "Secret",
    kept: "The secret stays in the memory of this page: it is neither stored nor sent, and gone \
           when the page is reloaded.",
    fields: "Fields (JSON)",
    added: "appkey, timestamp, nonce and sign are added. Any other field may stand here; \
            it is signed like the rest.",
    send: "Sign and send",
    no_object: "The fields must be one JSON object.",
    unreachable: "No answer came",
    string_to_sign: "String to sign",
    sent: "Body that was sent",
    answer: "Answer",
    clock: "This device's clock is {seconds} s off the server's; the next call is signed with the \
            server's time.",
};
