//! Access monitoring rules: reviews by the house, when a condition holds.

use super::{Kept, Mode, check_head, page, read, remove, write};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, List, Text},
};
use access::rule::Rule;
use access::target::Labels;
use api::document::{Kind, Written};
use api::endpoints::documents as table;
use api::page::Page;
use api::problem::FieldProblem;
use api::rule::RuleDocument;
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use store::kv::Commit;

impl Kept for RuleDocument {
    const KIND: Kind = Kind::AccessMonitoringRule;

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
        let mut problems = Vec::new();
        check_head((&self.kind, &self.version), Self::KIND, &["v1"], &mut problems);
        if let Err(found) = Rule::try_from(self) {
            problems.extend(found);
        }
        if problems.is_empty() { Ok(Vec::new()) } else { Err(problems) }
    }
}

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::RULE_LIST, list)
        .on(&table::RULE_CREATE, create)
        .on(&table::RULE_SHOW, show)
        .on(&table::RULE_PUT, put)
        .on(&table::RULE_DELETE, delete)
}

async fn list(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<RuleDocument>> {
    Ok(Json(page(&control, &caller, &query).await?))
}

async fn create(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<Written> {
    let (document, warnings) = read::<RuleDocument>(&control, &text, None)?;
    Ok(Json(write(&control, &caller, document, warnings, Mode::Create, Commit::new()).await?))
}

async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<RuleDocument> {
    Ok(Json(super::show(&control, &caller, &name).await?))
}

async fn put(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Text(text): Text,
) -> Answer<Written> {
    let (document, warnings) = read::<RuleDocument>(&control, &text, Some(&name))?;
    Ok(Json(write(&control, &caller, document, warnings, Mode::Put, Commit::new()).await?))
}

async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    remove::<RuleDocument>(&control, &caller, &name, Commit::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}
