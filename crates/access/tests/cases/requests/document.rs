//! Role documents of the cases, read into what the law checks.

use super::world::{duration, known, role_of, text, texts};
use access::role::{
    Role, RoleSpec,
    spec::{
        ClaimSpec, ConditionsSpec, KindSpec, KubeResourceSpec, LabelsSpec, PartSpec, RequestSpec,
        ReviewSpec, RuleSpec, ThresholdSpec,
    },
};
use serde_json::Value;

pub(crate) fn role(name: &str, document: &Value) -> Result<Role, String> {
    let mut spec = RoleSpec { name: name.to_owned(), ..RoleSpec::default() };
    if !document.is_null() {
        known(document, &["options", "allow", "deny"])?;
    }
    if let Some(options) = document.get("options") {
        known(options, &["request_access", "request_prompt"])?;
        spec.options.request_access = options["request_access"]
            .as_str()
            .map(str::parse)
            .transpose()
            .map_err(|e| format!("{e}"))?;
        spec.options.request_prompt = options["request_prompt"].as_str().map(str::to_owned);
    }
    spec.allow = conditions(&document["allow"])?;
    spec.deny = conditions(&document["deny"])?;
    role_of(spec)
}

fn conditions(value: &Value) -> Result<ConditionsSpec, String> {
    let mut spec = ConditionsSpec::default();
    for (key, value) in value.as_object().into_iter().flatten() {
        match key.as_str() {
            "app_labels" => spec.app_labels = labels(value),
            "db_labels" => spec.db_labels = labels(value),
            "kubernetes_labels" => spec.kubernetes_labels = labels(value),
            "kubernetes_resources" => spec.kubernetes_resources = Some(each(value, kube)?),
            "logins" => spec.logins = texts(value),
            "node_labels" => spec.node_labels = labels(value),
            "node_labels_expression" => spec.node_labels_expression = Some(text(value)),
            "request" => spec.request = Some(request(value)?),
            "review_requests" => spec.review_requests = Some(review(value)?),
            "rules" => spec.rules = each(value, rule)?,
            "windows_desktop_labels" => spec.windows_desktop_labels = labels(value),
            other => return Err(format!("nobody reads the field `{other}`")),
        }
    }
    Ok(spec)
}

fn request(value: &Value) -> Result<RequestSpec, String> {
    let mut spec = RequestSpec::default();
    for (key, value) in value.as_object().into_iter().flatten() {
        match key.as_str() {
            "annotations" => spec.annotations = labels(value),
            "claims_to_roles" => spec.claims_to_roles = each(value, claim)?,
            "kubernetes_resources" => spec.kubernetes_resources = Some(each(value, kind)?),
            "max_duration" => spec.max_duration = Some(duration(&text(value))),
            "reason" => spec.reason_mode = value["mode"].as_str().map(str::to_owned),
            "roles" => spec.roles = texts(value),
            "search_as_roles" => spec.search_as_roles = texts(value),
            "suggested_reviewers" => spec.suggested_reviewers = texts(value),
            "thresholds" => spec.thresholds = each(value, threshold)?,
            other => return Err(format!("nobody reads the field `request.{other}`")),
        }
    }
    Ok(spec)
}

fn review(value: &Value) -> Result<ReviewSpec, String> {
    known(value, &["roles", "claims_to_roles", "where"])?;
    Ok(ReviewSpec {
        roles: texts(&value["roles"]),
        claims_to_roles: each(&value["claims_to_roles"], claim)?,
        where_: value["where"].as_str().map(str::to_owned),
        ..ReviewSpec::default()
    })
}

fn rule(value: &Value) -> Result<RuleSpec, String> {
    known(value, &["resources", "verbs", "where"])?;
    Ok(RuleSpec {
        resources: texts(&value["resources"]),
        verbs: texts(&value["verbs"]),
        where_: value["where"].as_str().map(str::to_owned),
        actions: Vec::new(),
    })
}

fn threshold(value: &Value) -> Result<ThresholdSpec, String> {
    known(value, &["name", "filter", "approve", "deny", "all_of"])?;
    Ok(ThresholdSpec {
        name: value["name"].as_str().unwrap_or_default().to_owned(),
        filter: value["filter"].as_str().map(str::to_owned),
        approve: number(&value["approve"]),
        deny: number(&value["deny"]),
        all_of: each(&value["all_of"], |part| {
            known(part, &["name", "filter", "approve"])?;
            Ok(PartSpec {
                name: part["name"].as_str().unwrap_or_default().to_owned(),
                filter: part["filter"].as_str().map(str::to_owned),
                approve: number(&part["approve"]),
            })
        })?,
    })
}

fn claim(value: &Value) -> Result<ClaimSpec, String> {
    known(value, &["claim", "value", "roles"])?;
    Ok(ClaimSpec {
        claim: text(&value["claim"]),
        value: text(&value["value"]),
        roles: texts(&value["roles"]),
    })
}

fn kind(value: &Value) -> Result<KindSpec, String> {
    known(value, &["kind", "api_group"])?;
    Ok(KindSpec {
        kind: text(&value["kind"]),
        api_group: value["api_group"].as_str().map(str::to_owned),
    })
}

fn kube(value: &Value) -> Result<KubeResourceSpec, String> {
    known(value, &["kind", "api_group", "namespace", "name", "verbs"])?;
    Ok(KubeResourceSpec {
        kind: text(&value["kind"]),
        api_group: value["api_group"].as_str().map(str::to_owned),
        namespace: value["namespace"].as_str().map(str::to_owned),
        name: text(&value["name"]),
        verbs: texts(&value["verbs"]),
    })
}

fn labels(value: &Value) -> LabelsSpec {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, values)| (key.clone(), texts(values)))
        .collect()
}

fn each<T>(value: &Value, read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    value.as_array().into_iter().flatten().map(read).collect()
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().map(|number| u32::try_from(number).unwrap())
}
