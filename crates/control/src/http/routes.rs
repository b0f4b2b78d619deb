//! Mounting handlers on the endpoint table.

use super::{guard, shell};
use crate::Control;
use api::endpoints::{Endpoint, Method};
use axum::{Router, handler::Handler, middleware, routing};

/// A router under construction: each handler is mounted on an entry of the endpoint table, whose
/// `auth` is enforced before the handler runs.
#[derive(Debug)]
pub struct Routes {
    control: Control,
    router: Router<Control>,
    mounted: Vec<&'static Endpoint>,
}

impl Routes {
    /// No routes yet.
    pub fn new(control: &Control) -> Self {
        Self { control: control.clone(), router: Router::new(), mounted: Vec::new() }
    }

    /// Mounts a handler on an endpoint.
    pub fn on<H, T>(mut self, endpoint: &'static Endpoint, handler: H) -> Self
    where
        H: Handler<T, Control>,
        T: 'static,
    {
        let method = match endpoint.method {
            Method::Delete => routing::delete(handler),
            Method::Get => routing::get(handler),
            Method::Post => routing::post(handler),
            Method::Put => routing::put(handler),
        };
        let guarded = method
            .layer(middleware::from_fn_with_state((self.control.clone(), endpoint), guard::guard));
        self.router = self.router.route(endpoint.path, guarded);
        self.mounted.push(endpoint);
        self
    }

    /// What is mounted so far.
    pub fn mounted(&self) -> &[&'static Endpoint] {
        &self.mounted
    }

    /// The router, with everything around it that holds for every call.
    pub fn finish(self) -> Router {
        shell::wrap(self.router, &self.control).with_state(self.control)
    }
}
