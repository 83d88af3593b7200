//! The demo's own routes.

use super::controls::{add_usage, move_clock, show_clock};
use super::page::{page, style};
use super::state::DemoState;
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

/// The routes that the demo adds to the server.
pub fn routes(state: DemoState) -> Router {
    let mut routes = Router::new()
        .route("/demo", get(page))
        .route("/demo/demo.css", get(style))
        .route("/demo/usage", post(add_usage));
    if state.time_travel {
        routes = routes.route("/demo/clock", get(show_clock).post(move_clock));
    }
    routes.with_state(Arc::new(state))
}
