//! `/healthz`, `/readyz` and `/metrics`, on an address of their own: never on the public port.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// Says why sessions are not accepted, if they are not.
pub(crate) type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the diagnostic address shows.
#[derive(Clone)]
pub(crate) struct Diagnostics {
    /// Every metric of the house.
    pub(crate) registry: Arc<Registry>,
    /// Whether sessions are accepted.
    pub(crate) ready: Readiness,
}

impl std::fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Diagnostics").finish_non_exhaustive()
    }
}

/// The routes of the diagnostic address.
pub(crate) fn router(diagnostics: Diagnostics) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(diagnostics)
}

async fn ready(State(diagnostics): State<Diagnostics>) -> Response {
    match (diagnostics.ready)() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response()
        }
    }
}

async fn metrics(State(diagnostics): State<Diagnostics>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &diagnostics.registry) {
        Ok(()) => (
            [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
