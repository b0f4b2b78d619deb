//! What a request asks of the policy.

use access::ask::{Action, Ask, KubeCall};
use access::name::TargetName;
use access::target::{TargetId, TargetKind};
use wire::kube::{Call, Object};

use super::headers::Wanted;

/// The kind under which roles know paths that name no object (`kubernetes_resources`).
const PATHS: &str = "nonresourceurls";

/// The ask of someone who wants to use a cluster in some way.
pub(super) fn entering(cluster: TargetName, wanted: &Wanted) -> Ask {
    asking(cluster, wanted, None)
}

/// The ask of one request.
pub(super) fn ask(cluster: TargetName, wanted: &Wanted, call: &Call, method: &str) -> Ask {
    let resource = match call {
        Call::Discovery => None,
        Call::Object(object) => Some(touched(object)),
        Call::Path(path) => Some(KubeCall {
            kind: PATHS.into(),
            api_group: "".into(),
            namespace: None,
            name: path.clone(),
            verb: method.to_ascii_lowercase().into(),
            part: false,
        }),
    };
    asking(cluster, wanted, resource)
}

/// What becomes a byte stream, and is no port, is a way into a program, whatever it is called.
pub(super) fn as_stream(ask: &mut Ask, call: &Call) {
    let is_port =
        matches!(call, Call::Object(object) if matches!(object.verb, "exec" | "portforward"));
    if let Action::Kube { resource: Some(call), .. } = &mut ask.action
        && !is_port
    {
        call.verb = "exec".into();
    }
}

/// The same ask, for what of the collection may be seen.
pub(super) fn in_part(ask: &Ask) -> Option<Ask> {
    let mut ask = ask.clone();
    match &mut ask.action {
        Action::Kube { resource: Some(call), .. }
            if call.name.is_empty() && matches!(&*call.verb, "list" | "watch") =>
        {
            call.part = true;
        }
        Action::App { .. }
        | Action::Db { .. }
        | Action::Desktop { .. }
        | Action::Kube { .. }
        | Action::Ssh { .. } => return None,
    }
    Some(ask)
}

/// What an object is to the policy.
pub(super) fn touched(object: &Object) -> KubeCall {
    KubeCall {
        kind: object.resource.clone(),
        api_group: object.group.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        verb: object.verb.into(),
        part: false,
    }
}

fn asking(cluster: TargetName, wanted: &Wanted, resource: Option<KubeCall>) -> Ask {
    let Wanted { user, groups } = wanted.clone();
    let target = TargetId { kind: TargetKind::KubeCluster, name: cluster };
    Ask { target, action: Action::Kube { user, groups, resource } }
}
