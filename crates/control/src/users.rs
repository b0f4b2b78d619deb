//! Users: documents, invites, and what goes with them when they go.

use access::name::UserName;
use api::audit::{NewEvent, code};
use api::document::{Kind, Written};
use api::endpoints::users as table;
use api::page::Page;
use api::problem::{FieldProblem, Problem};
use api::user::{Invite, NewInvite, UserDocument};
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use store::documents;
use store::kv::{Absent, Commit, Expect, Revision};

use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body, List, Text},
    login,
};

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::USER_LIST, list)
        .on(&table::USER_CREATE, create)
        .on(&table::USER_SHOW, show)
        .on(&table::USER_PUT, put)
        .on(&table::USER_DELETE, delete)
        .on(&table::USER_INVITE, invite)
}

/// `GET /v1/users`
async fn list(State(control): State<Control>, query: List) -> Answer<Page<UserDocument>> {
    let documents = control.store().documents();
    let (found, more) = documents
        .list(Kind::User, query.cursor()?, query.limit()?)
        .await
        .map_err(Failure::internal)?;
    let next = found.last().filter(|_| more).map(|last| last.name.clone());
    let items = found.into_iter().map(decode).collect::<Result<_, _>>()?;
    Ok(Json(Page { items, next }))
}

/// `POST /v1/users`
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<Written> {
    let document = read(&text, None)?;
    let name = document.metadata.name.clone();
    if load(&control, &name).await?.is_some() {
        return Err(Problem::conflict("exists", format!("user `{name}` exists already"))
            .hint(format!("tctl edit user/{name}"))
            .into());
    }
    Ok(Json(write(&control, &caller, document, Absent.into()).await?))
}

/// `GET /v1/users/{name}`
async fn show(State(control): State<Control>, Path(name): Path<String>) -> Answer<UserDocument> {
    let (document, _) = load(&control, &name).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(document))
}

/// `PUT /v1/users/{name}`
async fn put(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Text(text): Text,
) -> Answer<Written> {
    let document = read(&text, Some(&name))?;
    let seen = load(&control, &name).await?.map(|(_, revision)| revision);
    let expect: Expect = match document.metadata.revision {
        Some(claimed) => Revision(claimed).into(),
        None => seen.into(),
    };
    Ok(Json(write(&control, &caller, document, expect).await?))
}

/// `DELETE /v1/users/{name}`
async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let (_, seen) = load(&control, &name).await?.ok_or_else(Problem::not_found)?;
    let user: UserName = name.parse().map_err(|_| Problem::not_found())?;
    let event = caller
        .sign(NewEvent::new(code::USER_REMOVED, control.now()))
        .target(format!("user/{user}"));
    let commit = documents::remove(Kind::User, &name, seen)
        .delete(login::credential_key(&user))
        .delete(login::failures_key(&user))
        .and(login::invite::withdraw(&control, &user).await?)
        .event(event);
    commit_and_wait(&control, commit).await?;
    // Certificates outlive the record: were someone of this name made again, they must stay dead.
    login::end_all(&control, &caller, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/users/{name}/invite`: for someone new, or instead of what they logged in with before.
async fn invite(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    Body(wish): Body<NewInvite>,
) -> Answer<Invite> {
    let (_, seen) = load(&control, &name).await?.ok_or_else(Problem::not_found)?;
    let user: UserName = name.parse().map_err(|_| Problem::not_found())?;
    let life = wish.ttl.map_or(login::invite::DEFAULT_LIFE, |ttl| ttl.0);
    if !life.is_positive() || life > login::invite::LONGEST_LIFE {
        return Err(Failure::field("ttl", "an invite holds for one second to seven days"));
    }
    let had = control.store().load(login::credential_key(&user)).await?.is_some();
    let (invite, commit) = login::invite::make(&control, &user, life).await?;
    let event = caller
        .sign(NewEvent::new(code::USER_INVITED, control.now()))
        .target(format!("user/{user}"))
        .with("expires", invite.expires.to_string());
    // The user must still be there when the invite is made.
    let commit = commit.expecting(documents::key(Kind::User, &name), seen).event(event);
    let commit = match had {
        true => commit.and(login::forget(&control, &caller, &user)),
        false => commit,
    };
    commit_and_wait(&control, commit).await?;
    if had {
        login::end_all(&control, &caller, &user).await?;
    }
    Ok(Json(invite))
}

/// Whether there is such a user and they may log in: the commit that holds only while it is so.
pub(crate) async fn enabled(control: &Control, user: &UserName) -> Result<Option<Commit>, Failure> {
    let found = load(control, user.as_str()).await?;
    Ok(found.filter(|(document, _)| !document.spec.disabled).map(|(_, revision)| {
        Commit::new().expecting(documents::key(Kind::User, user.as_str()), revision)
    }))
}

/// A document that may stand, or every field that is wrong.
fn read(text: &str, name: Option<&str>) -> Result<UserDocument, Failure> {
    let document: UserDocument = api::document::typed(text).map_err(Failure::fields)?;
    let mut problems = document.user().err().unwrap_or_default();
    if name.is_some_and(|name| name != document.metadata.name) {
        problems.push(FieldProblem {
            path: "metadata.name".to_owned(),
            message: "differs from the name in the path; a user cannot be renamed".to_owned(),
            ..FieldProblem::default()
        });
    }
    if problems.is_empty() { Ok(document) } else { Err(Failure::fields(problems)) }
}

async fn load(control: &Control, name: &str) -> Result<Option<(UserDocument, Revision)>, Failure> {
    // A name that could never have been written is one that is not there.
    if name.parse::<UserName>().is_err() {
        return Ok(None);
    }
    let found = control.store().documents().load(Kind::User, name).await;
    let Some(found) = found.map_err(Failure::internal)? else { return Ok(None) };
    let revision = found.revision;
    Ok(Some((decode(found)?, revision)))
}

fn decode(stored: documents::StoredDocument) -> Result<UserDocument, Failure> {
    let mut document: UserDocument =
        serde_json::from_value(stored.value).map_err(Failure::internal)?;
    document.metadata.revision = Some(stored.revision.0);
    Ok(document)
}

async fn write(
    control: &Control,
    caller: &Caller,
    mut document: UserDocument,
    expect: Expect,
) -> Result<Written, Failure> {
    document.metadata.revision = None;
    let created = expect == Absent.into();
    let name = document.metadata.name.clone();
    let value = serde_json::to_value(&document).map_err(Failure::internal)?;
    let kind = if created { code::USER_CREATED } else { code::USER_UPDATED };
    let event = caller
        .sign(NewEvent::new(kind, control.now()))
        .target(format!("user/{name}"))
        .with("spec", serde_json::to_value(&document.spec).map_err(Failure::internal)?);
    let commit =
        documents::put(Kind::User, &name, &value, expect).map_err(Failure::internal)?.event(event);
    let revision = commit_and_wait(control, commit).await?;
    let warnings = unknown_roles(control, &document);
    Ok(Written { kind: "user".to_owned(), name, revision: revision.0, created, warnings })
}

/// Roles that do not exist give nothing now, and everything they say once someone writes them.
fn unknown_roles(control: &Control, document: &UserDocument) -> Vec<FieldProblem> {
    let known = |role: &str| {
        role.parse()
            .is_ok_and(|role| control.store().policy().read(|policy| policy.role(&role).is_some()))
    };
    let roles = document.spec.roles.iter().enumerate();
    roles
        .filter(|(_, role)| !known(role))
        .map(|(at, role)| FieldProblem {
            path: format!("spec.roles[{at}]"),
            message: format!("there is no role `{role}` yet"),
            ..FieldProblem::default()
        })
        .collect()
}

/// Commits, and waits until this process decides by it.
pub(crate) async fn commit_and_wait(
    control: &Control,
    commit: Commit,
) -> Result<Revision, Failure> {
    let revision = control.store().commit(commit).await?;
    control.store().policy().at_least(revision).await;
    Ok(revision)
}
