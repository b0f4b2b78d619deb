//! Options of several roles, merged.

use super::world::{role, same};
use access::{policy::merge, role::RoleOptions};
use api::span::Span;
use serde_json::{Value, json};

pub(crate) fn merged(case: &Value) -> Result<(), String> {
    let mut options: Vec<RoleOptions> = Vec::new();
    for written in case["role_options"].as_array().unwrap() {
        options.push(role("r", &json!({"options": written}))?.options().clone());
    }
    let session = merge::session(options.iter(), access::target::TargetKind::Node);
    let shown = json!({
        "client_idle_timeout": Span(session.client_idle_timeout.unwrap_or_default()).to_string(),
        "create_db_user_mode": session.create_db_user.to_string(),
        "desktop_clipboard": session.desktop_clipboard,
        "desktop_directory_sharing": session.desktop_directory_sharing,
        "disconnect_expired_cert": session.disconnect_expired_cert,
        "forward_agent": session.forward_agent,
        "local_forwarding": session.local_forwarding,
        "lock": session.lock.map_or("<cluster default>".to_owned(), |lock| lock.to_string()),
        "max_connections": session.max_connections.unwrap_or(0),
        "max_session_ttl": Span(merge::session_ttl(options.iter())).to_string(),
        "pin_source_ip": session.pin_source_ip,
        "port_forwarding": session.local_forwarding && session.remote_forwarding,
        "record_desktop": session.record_desktop,
        "record_input": session.record_input,
        "record_max_size": session.record_max_bytes.map_or("any".to_owned(), |most| api::size::Size(most).to_string()),
        "remote_forwarding": session.remote_forwarding,
        "ssh_file_copy": session.file_copy,
        "ssh_recording_mode": session.record.to_string(),
    });
    for (key, must) in case["expect"].as_object().unwrap() {
        let is = shown.get(key).ok_or_else(|| format!("nobody reads `expect.{key}`"))?;
        same(key, is, must)?;
    }
    Ok(())
}
