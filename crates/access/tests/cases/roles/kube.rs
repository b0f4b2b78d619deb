//! Kubernetes: clusters, users and groups, objects.

use super::{
    deciding::refused,
    world::{World, denied, known, role, same, says, sorted, texts},
};
use access::{
    ask::{Action, KubeCall},
    denial::DenialCode,
    identity::User,
    policy::extent::Extent,
    target::TargetKind,
};
use serde_json::{Value, json};

fn call(kind: &str, namespace: Option<&str>, name: &str, verb: &str) -> KubeCall {
    KubeCall {
        kind: kind.into(),
        api_group: "".into(),
        namespace: namespace.map(Into::into),
        name: name.into(),
        verb: verb.into(),
        part: false,
    }
}

fn whole() -> Action {
    Action::Kube { user: None, groups: Vec::new(), resource: None }
}

fn on(call: KubeCall) -> Action {
    Action::Kube { user: None, groups: Vec::new(), resource: Some(call) }
}

fn as_user(user: &str) -> Action {
    Action::Kube { user: Some(user.into()), groups: Vec::new(), resource: None }
}

/// One list of `kubernetes_resources` against one call.
pub(crate) fn resource(case: &Value) -> Result<(), String> {
    let request = &case["request"];
    known(request, &["kind", "namespace", "name", "verb"])?;
    let text = |key: &str| request[key].as_str().unwrap_or_default();
    let call = call(text("kind"), request["namespace"].as_str(), text("name"), text("verb"));
    let role = role("r", &json!({"allow": {"kubernetes_resources": case["kubernetes_resources"]}}));
    let answer = role.and_then(|role| {
        call.check().map_err(|error| error.to_string())?;
        let user = User::new("u".parse().unwrap());
        Ok(role
            .allow()
            .kubernetes_resources
            .iter()
            .any(|resource| resource.covers(&call, &user.traits)))
    });
    match (answer, case["expect"].as_bool()) {
        (Ok(is), Some(must)) => same("covered", is, must),
        (Err(_), None) if case["expect"] == "ERROR" => Ok(()),
        (is, _) => Err(format!("is {is:?}, must be {}", case["expect"])),
    }
}

/// Cases without labels of the cluster that are about whom to impersonate.
pub(crate) fn impersonates(case: &Value) -> bool {
    case["expect"].as_object().is_some_and(|expect| {
        expect.keys().any(|key| key.starts_with("impersonate_") || key.contains("--as"))
    })
}

pub(crate) fn cluster(case: &Value) -> Result<(), String> {
    let mut world = World::of(case)?;
    let labels =
        if case["cluster_labels"].is_null() { json!({}) } else { case["cluster_labels"].clone() };
    let id = world.target(TargetKind::KubeCluster, "cluster", &labels);
    let Some(expect) = case["expect"].as_object() else {
        return world.check(&id, whole(), &case["expect"]);
    };
    let held = world.policy.held(world.user(), world.now);
    let extent = Extent::new(world.user(), held.roles(), world.policy.target(&id).unwrap()).kube();
    for (key, must) in expect {
        let word = must.as_str().unwrap_or_default();
        match key.as_str() {
            "users_set" => same(key, extent.users.iter().cloned().collect(), sorted(texts(must)))?,
            "groups_set" => {
                same(key, extent.groups.iter().cloned().collect(), sorted(texts(must)))?
            }
            "error" => refused(&world, &id, whole(), word)?,
            "impersonate_user" | "impersonate_groups" => {
                let permit = world.decide(&id, whole()).map_err(|denial| denial.to_string())?;
                let terms = permit.terms();
                if key == "impersonate_user" {
                    same(key, terms.kube_user.as_deref(), Some(word))?;
                } else {
                    let groups = terms.kube_groups.iter().map(ToString::to_string).collect();
                    same(key, groups, sorted(texts(must)))?;
                }
            }
            "without --as" => {
                let denial = world.decide(&id, whole()).err().ok_or("is permitted")?;
                says(denial.sentence(), word.strip_prefix("error: ").unwrap_or(word))?;
            }
            other => match other.strip_prefix("--as ") {
                Some(user) => chosen(&world, &id, user, word)?,
                None => pod(&world, &id, other, word)?,
            },
        }
    }
    Ok(())
}

fn chosen(
    world: &World,
    id: &access::target::TargetId,
    user: &str,
    must: &str,
) -> Result<(), String> {
    match world.decide(id, as_user(user)) {
        Ok(permit) => same("user", permit.terms().kube_user.as_deref(), Some(must)),
        Err(denial) => denied(&denial, must),
    }
}

fn pod(world: &World, id: &access::target::TargetId, what: &str, must: &str) -> Result<(), String> {
    let name = what.strip_prefix("pod ").ok_or_else(|| format!("nobody reads `expect.{what}`"))?;
    let decision = world.decide(id, on(call("pod", Some("default"), name, "get")));
    same(what, decision.is_ok(), must == "allowed")?;
    same(what, decision.is_err(), must == "denied")
}

/// `kubectl get pods (cluster has a, b)`, `kubectl get pod a`.
pub(crate) fn action(case: &Value) -> Option<Result<(), String>> {
    let command = case["action"].as_str()?.strip_prefix("kubectl get ")?;
    Some(World::of(case).and_then(|mut world| {
        let id = world.target(TargetKind::KubeCluster, "cluster", &json!({}));
        let may = |verb: &str, name: &str| {
            world.decide(&id, on(call("pod", Some("default"), name, verb)))
        };
        if let Some(there) =
            command.strip_prefix("pods (cluster has ").and_then(|rest| rest.strip_suffix(')'))
        {
            let seen: Vec<_> = there.split(", ").filter(|name| may("list", name).is_ok()).collect();
            return same(
                "seen",
                seen,
                case["expect"].as_array().unwrap().iter().filter_map(Value::as_str).collect(),
            );
        }
        let name = command.strip_prefix("pod ").ok_or("an unknown command")?;
        known(&case["expect"], &["http"])?;
        // 403 is what a denial is for HTTP.
        let is = may("get", name)
            .err()
            .map(|denial| if denial.code() == DenialCode::NoAccess { 403 } else { 500 });
        same("http", is, case["expect"]["http"].as_u64())
    }))
}

/// `{"v3-v5": "all pods, all verbs", …}`: each claim is tried out on a role of each version it names.
pub(crate) fn defaults(case: &Value) -> Result<(), String> {
    for (versions, must) in case["expect"].as_object().unwrap() {
        let number = |text: &str| text.trim_start_matches('v').parse::<u8>().unwrap();
        let (first, last) = versions.split_once('-').unwrap_or((versions, versions));
        for version in number(first)..=number(last) {
            let allow = json!({"kubernetes_labels": {"*": "*"}, "kubernetes_groups": ["g"]});
            let roles = json!({"roles": [{"version": format!("v{version}"), "allow": allow}]});
            let mut world = World::of(&roles)?;
            let id = world.target(TargetKind::KubeCluster, "cluster", &json!({}));
            let may = |kind: &str, verb: &str| {
                world.decide(&id, on(call(kind, Some("ns"), "x", verb))).is_ok()
            };
            let pods = ["get", "delete", "exec"].iter().all(|verb| may("pod", verb));
            let others = ["secret", "deployment"].iter().all(|kind| may(kind, "get"));
            let (all_pods, everything) = match must.as_str().unwrap().split(' ').next() {
                Some("all") => (true, false),
                Some("nothing") => (false, false),
                Some("everything") => (true, true),
                _ => return Err(format!("nobody reads {must}")),
            };
            same(&format!("pods in v{version}"), pods, all_pods)?;
            same(&format!("everything in v{version}"), others, everything)?;
        }
    }
    Ok(())
}
