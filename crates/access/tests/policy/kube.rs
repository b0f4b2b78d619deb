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
        part: false,
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

fn part(mut ask: Ask) -> Ask {
    if let Action::Kube { resource: Some(call), .. } = &mut ask.action {
        call.part = true;
    }
    ask
}

fn shown<'a>(world: &World, ask: &Ask, items: &[(Option<&'a str>, &'a str)]) -> Vec<&'a str> {
    let flags = world.policy.shows(&identity("ann"), ask, items.iter().copied(), world.now);
    items.iter().zip(flags).filter(|(_, shown)| *shown).map(|((_, name), _)| *name).collect()
}

const PODS: [(Option<&str>, &str); 4] = [
    (Some("default"), "web-1"),
    (Some("default"), "db-1"),
    (Some("other"), "web-2"),
    (Some("default"), ""),
];

#[test]
fn a_collection_is_had_in_part_where_it_may_not_be_had_whole() {
    let world = world("[{kind: pod, namespace: default, name: 'web-*', verbs: [list]}]");
    for (namespace, verb, whole, in_part) in [
        (Some("default"), "list", false, true),
        (None, "list", false, true),
        (Some("other"), "list", false, false),
        (Some("default"), "watch", false, false),
        (Some("default"), "deletecollection", false, false),
    ] {
        let ask = call("pods", namespace, "", verb);
        let decide = |ask: &Ask| world.policy.decide(&identity("ann"), ask, world.now).is_ok();
        assert_eq!(decide(&ask), whole, "{ask:?}");
        assert_eq!(decide(&part(ask.clone())), in_part, "{ask:?}");
    }
    assert_eq!(shown(&world, &part(call("pods", None, "", "list")), &PODS), ["web-1"]);
    assert!(shown(&world, &part(call("pods", None, "", "watch")), &PODS).is_empty());
}

#[test]
fn what_is_forbidden_among_others_is_taken_out_and_cannot_be_removed_with_them() {
    let mut world = world("[{kind: '*', namespace: '*', name: '*', verbs: ['*']}]");
    world.role(
        "but",
        "deny: {kubernetes_labels: {'*': '*'}, kubernetes_resources: [{kind: pod, namespace: default, name: db-1, verbs: ['*']}]}",
    );
    world.user("ann", &["kube", "but"]);
    let decide = |ask: &Ask| world.policy.decide(&identity("ann"), ask, world.now).is_ok();
    let list = call("pods", Some("default"), "", "list");
    assert!(!decide(&list));
    assert!(decide(&part(list.clone())));
    assert_eq!(shown(&world, &part(list), &PODS), ["web-1", "web-2"]);
    assert!(!decide(&call("pods", Some("default"), "", "deletecollection")));
    assert!(decide(&call("pods", Some("other"), "", "deletecollection")));
    assert!(decide(&call("secrets", Some("default"), "", "list")));
}
