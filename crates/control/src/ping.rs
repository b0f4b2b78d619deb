//! What anybody may know before logging in.

use crate::{Control, http::Answer};
use api::ping::Ping;
use axum::{Json, extract::State};

/// `GET /v1/ping`
pub async fn ping(State(control): State<Control>) -> Answer<Ping> {
    Ok(Json(Ping {
        cluster: control.cluster().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host_authorities: Vec::new(),
        public_addr: control.public_addr().to_owned(),
    }))
}
