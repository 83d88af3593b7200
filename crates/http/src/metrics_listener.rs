//! `/metrics`, on a listener of its own: whoever may read the numbers need not be whoever may call.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use simgauge_service::telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// OpenMetrics, which Prometheus reads as well as its own text format.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the metrics until stopped.
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
