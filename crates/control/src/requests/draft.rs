//! From what was sent to what the law reads.

use crate::Failure;
use access::request::{Command, Draft, Opening};
use access::review::Decision;
use api::problem::FieldProblem;
use api::request::{self as shape, NewRequest, NewReview, Override};
use std::str::FromStr;

/// The draft of a body, or every field of it that cannot be read.
pub(crate) fn draft(body: NewRequest) -> Result<Draft, Failure> {
    let mut problems = Vec::new();
    let mut resources = Vec::new();
    for (number, text) in body.resources.iter().enumerate() {
        if let Some(id) = parsed(text, &format!("resources[{number}]"), &mut problems) {
            resources.push(id);
        }
    }
    let login_hint = body.login.as_deref().and_then(|text| parsed(text, "login", &mut problems));
    let extends = body.extends.as_deref().and_then(|text| parsed(text, "extends", &mut problems));
    let user = body.user.as_deref().and_then(|text| parsed(text, "user", &mut problems));
    if !problems.is_empty() {
        return Err(Failure::fields(problems));
    }
    Ok(Draft {
        user,
        roles: body.roles,
        resources,
        reason: body.reason,
        duration: body.duration.map(|span| span.0),
        pending_ttl: body.answer_within.map(|span| span.0),
        assume_start: body.assume_start,
        login_hint,
        suggested_reviewers: body.suggested_reviewers,
        extends,
        opening: Opening::Pending,
    })
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(
    text: &str,
    path: &str,
    problems: &mut Vec<FieldProblem>,
) -> Option<T> {
    text.parse()
        .map_err(|error: T::Err| {
            problems.push(FieldProblem {
                path: path.to_owned(),
                message: error.to_string(),
                ..FieldProblem::default()
            });
        })
        .ok()
}

/// The command of a review. What only an approval can carry is refused with a denial.
pub(super) fn review(body: NewReview) -> Result<Command, Failure> {
    match body.decision {
        shape::Decision::Approve => Ok(Command::Approve {
            reason: body.reason,
            assume_start: body.assume_start,
            duration: body.duration.map(|span| span.0),
        }),
        shape::Decision::Deny if body.duration.is_some() => {
            Err(Failure::field("duration", "only with an approval"))
        }
        shape::Decision::Deny if body.assume_start.is_some() => {
            Err(Failure::field("assume_start", "only with an approval"))
        }
        shape::Decision::Deny => Ok(Command::Deny { reason: body.reason }),
    }
}

/// The command of an override.
pub(super) fn over(body: Override) -> Result<Command, Failure> {
    let decision = match body.decision {
        shape::Decision::Approve => Decision::Approve,
        shape::Decision::Deny => Decision::Deny,
    };
    if decision == Decision::Deny && body.duration.is_some() {
        return Err(Failure::field("duration", "only with an approval"));
    }
    Ok(Command::Override {
        decision,
        reason: body.reason,
        roles: None,
        assume_start: None,
        duration: body.duration.map(|span| span.0),
    })
}
