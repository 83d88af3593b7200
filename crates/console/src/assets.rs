//! The files that pages load: style, script, icon.

use crate::headers::with_headers;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// Name, type, content.
const ASSETS: [(&str, &str, &str); 3] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// Part of the files' addresses, so that browsers may keep them until they change.
pub(super) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut hash = Sha256::new();
        for (_, _, content) in ASSETS {
            hash.update(content);
        }
        hex::encode(hash.finalize()).chars().take(12).collect()
    });
    &VERSION
}

pub(super) async fn asset(Path((_, name)): Path<(String, String)>) -> Response {
    let response = match ASSETS.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, content)) => (
            [
                (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
                (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
            ],
            *content,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    };
    with_headers(response, false)
}
