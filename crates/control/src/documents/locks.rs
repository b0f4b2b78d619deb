//! Locks: who or what is kept out, at once.

use super::{Kept, Mode, check_head, page, read, remove, write};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, List, Text},
};
use access::lock::Lock;
use access::target::Labels;
use api::document::{Kind, Written};
use api::endpoints::documents as table;
use api::lock::LockDocument;
use api::page::Page;
use api::problem::FieldProblem;
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use store::kv::Commit;

impl Kept for LockDocument {
    const KIND: Kind = Kind::Lock;

    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    fn revision(&mut self) -> &mut Option<u64> {
        &mut self.metadata.revision
    }

    fn check(&self, control: &Control) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        check_head((&self.kind, &self.version), Self::KIND, &["v1", "v2"], &mut problems);
        if let Err(found) = Lock::try_from(self) {
            problems.extend(found);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let past = self.spec.expires.filter(|expires| *expires <= control.now());
        Ok(past
            .map(|expires| FieldProblem {
                path: "spec.expires".to_owned(),
                message: format!("{expires} has passed: this lock keeps nobody out"),
                ..FieldProblem::default()
            })
            .into_iter()
            .collect())
    }
}

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::LOCK_LIST, list)
        .on(&table::LOCK_CREATE, create)
        .on(&table::LOCK_SHOW, show)
        .on(&table::LOCK_PUT, put)
        .on(&table::LOCK_DELETE, delete)
}

async fn list(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<LockDocument>> {
    Ok(Json(page(&control, &caller, &query).await?))
}

async fn create(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<Written> {
    let (document, warnings) = read::<LockDocument>(&control, &text, None)?;
    Ok(Json(write(&control, &caller, document, warnings, Mode::Create, Commit::new()).await?))
}

async fn show(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<LockDocument> {
    Ok(Json(super::show(&control, &caller, &name).await?))
}

async fn put(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Text(text): Text,
) -> Answer<Written> {
    let (document, warnings) = read::<LockDocument>(&control, &text, Some(&name))?;
    Ok(Json(write(&control, &caller, document, warnings, Mode::Put, Commit::new()).await?))
}

async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    remove::<LockDocument>(&control, &caller, &name, Commit::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}
