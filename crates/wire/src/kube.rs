//! What a request to a Kubernetes API server is about, and the streams that `exec`, `attach` and `port-forward` carry.
//!
//! Pure: the paths as the API server reads them (`RequestInfo` of its `apiserver` library), nothing looked up.

mod channel;
pub mod items;
mod path;
pub mod spdy;
pub mod websocket;

pub use channel::{Channel, Listener, Unfollowed};
pub use path::{BadPath, Call, Object, Program, Query, parse};
