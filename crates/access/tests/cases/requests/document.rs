//! Role documents of the cases, read as operators' are.

use access::role::Role;
use api::role::RoleDocument;
use serde_json::{Value, json};

/// The role whose options, `allow` and `deny` these are.
pub(crate) fn role(name: &str, parts: &Value) -> Result<Role, String> {
    let spec = if parts.is_null() { json!({}) } else { parts.clone() };
    let document =
        json!({"kind": "role", "version": "v7", "metadata": {"name": name}, "spec": spec});
    let read = RoleDocument::from_value(&document).and_then(|document| document.role());
    read.map(|(role, _)| role).map_err(|problems| {
        let problems: Vec<_> =
            problems.iter().map(|p| format!("{} ({})", p.message, p.path)).collect();
        format!("role rejected: {}", problems.join("; "))
    })
}
