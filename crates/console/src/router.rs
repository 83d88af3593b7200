//! Every route of the console on one page.

use super::pages::{apps, card, cards, import, login, notifications, operators, overview, refreshes};
use crate::page::{PageError, finish, surround};
use crate::state::ConsoleState;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// Largest form, in bytes; files have a limit of their own.
const FORM_MAX: usize = 64 * 1024;

/// Our own files: name, type, content.
const ASSETS: [(&str, &str, &str); 3] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// Part of the files' addresses, so that browsers may keep them until they change.
pub(super) fn assets_version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut hash = Sha256::new();
        for (_, _, content) in ASSETS {
            hash.update(content);
        }
        hex::encode(hash.finalize()).chars().take(12).collect()
    });
    &VERSION
}

/// The console.
pub fn router(state: ConsoleState) -> Router {
    Router::new()
        .route("/console", get(overview::page))
        .route("/console/events", get(overview::events))
        .route("/console/login", get(login::page).post(login::log_in))
        .route("/console/logout", post(login::log_out))
        .route("/console/taste", post(login::set_taste))
        .route("/console/cards", get(cards::page))
        .route("/console/cards.csv", get(cards::export))
        .route("/console/cards/{number}", get(card::page))
        .route("/console/cards/{number}/events", get(card::events))
        .route("/console/cards/{number}/refresh", post(card::refresh))
        .route("/console/cards/{number}/readings.csv", get(card::export_readings))
        .route("/console/refreshes", get(refreshes::page))
        .route("/console/refreshes/events", get(refreshes::events))
        .route("/console/refreshes.csv", get(refreshes::export))
        .route("/console/operators", get(operators::page))
        .route("/console/operators/events", get(operators::events))
        .route("/console/operators.csv", get(operators::export))
        .route("/console/operators/{lane}/pause", post(operators::pause))
        .route("/console/operators/{lane}/resume", post(operators::resume))
        .route("/console/apps", get(apps::page).post(apps::create))
        .route("/console/apps.csv", get(apps::export))
        .route("/console/apps/{appkey}/rotate", post(apps::rotate))
        .route("/console/apps/{appkey}/disable", post(apps::disable))
        .route("/console/apps/{appkey}/enable", post(apps::enable))
        .route("/console/notifications", get(notifications::page))
        .route("/console/notifications.csv", get(notifications::export))
        .route("/console/notifications/{id}/replay", post(notifications::replay))
        .route("/console/notifications/replay-dead", post(notifications::replay_dead))
        .route("/console/import/{id}", get(import::job).post(import::start))
        .route("/console/import/{id}/events", get(import::events))
        .route("/console/import/{id}/errors.csv", get(import::errors))
        .route("/console/{*rest}", get(async || PageError::NotFound))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        // Its body is a file, and is counted as it comes.
        .route("/console/import", get(import::page).post(import::upload).layer(DefaultBodyLimit::disable()))
        .layer(from_fn_with_state(state.clone(), surround))
        .route("/console/", get(async || Redirect::permanent("/console")))
        .route("/console/assets/{version}/{name}", get(asset))
        .with_state(state)
}

async fn asset(Path((_, name)): Path<(String, String)>) -> Response {
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
    finish(response, false)
}
