//! What anybody may know before logging in.

use crate::{Control, Failure, Routes, http::Answer};
use api::endpoints::events as table;
use api::ping::Ping;
use axum::{Json, extract::State};

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.on(&table::PING, ping)
}

/// `GET /v1/ping`
async fn ping(State(control): State<Control>) -> Answer<Ping> {
    Ok(Json(Ping {
        cluster: control.cluster().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host_authorities: control.authorities().host_ca_keys().map_err(Failure::internal)?,
        public_addr: control.public_addr().to_owned(),
        mysql_addr: control.mysql_addr().map(str::to_owned),
    }))
}
