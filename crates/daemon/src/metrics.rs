//! What the house counts about itself.

use control::http::Meter;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// One kind of answered API call.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Call {
    operation: &'static str,
    status: u16,
    code: String,
}

/// Counts API calls by operation, status and problem code: all three come from fixed lists, so the table is bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Family<Call, Counter>);

impl Calls {
    /// Makes it show.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("countersign_api_calls", "API calls answered", self.0.clone());
    }
}

impl Meter for Calls {
    fn called(&self, operation: &'static str, status: u16, code: &str) {
        self.0.get_or_create(&Call { operation, status, code: code.to_owned() }).inc();
    }
}
