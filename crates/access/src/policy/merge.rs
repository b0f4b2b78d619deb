//! Merging the options of several roles into those of one session.
//!
//! What protects wins: the shortest time, the lowest limit, the strictest mode. What is convenience wins
//! where any role gives it (agent forwarding), except where one says no in so many words (file copy).

use crate::{
    permit::SessionOptions,
    role::{
        RoleOptions,
        options::{CreateDbUser, CreateHostUser, DeviceTrust, RecordMode, RecordValues},
    },
    target::TargetKind,
};
use jiff::SignedDuration;

/// How long an identity certificate lives where no role says (the law, §6).
pub const SESSION_TTL_DEFAULT: SignedDuration = SignedDuration::from_hours(12);
/// How long one may live at most (the law, §6).
pub const SESSION_TTL_MAX: SignedDuration = SignedDuration::from_hours(30);

/// The options of a session on a target of this kind that rests on these roles.
#[must_use]
pub fn session<'r>(
    roles: impl Iterator<Item = &'r RoleOptions> + Clone,
    kind: TargetKind,
) -> SessionOptions {
    let any =
        |read: fn(&RoleOptions) -> Option<bool>| roles.clone().any(|role| read(role) == Some(true));
    let none_refuses = |read: fn(&RoleOptions) -> Option<bool>| {
        roles.clone().all(|role| read(role) != Some(false))
    };
    let lowest = |read: fn(&RoleOptions) -> Option<u32>| {
        roles.clone().filter_map(read).filter(|limit| *limit > 0).min()
    };
    SessionOptions {
        client_idle_timeout: roles
            .clone()
            .filter_map(|role| role.client_idle_timeout)
            .filter(|timeout| timeout.is_positive())
            .min(),
        create_db_user: create_db_user(roles.clone()),
        create_host_user: create_host_user(roles.clone()),
        desktop_clipboard: none_refuses(|role| role.desktop_clipboard),
        desktop_directory_sharing: none_refuses(|role| role.desktop_directory_sharing),
        disconnect_expired_cert: any(|role| role.disconnect_expired_cert),
        file_copy: none_refuses(|role| role.ssh_file_copy),
        forward_agent: any(|role| role.forward_agent),
        local_forwarding: forwarding(roles.clone(), |role| role.ssh_local_forwarding),
        lock: roles.clone().filter_map(|role| role.lock).max(),
        max_connections: lowest(|role| role.max_connections),
        max_sessions: lowest(|role| role.max_sessions),
        pin_source_ip: any(|role| role.pin_source_ip),
        record: record(roles.clone(), kind),
        record_db_values: roles
            .clone()
            .filter_map(|role| role.record_db_values)
            .max()
            .unwrap_or(RecordValues::Full),
        record_desktop: roles.clone().any(|role| role.record_desktop != Some(false)),
        record_input: any(|role| role.record_input),
        record_max_bytes: roles.clone().filter_map(|role| role.record_max_size).min(),
        remote_forwarding: forwarding(roles.clone(), |role| role.ssh_remote_forwarding),
        x11_forwarding: any(|role| role.permit_x11_forwarding),
    }
}

/// `ssh_port_forwarding` where any role writes it, and there an explicit no wins. Otherwise the older
/// `port_forwarding`, which is on where it is not written, and where any role has it on.
fn forwarding<'r>(
    roles: impl Iterator<Item = &'r RoleOptions> + Clone,
    read: fn(&RoleOptions) -> Option<bool>,
) -> bool {
    let mut said = roles.clone().filter_map(read).peekable();
    if said.peek().is_some() {
        return said.all(|allowed| allowed);
    }
    roles.clone().any(|role| role.port_forwarding != Some(false))
}

/// The setting for this kind of session of any role, strict first; else the default of any role; else strict.
fn record<'r>(
    roles: impl Iterator<Item = &'r RoleOptions> + Clone,
    kind: TargetKind,
) -> RecordMode {
    let read: fn(&RoleOptions) -> Option<RecordMode> = match kind {
        TargetKind::Db => |role| role.record_db,
        TargetKind::Node => |role| role.record_ssh,
        TargetKind::App | TargetKind::Desktop | TargetKind::KubeCluster => |_| None,
    };
    let said = roles.clone().filter_map(read).max();
    said.or_else(|| roles.filter_map(|role| role.record_default).max())
        .unwrap_or(RecordMode::Strict)
}

/// How database users are made: `off` is outvoted, dropping wins over keeping.
pub(super) fn create_db_user<'r>(roles: impl Iterator<Item = &'r RoleOptions>) -> CreateDbUser {
    roles.filter_map(|role| role.create_db_user_mode).max().unwrap_or(CreateDbUser::Off)
}

/// How accounts on hosts are made: every role must say so, and keeping wins over dropping.
pub(super) fn create_host_user<'r>(roles: impl Iterator<Item = &'r RoleOptions>) -> CreateHostUser {
    let modes = roles.map(|role| role.create_host_user_mode.unwrap_or(CreateHostUser::Off));
    modes.min().unwrap_or(CreateHostUser::Off)
}

/// The strictest demand for a trusted device.
pub(super) fn device_trust<'r>(roles: impl Iterator<Item = &'r RoleOptions>) -> DeviceTrust {
    roles.filter_map(|role| role.device_trust_mode).max().unwrap_or(DeviceTrust::Off)
}

/// How long an identity certificate of someone holding these roles lives (the law, §6).
#[must_use]
pub fn session_ttl<'r>(roles: impl Iterator<Item = &'r RoleOptions>) -> SignedDuration {
    let shortest = roles.filter_map(|role| role.max_session_ttl).min();
    shortest.unwrap_or(SESSION_TTL_DEFAULT).min(SESSION_TTL_MAX)
}
