//! The Kubernetes door.
//!
//! ```text
//!   /kube/<cluster>/api/… ──► path (pure) ──► session of this connection ──► policy, for each request ──► API server
//!                                             (the corridor's)               who to be there: Impersonate-*
//!         exec, attach, port-forward ──────► session of their own, recorded ──────────────────────────► upgraded
//! ```
//!
//! A session is what one connection of a client does with one cluster as one user of it; each request within is put to
//! the policy by itself, with the object it names. Requests that become byte streams are sessions of their own: they
//! are recorded, watched over and cut by themselves.
//!
//! Towards the API server there are a few connections per cluster, shared by everyone; who asks stands in each request.

mod call;
mod cluster;
mod door;
mod facade;
mod follow;
mod forward;
mod front;
mod headers;
mod list;
mod status;
mod stored;
mod stream;
mod tape;
mod upstream;

pub use cluster::{Cluster, ClusterAuth, ClusterError, Clusters};
pub use stored::StoredClusters;

pub(crate) use front::Front;
pub(crate) use upstream::Upstreams;
