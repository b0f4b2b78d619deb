//! Lists come in pages, newest first; a cursor says where the next page begins.
//!
//! A cursor is a position, never a permission: whoever forges one reads her own list from elsewhere.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many items a page has when the caller does not say.
pub const DEFAULT_LIMIT: usize = 100;
/// How many items a page can have.
pub const MAX_LIMIT: usize = 1000;
/// The longest cursor we hand out or read, in bytes.
pub const MAX_CURSOR: usize = 256;
/// The longest text to search for, in bytes.
pub const MAX_SEARCH: usize = 256;

/// One page of a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items, newest first unless the endpoint says otherwise.
    pub items: Vec<T>,
    /// Where the next page begins, to be sent as `cursor`; absent on the last page.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

fn none() -> Option<String> {
    None
}

impl<T> Page<T> {
    /// A page that is the whole list.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
