//! What an API looks like to someone who may not use it.
//!
//! `kubectl` asks what an API has before it asks for anything, and throws away the words of whoever says no to that. So
//! those who may not enter are told what every cluster has, by us: the same for every name, whether there is such a
//! cluster or not, and nothing is asked of any. Their next request is refused, in words that are shown. Only what all
//! versions have had for years stands here, since clients remember it for hours.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use crate::http::Body;

/// A kind of object: its resource, its kind, whether it lives in a namespace, its short names.
type Known = (&'static str, &'static str, bool, &'static [&'static str]);

/// The groups, each with the version that all have.
const GROUPS: [(&str, &str, &[Known]); 5] = [
    (
        "",
        "v1",
        &[
            ("configmaps", "ConfigMap", true, &["cm"]),
            ("endpoints", "Endpoints", true, &["ep"]),
            ("events", "Event", true, &["ev"]),
            ("namespaces", "Namespace", false, &["ns"]),
            ("nodes", "Node", false, &["no"]),
            ("persistentvolumeclaims", "PersistentVolumeClaim", true, &["pvc"]),
            ("persistentvolumes", "PersistentVolume", false, &["pv"]),
            ("pods", "Pod", true, &["po"]),
            ("secrets", "Secret", true, &[]),
            ("serviceaccounts", "ServiceAccount", true, &["sa"]),
            ("services", "Service", true, &["svc"]),
        ],
    ),
    (
        "apps",
        "v1",
        &[
            ("daemonsets", "DaemonSet", true, &["ds"]),
            ("deployments", "Deployment", true, &["deploy"]),
            ("replicasets", "ReplicaSet", true, &["rs"]),
            ("statefulsets", "StatefulSet", true, &["sts"]),
        ],
    ),
    ("batch", "v1", &[("jobs", "Job", true, &[])]),
    ("networking.k8s.io", "v1", &[("networkpolicies", "NetworkPolicy", true, &["netpol"])]),
    (
        "rbac.authorization.k8s.io",
        "v1",
        &[
            ("clusterrolebindings", "ClusterRoleBinding", false, &[]),
            ("clusterroles", "ClusterRole", false, &[]),
            ("rolebindings", "RoleBinding", true, &[]),
            ("roles", "Role", true, &[]),
        ],
    ),
];

/// The answer to a question about the API; `None` where there is no answer that every cluster would give.
pub(super) fn answer(path: &str) -> Option<Response<Body>> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let object = match parts.as_slice() {
        ["api"] => json!({ "kind": "APIVersions", "versions": ["v1"] }),
        ["apis"] => groups(),
        ["api", version] => resources("", version)?,
        ["apis", group, version] => resources(group, version)?,
        _ => return None,
    };
    let body = Full::new(Bytes::from(object.to_string())).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(answer)
}

fn groups() -> Value {
    let groups = GROUPS.iter().filter(|(group, ..)| !group.is_empty());
    let groups = groups.map(|(group, version, _)| {
        let version = json!({ "groupVersion": format!("{group}/{version}"), "version": version });
        json!({ "name": group, "versions": [version], "preferredVersion": version })
    });
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>() })
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let (_, _, known) = GROUPS.iter().find(|(one, other, _)| *one == group && *other == version)?;
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let resources = known.iter().map(|(name, kind, namespaced, short)| {
        json!({
            "name": name, "singularName": kind.to_lowercase(), "namespaced": namespaced,
            "kind": kind, "shortNames": short,
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        })
    });
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": resources.collect::<Vec<_>>(),
    }))
}
