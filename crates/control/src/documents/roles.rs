//! Roles: what their holders may do. Checked when written, so that a broken one never gets in.

use super::{Kept, Mode, page, read, remove, write};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, List, Text},
};
use access::name::RoleName;
use access::target::Labels;
use api::document::{Kind, Written};
use api::endpoints::documents as table;
use api::page::Page;
use api::problem::{FieldProblem, Problem};
use api::role::RoleDocument;
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use store::kv::Commit;

/// How many holders of a role are named when it cannot be removed.
const NAMED: usize = 10;

impl Kept for RoleDocument {
    const KIND: Kind = Kind::Role;

    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    fn revision(&mut self) -> &mut Option<u64> {
        &mut self.metadata.revision
    }

    fn check(&self, _: &Control) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let (_, warnings) = self.role()?;
        let told = warnings.into_iter().map(|warning| FieldProblem {
            path: warning.path,
            message: warning.message,
            ..FieldProblem::default()
        });
        Ok(told.collect())
    }
}

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::ROLE_LIST, list)
        .on(&table::ROLE_CREATE, create)
        .on(&table::ROLE_SHOW, show)
        .on(&table::ROLE_PUT, put)
        .on(&table::ROLE_DELETE, delete)
}

async fn list(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<RoleDocument>> {
    Ok(Json(page(&control, &caller, &query).await?))
}

async fn create(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<Written> {
    let (document, warnings) = read::<RoleDocument>(&control, &text, None)?;
    Ok(Json(write(&control, &caller, document, warnings, Mode::Create, Commit::new()).await?))
}

async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<RoleDocument> {
    Ok(Json(super::show(&control, &caller, &name).await?))
}

async fn put(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Text(text): Text,
) -> Answer<Written> {
    let (document, warnings) = read::<RoleDocument>(&control, &text, Some(&name))?;
    Ok(Json(write(&control, &caller, document, warnings, Mode::Put, Commit::new()).await?))
}

/// A role that somebody holds stays: taking it away from everyone at once is rarely what is meant, and
/// never what is seen.
async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let role: RoleName = name.parse().map_err(|_| Problem::not_found())?;
    control.caught_up().await;
    let holders: Vec<String> = control
        .store()
        .policy()
        .read(|policy| policy.holders(&role).map(|user| user.name.to_string()).collect());
    if !holders.is_empty() {
        let more = holders.len().saturating_sub(NAMED);
        let mut named: Vec<&str> = holders.iter().take(NAMED).map(String::as_str).collect();
        let rest = format!("{more} more");
        if more > 0 {
            named.push(&rest);
        }
        let detail = format!("role `{role}` is held by {}", named.join(", "));
        return Err(Problem::conflict("role.in_use", detail)
            .hint("take it from these users first: tctl edit user/NAME")
            .into());
    }
    remove::<RoleDocument>(&control, &caller, &name, Commit::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}
