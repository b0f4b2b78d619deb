//! The part of a role that is about people: requests, reviews, joining, administration.

use super::report::{Report, SIDE_DENY};
use crate::{
    expr::{Expr, Scope},
    join::{AnyOf, JoinPolicy, RequireJoin},
    pattern::Pattern,
    role::{
        Claim, ClaimedRole, Conditions, ReasonMode, RequestConditions, ReviewConditions, Threshold,
        ThresholdPart,
        request::RequestKind,
        rules::{LogAction, Rule},
        spec::{ClaimSpec, ConditionsSpec, RequestSpec, ReviewSpec, RuleSpec, ThresholdSpec},
    },
};
use core::{fmt::Display, str::FromStr};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// The longest grant (the law, §6).
const GRANT_MAX: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The most thresholds of a role, and parts of a threshold.
const THRESHOLDS_MAX: usize = 32;

pub(super) fn check(
    report: &mut Report,
    spec: &ConditionsSpec,
    checked: &mut Conditions,
    side: &'static str,
) {
    let at = |field: &str| format!("spec.{side}.{field}");
    checked.rules = spec
        .rules
        .iter()
        .enumerate()
        .map(|(n, rule)| rule_of(report, rule, &format!("{}[{n}]", at("rules"))))
        .collect();
    if let Some(request) = &spec.request {
        checked.request = request_of(report, request, &at("request"), side);
    }
    if let Some(review) = &spec.review_requests {
        checked.review_requests = review_of(report, review, &at("review_requests"));
    }
    joins(report, spec, checked, side);
}

fn rule_of(report: &mut Report, spec: &RuleSpec, path: &str) -> Rule {
    if spec.resources.is_empty() || spec.verbs.is_empty() {
        report.problem(path, "a rule names `resources` and `verbs`");
    }
    for (n, resource) in spec.resources.iter().enumerate() {
        if resource.is_empty() || resource.len() > 64 {
            report.problem(
                &format!("{path}.resources[{n}]"),
                "is a kind of resource like `role`, or \"*\"",
            );
        }
    }
    let AnyOf { any: any_verb, listed: verbs } =
        any_of(report, &format!("{path}.verbs"), &spec.verbs);
    let log = spec.actions.iter().enumerate().filter_map(|(n, action)| {
        let read = log_action(action);
        if read.is_none() {
            report.problem(
                &format!("{path}.actions[{n}]"),
                "the one action is log(\"level\", \"text\")",
            );
        }
        read
    });
    Rule {
        resources: spec.resources.iter().map(|resource| resource.as_str().into()).collect(),
        any_resource: spec.resources.iter().any(|resource| resource == "*"),
        verbs,
        any_verb,
        log: log.collect(),
        condition: report.expression(&format!("{path}.where"), spec.where_.as_deref(), Scope::Rule),
    }
}

/// `log("info", "text")`; the texts hold no quotes.
fn log_action(text: &str) -> Option<LogAction> {
    let inside = text.trim().strip_prefix("log(")?.strip_suffix(')')?;
    let (level, text) = inside.split_once(',')?;
    let unquoted = |text: &str| {
        let inside = text.trim().strip_prefix('"')?.strip_suffix('"')?;
        (!inside.contains(['"', '\\']) && !inside.chars().any(char::is_control))
            .then(|| inside.into())
    };
    Some(LogAction { level: unquoted(level)?, text: unquoted(text)? })
}

/// A list of words, where `*` stands for all.
fn any_of<T>(report: &mut Report, path: &str, words: &[String]) -> AnyOf<T>
where
    T: FromStr<Err: Display>,
{
    let mut all = AnyOf { any: false, listed: Vec::new() };
    for (n, word) in words.iter().enumerate() {
        match word.parse::<T>() {
            _ if word == "*" => all.any = true,
            Ok(item) => all.listed.push(item),
            Err(error) => report.problem(&format!("{path}[{n}]"), error.to_string()),
        }
    }
    all
}

fn request_of(
    report: &mut Report,
    spec: &RequestSpec,
    path: &str,
    side: &str,
) -> RequestConditions {
    if side == SIDE_DENY {
        let misplaced = [
            ("thresholds", !spec.thresholds.is_empty()),
            ("max_duration", spec.max_duration.is_some()),
            ("reason", spec.reason_mode.is_some()),
            ("suggested_reviewers", !spec.suggested_reviewers.is_empty()),
        ];
        for (field, _) in misplaced.into_iter().filter(|(_, written)| *written) {
            report.problem(
                &format!("{path}.{field}"),
                format!("deny.request cannot contain {field}"),
            );
        }
    }
    if spec.thresholds.len() > THRESHOLDS_MAX {
        report.problem(
            &format!("{path}.thresholds"),
            format!("has at most {THRESHOLDS_MAX} entries"),
        );
    }
    let annotations = spec.annotations.iter().map(|(key, values)| {
        (key.as_str().into(), report.patterns(&format!("{path}.annotations.{key}"), values))
    });
    let annotations: BTreeMap<_, _> = annotations.collect();
    RequestConditions {
        annotations,
        roles: report.patterns(&format!("{path}.roles"), &spec.roles),
        search_as_roles: report.patterns(&format!("{path}.search_as_roles"), &spec.search_as_roles),
        claims_to_roles: claims(report, &spec.claims_to_roles, &format!("{path}.claims_to_roles")),
        thresholds: thresholds(report, &spec.thresholds, &format!("{path}.thresholds")),
        suggested_reviewers: report
            .patterns(&format!("{path}.suggested_reviewers"), &spec.suggested_reviewers),
        max_duration: spec.max_duration.inspect(|duration| {
            if !duration.is_positive() || *duration > GRANT_MAX {
                report.problem(
                    &format!("{path}.max_duration"),
                    "max_duration must be at most 14d, and longer than nothing",
                );
            }
        }),
        reason: match spec.reason_mode.as_deref().unwrap_or_default() {
            "" | "optional" => ReasonMode::Optional,
            "required" => ReasonMode::Required,
            other => {
                let shown: String = other.chars().take(64).collect();
                report.warning(
                    &format!("{path}.reason.mode"),
                    format!(
                        "{shown:?} is read as \"optional\"; the modes are \"optional\" and \"required\""
                    ),
                );
                ReasonMode::Optional
            }
        },
        kubernetes_resources: spec.kubernetes_resources.as_ref().map(|kinds| {
            kinds
                .iter()
                .enumerate()
                .map(|(n, kind)| {
                    if kind.kind.is_empty() {
                        report.problem(
                            &format!("{path}.kubernetes_resources[{n}].kind"),
                            "names a kind, or is \"*\"",
                        );
                    }
                    RequestKind {
                        kind: kind.kind.as_str().into(),
                        api_group: kind.api_group.as_deref().map(Into::into),
                    }
                })
                .collect()
        }),
    }
}

fn thresholds(report: &mut Report, specs: &[ThresholdSpec], path: &str) -> Vec<Threshold> {
    let mut list = Vec::new();
    for (n, spec) in specs.iter().enumerate() {
        let path = format!("{path}[{n}]");
        if spec.all_of.len() > THRESHOLDS_MAX {
            report.problem(
                &format!("{path}.all_of"),
                format!("has at most {THRESHOLDS_MAX} entries"),
            );
        }
        let parts = spec.all_of.iter().enumerate().map(|(n, part)| {
            let path = format!("{path}.all_of[{n}]");
            if part.approve == Some(0) {
                report.problem(&format!("{path}.approve"), "a part needs at least 1 approval");
            }
            ThresholdPart {
                name: part.name.as_str().into(),
                filter: filter(report, &path, part.filter.as_deref()),
                approve: part.approve.unwrap_or(1),
            }
        });
        let all_of: Vec<_> = parts.collect();
        list.push(Threshold {
            name: spec.name.as_str().into(),
            filter: filter(report, &path, spec.filter.as_deref()),
            approve: spec.approve.unwrap_or(0),
            deny: spec.deny.unwrap_or(0),
            all_of,
        });
    }
    list
}

fn filter(report: &mut Report, path: &str, text: Option<&str>) -> Option<Expr> {
    report.expression(&format!("{path}.filter"), text, Scope::Review)
}

fn claims(report: &mut Report, specs: &[ClaimSpec], path: &str) -> Vec<Claim> {
    let list = specs.iter().enumerate().filter_map(|(n, spec)| {
        let path = format!("{path}[{n}]");
        if spec.claim.is_empty() || spec.roles.is_empty() {
            report.problem(&path, "names a `claim`, its `value` and `roles`");
        }
        let value = report.pattern(&format!("{path}.value"), &spec.value)?;
        let roles = spec.roles.iter().enumerate().filter_map(|(n, role)| {
            claimed_role(report, &format!("{path}.roles[{n}]"), &value, role)
        });
        let roles = roles.collect();
        Some(Claim { claim: spec.claim.as_str().into(), value, roles })
    });
    list.collect()
}

fn claimed_role(
    report: &mut Report,
    path: &str,
    value: &Pattern,
    role: &str,
) -> Option<ClaimedRole> {
    let pattern = report.pattern(path, role)?;
    if !value.fills(role) {
        return Some(ClaimedRole::Fixed(pattern));
    }
    if role.starts_with('^') {
        report.problem(
            path,
            "`$1` stands in a name or a glob like `$1-*`, not in a regular expression",
        );
        return None;
    }
    Some(ClaimedRole::Filled(role.into()))
}

fn review_of(report: &mut Report, spec: &ReviewSpec, path: &str) -> ReviewConditions {
    ReviewConditions {
        roles: report.patterns(&format!("{path}.roles"), &spec.roles),
        claims_to_roles: claims(report, &spec.claims_to_roles, &format!("{path}.claims_to_roles")),
        condition: report.expression(
            &format!("{path}.where"),
            spec.where_.as_deref(),
            Scope::Review,
        ),
        preview_as_roles: report
            .patterns(&format!("{path}.preview_as_roles"), &spec.preview_as_roles),
    }
}

fn joins(report: &mut Report, spec: &ConditionsSpec, checked: &mut Conditions, side: &str) {
    let join = spec.join_sessions.iter().enumerate().map(|(n, join)| {
        let path = format!("spec.{side}.join_sessions[{n}]");
        JoinPolicy {
            name: join.name.as_str().into(),
            roles: report.patterns(&format!("{path}.roles"), &join.roles),
            kinds: any_of(report, &format!("{path}.kinds"), &join.kinds),
            modes: any_of(report, &format!("{path}.modes"), &join.modes),
        }
    });
    checked.join_sessions = join.collect();
    if side == SIDE_DENY && !spec.require_session_join.is_empty() {
        report.problem("spec.deny.require_session_join", "belongs under spec.allow");
        return;
    }
    for (n, require) in spec.require_session_join.iter().enumerate() {
        let path = format!("spec.{side}.require_session_join[{n}]");
        let Ok(everyone) = Expr::parse("true", Scope::Join) else { continue };
        let filter =
            report.expression(&format!("{path}.filter"), Some(&require.filter), Scope::Join);
        checked.require_session_join.push(RequireJoin {
            name: require.name.as_str().into(),
            filter: filter.unwrap_or(everyone),
            kinds: any_of(report, &format!("{path}.kinds"), &require.kinds),
            count: require.count,
            modes: any_of(report, &format!("{path}.modes"), &require.modes),
            on_leave: require.on_leave.as_deref().unwrap_or_default().parse().unwrap_or_else(
                |error: crate::join::UnknownJoinWord| {
                    report.problem(&format!("{path}.on_leave"), error.to_string());
                    crate::join::OnLeave::Terminate
                },
            ),
        });
    }
}
