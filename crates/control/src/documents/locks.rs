//! Locks: who or what is kept out, at once.

use super::{Kept, Mode, load, page, read, remove, write};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, List, Text},
};
use access::lock::Lock;
use api::document::{Kind, Metadata, Written};
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
    const VERSIONS: &'static [&'static str] = &["v1", "v2"];

    fn kind(&self) -> &str {
        &self.kind
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    fn check(&self, control: &Control) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        Lock::try_from(self)?;
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

async fn list(State(control): State<Control>, query: List) -> Answer<Page<LockDocument>> {
    Ok(Json(page(&control, query.limit()?, query.cursor()?).await?))
}

async fn create(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<Written> {
    let (document, warnings) = read::<LockDocument>(&control, &text, None)?;
    Ok(Json(write(&control, &caller, document, warnings, Mode::Create, Commit::new()).await?))
}

async fn show(State(control): State<Control>, Path(name): Path<String>) -> Answer<LockDocument> {
    Ok(Json(load(&control, &name).await?))
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
    remove(&control, &caller, Kind::Lock, &name, Commit::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}
