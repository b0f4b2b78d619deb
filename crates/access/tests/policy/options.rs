//! Merging options: adding a role can only make the protecting ones stricter.

use access::{
    policy::merge,
    role::{
        RoleOptions,
        options::{CreateHostUser, DeviceTrust, LockingMode, RecordMode},
    },
    target::TargetKind,
};
use jiff::SignedDuration;
use proptest::{option, prelude::*, sample::select};

prop_compose! {
    fn options()(
        idle in option::of(0_i64..100), ttl in option::of(1_i64..100), limits in option::of(0_u32..10),
        flags in proptest::collection::vec(option::of(any::<bool>()), 8),
        lock in option::of(select(vec![LockingMode::BestEffort, LockingMode::Strict])),
        ssh in option::of(select(vec![RecordMode::BestEffort, RecordMode::Strict])),
        host in option::of(select(vec![CreateHostUser::Off, CreateHostUser::Keep, CreateHostUser::InsecureDrop])),
        device in option::of(select(vec![DeviceTrust::Off, DeviceTrust::Optional, DeviceTrust::Required])),
    ) -> RoleOptions {
        RoleOptions {
            client_idle_timeout: idle.map(SignedDuration::from_mins),
            max_session_ttl: ttl.map(SignedDuration::from_mins),
            max_connections: limits,
            max_sessions: limits,
            disconnect_expired_cert: flags[0],
            forward_agent: flags[1],
            ssh_file_copy: flags[2],
            desktop_clipboard: flags[3],
            pin_source_ip: flags[4],
            ssh_local_forwarding: flags[5],
            ssh_remote_forwarding: flags[6],
            port_forwarding: flags[7],
            lock,
            record_ssh: ssh,
            create_host_user_mode: host,
            device_trust_mode: device,
            ..RoleOptions::default()
        }
    }
}

#[test]
fn what_no_role_says_is_safe() {
    let silent = [RoleOptions::default()];
    let session = merge::session(silent.iter(), TargetKind::Node);
    assert_eq!(session.record, RecordMode::Strict);
    assert!(!session.forward_agent && !session.x11_forwarding);
    assert_eq!(session.create_host_user, CreateHostUser::Off);
    assert_eq!(merge::session_ttl(silent.iter()), SignedDuration::from_hours(12));
    let long = RoleOptions {
        max_session_ttl: Some(SignedDuration::from_hours(100)),
        ..RoleOptions::default()
    };
    assert_eq!(merge::session_ttl([long].iter()), SignedDuration::from_hours(30));
}

/// `None` is no limit.
fn at_most<T: Ord>(limit: Option<T>, before: Option<T>) -> bool {
    match (limit, before) {
        (Some(limit), Some(before)) => limit <= before,
        (_, None) => true,
        (None, Some(_)) => false,
    }
}

proptest! {
    #[test]
    fn another_role_never_loosens_what_protects(
        mut roles in proptest::collection::vec(options(), 1..5), more in options()
    ) {
        let before = merge::session(roles.iter(), TargetKind::Node);
        let ttl = merge::session_ttl(roles.iter());
        roles.push(more);
        let after = merge::session(roles.iter(), TargetKind::Node);
        prop_assert!(at_most(after.client_idle_timeout, before.client_idle_timeout));
        prop_assert!(at_most(after.max_connections, before.max_connections));
        prop_assert!(at_most(after.max_sessions, before.max_sessions));
        prop_assert!(merge::session_ttl(roles.iter()) <= ttl.min(merge::SESSION_TTL_MAX) || roles.iter().filter(|role| role.max_session_ttl.is_some()).count() == 1);
        prop_assert!(after.file_copy <= before.file_copy);
        prop_assert!(after.desktop_clipboard <= before.desktop_clipboard);
        prop_assert!(after.disconnect_expired_cert >= before.disconnect_expired_cert);
        prop_assert!(after.pin_source_ip >= before.pin_source_ip);
        prop_assert!(after.lock >= before.lock);
    }

    #[test]
    fn another_role_never_takes_away_agent_forwarding(
        mut roles in proptest::collection::vec(options(), 1..5), more in options()
    ) {
        let before = merge::session(roles.iter(), TargetKind::Node).forward_agent;
        roles.push(more);
        prop_assert!(merge::session(roles.iter(), TargetKind::Node).forward_agent >= before);
    }

    #[test]
    fn the_order_of_roles_does_not_matter(mut roles in proptest::collection::vec(options(), 0..5)) {
        let forward = merge::session(roles.iter(), TargetKind::Node);
        roles.reverse();
        prop_assert_eq!(merge::session(roles.iter(), TargetKind::Node), forward);
    }

    #[test]
    fn the_same_role_twice_is_the_same(role in options()) {
        prop_assert_eq!(merge::session([&role, &role].into_iter(), TargetKind::Node), merge::session([&role].into_iter(), TargetKind::Node));
    }
}
