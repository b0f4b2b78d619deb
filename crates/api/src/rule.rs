//! Access monitoring rules: what reviews requests by itself, or tells someone of them.
//!
//! ```yaml
//! kind: access_monitoring_rule
//! version: v1
//! metadata:
//!   name: viewers-in-office-hours
//! spec:
//!   subjects: [access_request]
//!   condition: access_request.spec.roles.contains("viewer")
//!   desired_state: reviewed
//!   automatic_review:
//!     integration: builtin
//!     decision: APPROVED
//!   schedules:
//!     office:
//!       time:
//!         timezone: Europe/Vienna
//!         shifts:
//!           - { weekday: Monday, start: "09:00", end: "17:00" }
//! ```

use crate::{document::Metadata, problem::FieldProblem, request::NewRequest};
use access::{
    expr::Expr,
    review::Decision,
    rule::{Finding, Notification, Rule},
    schedule::{Schedule, Shift},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Display};
use utoipa::ToSchema;

/// The only thing rules are about, so far.
const SUBJECT: &str = "access_request";

/// The reviewer which is the house itself.
const BUILTIN: &str = "builtin";

/// The most schedules and the most recipients of one rule.
const MAX_ENTRIES: usize = 100;

/// `kind: access_monitoring_rule`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// Always `access_monitoring_rule`.
    pub kind: String,
    /// Always `v1`.
    pub version: String,
    /// Name.
    pub metadata: Metadata,
    /// The rule.
    pub spec: RuleSpec,
}

/// Body of `POST /v1/rule-tests`: what a rule would have said, without saying it.
///
/// Without `requests` and `made_up`: of the newest requests there are.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTest {
    /// The rule, written already or not.
    pub rule: RuleDocument,
    /// Of these past requests, by id.
    #[serde(default)]
    pub requests: Vec<String>,
    /// Of a request nobody has made: as it would be filed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_up: Option<NewRequest>,
    /// When the request nobody has made would be made; now unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Of how many of the newest requests: 100 unless told, 1000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What a rule would have said, with the roles, traits and labels of today.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct RuleTested {
    /// One for each request.
    pub findings: Vec<RuleFinding>,
}

/// What a rule would have said of one request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct RuleFinding {
    /// The request; absent for one nobody has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// For whom it is.
    pub user: String,
    /// The roles asked for.
    pub roles: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What the rule would have done.
    pub verdict: RuleVerdict,
}

/// What a rule makes of a request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleVerdict {
    /// It would approve.
    Approves,
    /// It would deny.
    Denies,
    /// Its condition does not hold.
    NoMatch,
    /// It matches, and only tells someone.
    Notifies,
    /// Its condition holds, but not at that hour.
    OutOfHours,
}

impl From<Finding> for RuleVerdict {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Decides(Decision::Approve) => Self::Approves,
            Finding::Decides(Decision::Deny) => Self::Denies,
            Finding::NoMatch => Self::NoMatch,
            Finding::Notifies => Self::Notifies,
            Finding::OutOfHours => Self::OutOfHours,
        }
    }
}

/// What a rule does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// What it is about: `[access_request]`.
    pub subjects: Vec<String>,
    /// When it matches: an expression over `access_request.spec…` and `user…`.
    pub condition: String,
    /// `reviewed` for a rule that decides; absent for one that only notifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_state: Option<String>,
    /// What it decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic_review: Option<AutomaticReview>,
    /// Whom it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<NotificationSpec>,
    /// In which hours it acts, by names of their own; none: always.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<String, ScheduleSpec>,
}

/// What a rule decides.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AutomaticReview {
    /// Who reviews: `builtin`.
    pub integration: String,
    /// `APPROVED` or `DENIED`.
    pub decision: String,
}

/// Whom a rule tells.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationSpec {
    /// By which integration.
    pub name: String,
    /// Channels, addresses or users, as that integration names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
}

/// When a rule acts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// Hours of the week.
    pub time: TimeSpec,
}

/// Hours of the week.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeSpec {
    /// The time zone's name in the IANA database; empty: UTC.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub timezone: String,
    /// The hours.
    pub shifts: Vec<ShiftSpec>,
}

/// Hours of one weekday, both ends inclusive.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShiftSpec {
    /// The day: `Monday`.
    pub weekday: String,
    /// The first minute: `09:00`.
    pub start: String,
    /// The last minute: `17:00`.
    pub end: String,
}

impl TryFrom<&RuleDocument> for Rule {
    type Error = Vec<FieldProblem>;

    /// The rule as the law knows it, or every field that is wrong.
    fn try_from(document: &RuleDocument) -> Result<Self, Vec<FieldProblem>> {
        let spec = &document.spec;
        let mut problems = Vec::new();
        let name = keep("metadata.name", document.metadata.name.parse(), &mut problems);
        let condition =
            keep("spec.condition", Expr::parse(&spec.condition, Self::SCOPE), &mut problems);
        if spec.subjects != [SUBJECT] {
            problems.push(wrong("spec.subjects", format!("expected [{SUBJECT}]")));
        }
        let decision = decision(spec, &mut problems);
        let notification = notification(spec, &mut problems);
        let schedules = schedules(spec, &mut problems);
        if decision.is_none() && notification.is_none() && problems.is_empty() {
            problems.push(wrong(
                "spec",
                "a rule that neither decides nor tells does nothing: add automatic_review or notification",
            ));
        }
        match (name, condition) {
            (Some(name), Some(condition)) if problems.is_empty() => {
                Ok(Self { name, condition, schedules, decision, notification })
            }
            (Some(_) | None, Some(_) | None) => Err(problems),
        }
    }
}

fn decision(spec: &RuleSpec, problems: &mut Vec<FieldProblem>) -> Option<Decision> {
    match (spec.desired_state.as_deref(), &spec.automatic_review) {
        (None | Some("reviewed"), None) => None,
        (Some("reviewed"), Some(review)) => {
            if review.integration != BUILTIN {
                problems.push(wrong(
                    "spec.automatic_review.integration",
                    format!("there is no reviewer of this name; write `{BUILTIN}`"),
                ));
            }
            keep("spec.automatic_review.decision", review.decision.parse(), problems)
        }
        (None, Some(_)) => {
            problems.push(wrong("spec.desired_state", "write `reviewed` for a rule that decides"));
            None
        }
        (Some(_), _) => {
            problems.push(wrong("spec.desired_state", "expected `reviewed`"));
            None
        }
    }
}

fn notification(spec: &RuleSpec, problems: &mut Vec<FieldProblem>) -> Option<Notification> {
    let own = spec.notification.as_ref()?;
    if own.recipients.len() > MAX_ENTRIES {
        problems.push(wrong("spec.notification.recipients", format!("more than {MAX_ENTRIES}")));
    }
    Some(Notification {
        integration: own.name.as_str().into(),
        recipients: own.recipients.iter().map(|name| name.as_str().into()).collect(),
    })
}

fn schedules(spec: &RuleSpec, problems: &mut Vec<FieldProblem>) -> BTreeMap<Box<str>, Schedule> {
    if spec.schedules.len() > MAX_ENTRIES {
        problems.push(wrong("spec.schedules", format!("more than {MAX_ENTRIES}")));
    }
    let mut schedules = BTreeMap::new();
    for (name, schedule) in &spec.schedules {
        let path = format!("spec.schedules.{name}.time");
        let shifts = (0..).zip(&schedule.time.shifts).filter_map(|(at, shift): (usize, _)| {
            let read = Shift::parse(&shift.weekday, &shift.start, &shift.end);
            keep(&format!("{path}.shifts[{at}]"), read, problems)
        });
        let shifts: Vec<Shift> = shifts.collect();
        if shifts.len() < schedule.time.shifts.len() {
            continue;
        }
        if let Some(read) = keep(&path, Schedule::new(&schedule.time.timezone, shifts), problems) {
            schedules.insert(name.as_str().into(), read);
        }
    }
    schedules
}

fn keep<T, E: Display>(
    path: &str,
    read: Result<T, E>,
    problems: &mut Vec<FieldProblem>,
) -> Option<T> {
    read.map_err(|error| problems.push(wrong(path, error))).ok()
}

fn wrong(path: &str, message: impl Display) -> FieldProblem {
    FieldProblem { path: path.to_owned(), message: message.to_string(), ..FieldProblem::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const GOOD: &str = r#"
kind: access_monitoring_rule
version: v1
metadata: {name: viewers}
spec:
  subjects: [access_request]
  condition: access_request.spec.roles.contains("viewer")
  desired_state: reviewed
  automatic_review: {integration: builtin, decision: APPROVED}
  schedules:
    office:
      time:
        timezone: Europe/Vienna
        shifts: [{weekday: Monday, start: "09:00", end: "17:00"}]
"#;

    fn read(text: &str) -> Result<Rule, Vec<FieldProblem>> {
        Rule::try_from(&crate::document::typed::<RuleDocument>(text)?)
    }

    fn problems(text: &str, expected: Expect) {
        let problems = read(text).unwrap_err();
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_rule_is_read_as_it_is_meant() {
        let rule = read(GOOD).unwrap();
        assert_eq!(rule.decision, Some(Decision::Approve));
        assert!(rule.schedules["office"].contains("2026-03-02T08:00:00Z".parse().unwrap()));
        assert!(!rule.schedules["office"].contains("2026-03-02T07:59:59Z".parse().unwrap()));
    }

    #[test]
    fn every_problem_is_named_with_its_field() {
        problems(
            r#"
kind: access_monitoring_rule
version: v1
metadata: {name: "no name"}
spec:
  subjects: [login]
  condition: access_request.spec.colour == "red"
  desired_state: reviewed
  automatic_review: {integration: slack, decision: PROMOTED}
  schedules:
    night:
      time:
        timezone: Europe/Wien
        shifts: [{weekday: Monday, start: "09:00", end: "10:00"}]
    odd:
      time:
        shifts: [{weekday: Monday, start: "17:00", end: "09:00"}, {weekday: Lunes, start: "1", end: "2"}]
"#,
            expect![[r#"
                metadata.name: a rule name cannot contain ' ' (byte 2): allowed are letters, digits and `._-`
                spec.condition: parse error at column 20: unknown name `access_request.spec.colour`; there are access_request.spec.roles, access_request.spec.request_reason, access_request.spec.system_annotations, access_request.spec.user, access_request.spec.suggested_reviewers, access_request.spec.resource_labels_intersection, access_request.spec.resource_labels_union, user.name, user.metadata.name, user.roles, user.spec.roles, user.traits, user.spec.traits
                spec.subjects: expected [access_request]
                spec.automatic_review.integration: there is no reviewer of this name; write `builtin`
                spec.automatic_review.decision: state promoted can be only set when promoting to access list
                spec.schedules.night.time: there is no time zone `Europe/Wien`: write it like `Europe/Vienna` or `UTC`
                spec.schedules.odd.time.shifts[0]: a shift ends after it starts: write one that passes midnight as two, of two days
                spec.schedules.odd.time.shifts[1]: there is no weekday `Lunes`: write it like `Monday`"#]],
        );
    }

    #[test]
    fn a_rule_that_does_nothing_is_refused() {
        let text = GOOD
            .replace("  desired_state: reviewed\n", "")
            .replace("  automatic_review: {integration: builtin, decision: APPROVED}\n", "");
        problems(
            &text,
            expect![
                "spec: a rule that neither decides nor tells does nothing: add automatic_review or notification"
            ],
        );
    }
}
