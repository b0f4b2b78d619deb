//! Kubernetes objects, where the exam leaves off.

use super::world::{World, identity};
use access::{
    ask::{Action, Ask, KubeCall},
    target::{Target, TargetId, TargetKind},
};

fn call(kind: &str, namespace: Option<&str>, name: &str, verb: &str) -> Ask {
    let target = TargetId { kind: TargetKind::KubeCluster, name: "k".parse().unwrap() };
    let call = KubeCall {
        kind: kind.into(),
        api_group: "".into(),
        namespace: namespace.map(Into::into),
        name: name.into(),
        verb: verb.into(),
    };
    Ask { target, action: Action::Kube { user: None, groups: Vec::new(), resource: Some(call) } }
}

fn world(resources: &str) -> World {
    let mut world = World::new();
    world.role(
        "kube",
        &format!("allow: {{kubernetes_labels: {{'*': '*'}}, kubernetes_groups: [g], kubernetes_resources: {resources}}}"),
    );
    world.user("ann", &["kube"]);
    let id = TargetId { kind: TargetKind::KubeCluster, name: "k".parse().unwrap() };
    world.policy.put_target(Target::new(id, access::target::Labels::new()));
    world
}

fn may(world: &World, ask: &Ask) -> bool {
    world.policy.decide(&identity("ann"), ask, world.now).is_ok()
}

#[test]
fn the_words_of_old_documents_and_of_the_api_are_the_same_kinds() {
    let world = world("[{kind: pod, namespace: ns, name: 'web-*', verbs: [get]}]");
    for kind in ["pod", "pods"] {
        assert!(may(&world, &call(kind, Some("ns"), "web-1", "get")));
        assert!(!may(&world, &call(kind, Some("ns"), "db-1", "get")));
        assert!(!may(&world, &call(kind, Some("ns"), "web-1", "delete")));
        assert!(!may(&world, &call(kind, Some("other"), "web-1", "get")));
    }
}

#[test]
fn a_rule_inside_one_namespace_opens_nothing_outside_namespaces() {
    let world = world("[{kind: '*', namespace: ns, name: '*', verbs: ['*']}]");
    assert!(may(&world, &call("secrets", Some("ns"), "x", "get")));
    assert!(!may(&world, &call("clusterroles", None, "admin", "get")));
    assert!(
        may(&world, &call("namespaces", None, "ns", "get")),
        "but the namespace itself may be seen"
    );
    assert!(!may(&world, &call("namespaces", None, "ns", "delete")));
    assert!(!may(&world, &call("namespaces", None, "other", "get")));
}

#[test]
fn a_grant_for_a_part_of_a_cluster_is_that_part() {
    let mut world = world("[{kind: '*', namespace: '*', name: '*', verbs: ['*']}]");
    world.user("ann", &[]);
    world.grant(1, "ann", &["kube"], &["/main/kube:ns:pods/k/ns/web-1"], 1);
    assert!(may(&world, &call("pods", Some("ns"), "web-1", "get")));
    assert!(!may(&world, &call("pods", Some("ns"), "web-2", "get")));
    assert!(!may(&world, &call("secrets", Some("ns"), "web-1", "get")));
    assert!(!may(&world, &call("pods", Some("other"), "web-1", "get")));
}

#[test]
fn what_is_denied_inside_a_namespace_does_not_hide_the_namespace() {
    let mut world = world("[{kind: '*', namespace: '*', name: '*', verbs: ['*']}]");
    world.role(
        "no-a",
        "deny: {kubernetes_resources: [{kind: pod, namespace: ns, name: a, verbs: ['*']}]}",
    );
    world.user("ann", &["kube", "no-a"]);
    assert!(!may(&world, &call("pods", Some("ns"), "a", "get")));
    assert!(may(&world, &call("pods", Some("ns"), "b", "get")));
    assert!(may(&world, &call("namespaces", None, "ns", "get")));
}
