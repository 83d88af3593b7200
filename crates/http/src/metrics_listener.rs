//! `/metrics`, on a listener of its own, since not everyone who may call may read the metrics.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use simgauge_service::telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The OpenMetrics text format. Prometheus reads it as well as its own.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the metrics until the process stops.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    telemetry: Telemetry,
    listener: TcpListener,
    stopping: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new().route("/metrics", get(async move || metrics(&telemetry)));
    axum::serve(listener, routes).with_graceful_shutdown(stopping.cancelled_owned()).await
}

fn metrics(telemetry: &Telemetry) -> Response {
    match telemetry.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
