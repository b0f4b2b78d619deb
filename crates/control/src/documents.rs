//! Documents: what administrators write, of every kind.
//!
//! One walk for all kinds: read the text as its kind, check what it means, write it in one commit with
//! its audit event. An edit that carries `metadata.revision` happens only if nobody was faster. A kind
//! is a type that is [`Kept`]; everything else here holds for all of them.
//!
//! ```text
//!  one text  ──► save ─┐                                           ┌► commit
//!                      ├─► read ─► check ─► allowed ─► prepare ────┤
//!  many      ──► batch ┘   shape   meaning  by rules   one commit  └► nothing: a dry run
//! ```

mod apps;
mod batch;
mod databases;
mod find;
mod kube;
mod locks;
mod nodes;
mod roles;
mod rules;
mod settings;
mod write;

pub use databases::{Declared, Readers};
pub(crate) use find::{allowed, decode, fetch, load};
pub(crate) use write::{Beside, check_head, save, sealed, tell};

use crate::http::{Answer, List, Text};
use crate::{Caller, Control, Failure, Routes};
use access::target::Labels;
use api::audit::NewEvent;
use api::document::{Kind, Written};
use api::endpoints::{Endpoint, Verb};
use api::lock::LockDocument;
use api::page::Page;
use api::problem::FieldProblem;
use api::role::RoleDocument;
use api::settings::ClusterSettingsDocument;
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeSet;
use store::kv::Commit;

pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = mount::<RoleDocument>(routes);
    let routes = mount::<LockDocument>(routes);
    let routes = mount::<ClusterSettingsDocument>(routes);
    let routes = kube::routes(apps::routes(routes));
    batch::routes(rules::routes(databases::routes(nodes::routes(routes))))
}

/// The endpoints that every kind has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) list: &'static Endpoint,
    pub(crate) show: &'static Endpoint,
    pub(crate) delete: &'static Endpoint,
    /// Creating and replacing; `None` for a kind that is written in a way of its own, and never replaced.
    pub(crate) write: Option<(&'static Endpoint, &'static Endpoint)>,
}

/// A document that can be kept: a kind of its own.
pub(crate) trait Kept: DeserializeOwned + Serialize + Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;
    /// Where it is read and written.
    const TABLE: Table;

    /// Its name.
    fn name(&self) -> &str;

    /// Its labels.
    fn labels(&self) -> &Labels;

    /// The revision it carries: of what was read, where it is written; of what is kept, where it is read.
    fn revision(&mut self) -> &mut Option<u64>;

    /// What holds, and is shown, while none is written; of most kinds, nothing.
    fn unwritten() -> Option<Self> {
        None
    }

    /// Checks what it means. Gives what the writer may want to know.
    ///
    /// # Errors
    /// Every place that is wrong.
    fn check(&self, desk: &Desk<'_>) -> Result<Vec<FieldProblem>, Vec<FieldProblem>>;

    /// Takes out of the document what is not kept in it, and gives what is written beside it.
    fn settle(
        &mut self,
        _control: &Control,
        _before: Option<&Self>,
    ) -> impl Future<Output = Result<Beside, Failure>> + Send {
        async { Ok(Beside::default()) }
    }

    /// Puts into the event what the audit log shall know of the document.
    fn tell(&self, event: NewEvent, document: Value) -> NewEvent {
        write::tell(event, "document", document)
    }

    /// Whether it may go, and what goes with it.
    fn leave(
        _control: &Control,
        _name: &str,
    ) -> impl Future<Output = Result<Commit, Failure>> + Send {
        async { Ok(Commit::new()) }
    }

    /// What is still to be done when it is gone.
    fn gone(
        _control: &Control,
        _caller: &Caller,
        _name: &str,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }
}

/// What documents are checked against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desk<'a> {
    /// The house.
    pub(crate) control: &'a Control,
    /// What is written in the same commit: documents may refer to each other.
    pub(crate) coming: &'a BTreeSet<(Kind, String)>,
}

impl Desk<'_> {
    /// Whether a document of this name is written in the same commit.
    pub(crate) fn comes(&self, kind: Kind, name: &str) -> bool {
        self.coming.iter().any(|(one, other)| *one == kind && other == name)
    }
}

/// What must hold of the document before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// There is none.
    Create,
    /// There is none, or one of the revision that was read.
    Put,
}

/// Mounts what every kind can do.
pub(crate) fn mount<D: Kept>(routes: Routes) -> Routes {
    let routes = routes
        .on(D::TABLE.list, list::<D>)
        .on(D::TABLE.show, show::<D>)
        .on(D::TABLE.delete, delete::<D>);
    match D::TABLE.write {
        Some((one, other)) => routes.on(one, create::<D>).on(other, put::<D>),
        None => routes,
    }
}

async fn list<D: Kept>(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<D>> {
    Ok(Json(find::page(&control, &caller, &query).await?))
}

async fn show<D: Kept>(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<D> {
    let document = find::shown::<D>(&control, &name).await?;
    find::allowed(&control, &caller, &document, Verb::Read)?;
    Ok(Json(document))
}

async fn create<D: Kept>(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<Written> {
    Ok(Json(save::<D>(&control, &caller, text, None, Mode::Create).await?.written))
}

async fn put<D: Kept>(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Text(text): Text,
) -> Answer<Written> {
    Ok(Json(save::<D>(&control, &caller, text, Some(&name), Mode::Put).await?.written))
}

async fn delete<D: Kept>(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    write::remove::<D>(&control, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
