//! From a role as written to a role as meant: every problem at once, each with its field path.

mod people;
mod report;

use super::{
    Conditions, Role, RoleProblem, RoleVersion, Warning,
    conditions::Impersonate,
    kube::KubeResource,
    spec::{AppPathsSpec, ConditionsSpec, KubeResourceSpec, RoleSpec},
};
use crate::{
    app::AppPaths,
    label::{LabelSelector, Selector},
    name::RoleName,
    role::{options::RequireMfa, spec::LabelsSpec},
    template::Patterns,
};
use report::{Report, SIDE_ALLOW, SIDE_DENY};

/// The least a recording may be cut at, in bytes: what is written at once.
const RECORD_LEAST: u64 = 1 << 20;
/// The most entries of any one list.
const LIST_MAX: usize = 1000;

pub(super) fn role(spec: RoleSpec) -> Result<(Role, Vec<Warning>), Vec<RoleProblem>> {
    let mut report = Report::default();
    let name = match spec.name.parse::<RoleName>() {
        Ok(name) => Some(name),
        Err(_) if spec.name.is_empty() => {
            report.problem("metadata.name", "name is required");
            None
        }
        Err(error) => {
            report.problem("metadata.name", error.to_string());
            None
        }
    };
    let version = match spec.version.as_deref().unwrap_or_default() {
        "" => RoleVersion::default(),
        text => text.parse().unwrap_or_else(|error: super::version::UnknownVersion| {
            report.problem("version", error.to_string());
            RoleVersion::default()
        }),
    };
    options(&mut report, &spec);
    let mut allow = conditions(&mut report, &spec.allow, version, SIDE_ALLOW);
    report.refuse_broken_templates = true;
    let deny = conditions(&mut report, &spec.deny, version, SIDE_DENY);
    defaults(&mut allow, &spec.allow, version);
    let description = spec.description.as_str().into();
    match name {
        Some(name) if report.problems.is_empty() => Ok((
            Role { name, version, description, options: spec.options, allow, deny },
            report.warnings,
        )),
        _ => Err(report.problems),
    }
}

fn options(report: &mut Report, spec: &RoleSpec) {
    let durations = [
        ("spec.options.max_session_ttl", spec.options.max_session_ttl),
        ("spec.options.client_idle_timeout", spec.options.client_idle_timeout),
    ];
    for (path, duration) in durations {
        if duration.is_some_and(|duration| duration.is_negative()) {
            report.problem(path, "a duration cannot be negative");
        }
    }
    if spec.options.require_session_mfa.is_some_and(RequireMfa::needs_hardware) {
        let why = "no login here shows a key held in hardware, so the role opens nothing; `session` asks for a second factor";
        report.warning("spec.options.require_session_mfa", why);
    }
    if spec.options.record_max_size.is_some_and(|bytes| bytes < RECORD_LEAST) {
        report.problem("spec.options.record_session.max_size", "must be at least 1MiB");
    }
    if spec.options.max_session_ttl.is_some_and(|ttl| ttl.is_zero()) {
        report.problem("spec.options.max_session_ttl", "must be longer than nothing");
    }
    if spec.description.len() > 4096 {
        report.problem("metadata.description", "has at most 4096 bytes");
    }
}

/// What a version means where its document says nothing.
fn defaults(allow: &mut Conditions, spec: &ConditionsSpec, version: RoleVersion) {
    if version == RoleVersion::V3 {
        for selector in [&mut allow.nodes, &mut allow.apps, &mut allow.dbs, &mut allow.kube] {
            if selector.is_empty() {
                selector.labels = LabelSelector::everything();
            }
        }
    }
    if spec.kubernetes_resources.is_none() {
        let any = |kind: &str| KubeResource::anything(kind, version);
        allow.kubernetes_resources = match version {
            RoleVersion::V3 | RoleVersion::V4 | RoleVersion::V5 => vec![any("pod")],
            RoleVersion::V6 => Vec::new(),
            RoleVersion::V7 | RoleVersion::V8 => vec![any("*")],
        };
    }
}

fn conditions(
    report: &mut Report,
    spec: &ConditionsSpec,
    version: RoleVersion,
    side: &'static str,
) -> Conditions {
    let at = |field: &str| format!("spec.{side}.{field}");
    let mut list = |field: &str, texts: &[String]| report.patterns(&at(field), texts);
    let mut checked = Conditions {
        logins: list("logins", &spec.logins),
        namespaces: list("namespaces", &spec.namespaces),
        windows_desktop_logins: list("windows_desktop_logins", &spec.windows_desktop_logins),
        db_names: list("db_names", &spec.db_names),
        db_users: list("db_users", &spec.db_users),
        db_roles: list("db_roles", &spec.db_roles),
        kubernetes_users: list("kubernetes_users", &spec.kubernetes_users),
        kubernetes_groups: list("kubernetes_groups", &spec.kubernetes_groups),
        aws_role_arns: list("aws_role_arns", &spec.aws_role_arns),
        host_groups: list("host_groups", &spec.host_groups),
        host_sudoers: list("host_sudoers", &spec.host_sudoers),
        impersonate: spec.impersonate.as_ref().map_or_else(Impersonate::default, |who| {
            Impersonate {
                users: list("impersonate.users", &who.users),
                roles: list("impersonate.roles", &who.roles),
            }
        }),
        ..Conditions::default()
    };
    if side == SIDE_ALLOW && checked.logins.has_any() {
        report.problem(&at("logins"), "logins are written out: `*` is not a login");
    }
    let mut selector = |field: &str, labels: &LabelsSpec, expression: &Option<String>| Selector {
        labels: report.labels(&at(field), labels),
        expression: report.expression(
            &at(&format!("{field}_expression")),
            expression.as_deref(),
            crate::expr::Scope::Labels,
        ),
    };
    checked.nodes = selector("node_labels", &spec.node_labels, &spec.node_labels_expression);
    checked.apps = selector("app_labels", &spec.app_labels, &spec.app_labels_expression);
    checked.clusters =
        selector("cluster_labels", &spec.cluster_labels, &spec.cluster_labels_expression);
    checked.dbs = selector("db_labels", &spec.db_labels, &spec.db_labels_expression);
    checked.kube =
        selector("kubernetes_labels", &spec.kubernetes_labels, &spec.kubernetes_labels_expression);
    checked.desktops = selector(
        "windows_desktop_labels",
        &spec.windows_desktop_labels,
        &spec.windows_desktop_labels_expression,
    );
    checked.kubernetes_resources = kube(report, spec, version, side);
    checked.app_paths = app_paths(report, spec, side);
    people::check(report, spec, &mut checked, side);
    checked
}

fn app_paths(report: &mut Report, spec: &ConditionsSpec, side: &str) -> Vec<AppPaths> {
    let path = format!("spec.{side}.app_paths");
    if spec.app_paths.len() > LIST_MAX {
        report.problem(&path, format!("has at most {LIST_MAX} entries"));
        return Vec::new();
    }
    let one = |(n, spec): (usize, &AppPathsSpec)| {
        let path = format!("{path}[{n}]");
        if spec.paths.is_empty() {
            report.problem(&format!("{path}.paths"), "names a path, like `/api/*`");
        }
        for (n, text) in spec.paths.iter().enumerate() {
            if !text.starts_with(['/', '*', '^', '{']) {
                let at = format!("{path}.paths[{n}]");
                report.problem(&at, "begins with `/`, or is a pattern: `*`, `^…$`");
            }
        }
        for (n, method) in spec.methods.iter().enumerate() {
            let is_word =
                !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
            if method != "*" && !is_word {
                let at = format!("{path}.methods[{n}]");
                report.problem(&at, "is a method in capitals like `GET`, or \"*\"");
            }
        }
        AppPaths {
            paths: report.patterns(&format!("{path}.paths"), &spec.paths),
            methods: spec.methods.iter().map(|method| method.as_str().into()).collect(),
        }
    };
    spec.app_paths.iter().enumerate().map(one).collect()
}

fn kube(
    report: &mut Report,
    spec: &ConditionsSpec,
    version: RoleVersion,
    side: &str,
) -> Vec<KubeResource> {
    let specs = spec.kubernetes_resources.as_deref().unwrap_or_default();
    let path = format!("spec.{side}.kubernetes_resources");
    if specs.len() > LIST_MAX {
        report.problem(&path, format!("has at most {LIST_MAX} entries"));
        return Vec::new();
    }
    specs
        .iter()
        .enumerate()
        .map(|(n, spec)| kube_resource(report, spec, version, &format!("{path}[{n}]")))
        .collect()
}

const KINDS_V8_GROUP: &str =
    "a role of version v8 names the `api_group`; write \"\" for the core group, or \"*\"";

fn kube_resource(
    report: &mut Report,
    spec: &KubeResourceSpec,
    version: RoleVersion,
    path: &str,
) -> KubeResource {
    let kind = spec.kind.as_str();
    let word = kind == "*"
        || !kind.is_empty()
            && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if !word {
        report.problem(&format!("{path}.kind"), "names a kind of resource, or is \"*\"");
    }
    let new = version >= RoleVersion::V8;
    if new && spec.api_group.is_none() && kind != "*" {
        report.problem(&format!("{path}.api_group"), KINDS_V8_GROUP);
    }
    if !new && spec.api_group.is_some() {
        report.problem(&format!("{path}.api_group"), "needs a role of version v8");
    }
    if new && kind != "*" && crate::resource::kube_plural(kind) != kind {
        let plural = crate::resource::kube_plural(kind);
        report.problem(&format!("{path}.kind"), format!("a role of version v8 writes `{plural}`"));
    }
    for (n, verb) in spec.verbs.iter().enumerate() {
        if verb.is_empty() || verb.len() > 64 {
            report.problem(&format!("{path}.verbs[{n}]"), "is a verb like `get`, or \"*\"");
        }
    }
    let namespace = spec.namespace.as_ref().filter(|text| !text.is_empty());
    KubeResource {
        kind: kind.into(),
        api_group: spec.api_group.as_ref().map(|group| {
            report.patterns(&format!("{path}.api_group"), core::slice::from_ref(group))
        }),
        namespace: namespace
            .map(|text| report.patterns(&format!("{path}.namespace"), core::slice::from_ref(text))),
        name: report.patterns(&format!("{path}.name"), core::slice::from_ref(&spec.name)),
        verbs: spec.verbs.iter().map(|verb| verb.as_str().into()).collect(),
        covers_inside: !new,
    }
}

impl KubeResource {
    fn anything(kind: &str, version: RoleVersion) -> Self {
        let any = || {
            crate::pattern::Pattern::parse("*")
                .map_or_else(|_| Patterns::default(), |any| Patterns::fixed([any]))
        };
        Self {
            kind: kind.into(),
            api_group: None,
            namespace: Some(any()),
            name: any(),
            verbs: vec!["*".into()],
            covers_inside: version < RoleVersion::V8,
        }
    }
}
