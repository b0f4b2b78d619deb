//! What the house counts about itself.

use control::http::Meter;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
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

/// Makes the sessions show that are open, and how many may be.
pub(crate) fn sessions(proxy: &proxy::Proxy, most: usize, registry: &mut Registry) {
    let most = ConstGauge::new(u64::try_from(most).unwrap_or(u64::MAX));
    registry.register("countersign_sessions_max", "Sessions that may be open at once", most);
    registry.register_collector(Box::new(Sessions(proxy.clone())));
}

/// The open sessions, counted when somebody looks.
#[derive(Debug)]
struct Sessions(proxy::Proxy);

impl Collector for Sessions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let open = ConstGauge::new(self.0.sessions());
        let kind = open.metric_type();
        let shown =
            encoder.encode_descriptor("countersign_sessions", "Open sessions", None, kind)?;
        open.encode(shown)
    }
}
