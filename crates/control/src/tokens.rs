//! Tokens: machines log in as a user without a person at hand.
//!
//! ```text
//!  /token/<name>            the document
//!  /token-digest/<digest>   the name, found by what a machine shows
//!  /token-of/<name>         the digest, so that removing the document ends the secret
//! ```

use access::name::{TokenName, UserName};
use api::audit::{NewEvent, code};
use api::document::Kind;
use api::endpoints::users as table;
use api::login::LoginAnswer;
use api::page::Page;
use api::problem::{FieldProblem, Problem};
use api::token::{NewToken, TokenDocument, TokenLogin};
use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use jiff::SignedDuration;
use store::documents::{self, StoredDocument};
use store::kv::{Absent, Commit};

use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body, List, Text},
    login::{self, How, Issue},
};

/// The furthest end of a token.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(366 * 24);

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::TOKEN_LIST, list)
        .on(&table::TOKEN_CREATE, create)
        .on(&table::TOKEN_SHOW, show)
        .on(&table::TOKEN_DELETE, delete)
}

fn digest_key(digest: &str) -> String {
    format!("/token-digest/{digest}")
}

fn digest_of_key(name: &str) -> String {
    format!("/token-of/{name}")
}

/// `GET /v1/tokens`
async fn list(State(control): State<Control>, query: List) -> Answer<Page<TokenDocument>> {
    let documents = control.store().documents();
    let (found, more) = documents
        .list(Kind::Token, query.cursor()?, query.limit()?)
        .await
        .map_err(Failure::internal)?;
    let next = found.last().filter(|_| more).map(|last| last.name.clone());
    let items = found.into_iter().map(decode).collect::<Result<_, _>>()?;
    Ok(Json(Page { items, next }))
}

/// `POST /v1/tokens`
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<NewToken> {
    let mut document: TokenDocument = api::document::typed(&text).map_err(Failure::fields)?;
    check(&control, &document)?;
    document.metadata.revision = None;
    let name = document.metadata.name.clone();
    let secret = login::bearer();
    let digest = login::digest(&secret);
    let value = serde_json::to_value(&document).map_err(Failure::internal)?;
    let event = caller
        .sign(NewEvent::new(code::TOKEN_CREATED, control.now()))
        .target(format!("token/{name}"))
        .with("for", document.spec.user.as_str())
        .with("expires", document.spec.expires.to_string());
    let commit = documents::put(Kind::Token, &name, &value, Absent)
        .map_err(Failure::internal)?
        .put(digest_key(&digest), name.clone())
        .put(digest_of_key(&name), digest)
        .event(event);
    let revision =
        control.store().commit(commit).await.map_err(|error| match error.is_conflict() {
            true => Problem::conflict("exists", format!("token `{name}` exists already"))
                .hint(format!("tctl rm token/{name}"))
                .into(),
            false => Failure::from(error),
        })?;
    Ok(Json(NewToken { name, secret, revision: revision.0 }))
}

/// `GET /v1/tokens/{name}`
async fn show(State(control): State<Control>, Path(name): Path<String>) -> Answer<TokenDocument> {
    Ok(Json(decode(load(&control, &name).await?)?))
}

/// `DELETE /v1/tokens/{name}`
async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    let seen = load(&control, &name).await?.revision;
    let mut commit = documents::remove(Kind::Token, &name, seen).delete(digest_of_key(&name));
    if let Some(entry) = control.store().load(digest_of_key(&name)).await?
        && let Ok(digest) = std::str::from_utf8(&entry.value)
    {
        commit = commit.delete(digest_key(digest));
    }
    let event = caller
        .sign(NewEvent::new(code::TOKEN_REMOVED, control.now()))
        .target(format!("token/{name}"));
    control.store().commit(commit.event(event)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/login/token`
pub(crate) async fn log_in(
    State(control): State<Control>,
    caller: Caller,
    Body(wish): Body<TokenLogin>,
) -> Answer<LoginAnswer> {
    control.doors().knock(&caller, control.now())?;
    let Some((user, commit)) = bearer_of(&control, &wish.token).await? else {
        let event = NewEvent::new(code::LOGIN_FAILED, control.now())
            .with("from", caller.name())
            .with("reason", "no such token, or not any more");
        control.store().commit(Commit::new().event(event)).await?;
        return Err(login::refused());
    };
    let issue = Issue { user: &user, how: How::Token, ttl: None, caller: &caller };
    let (answer, issued) = login::issue(&control, &issue, &wish.keys)?;
    let ended = login::forget_ended(&control, &user).await?;
    match control.store().commit(commit.and(issued).and(ended)).await {
        Ok(_) => Ok(Json(answer)),
        // The token was removed a moment ago.
        Err(error) if error.is_conflict() => Err(login::refused()),
        Err(error) => Err(error.into()),
    }
}

/// Whom a token speaks for now, and what must hold when its login is committed.
async fn bearer_of(control: &Control, secret: &str) -> Result<Option<(UserName, Commit)>, Failure> {
    if !login::is_bearer(secret) {
        return Ok(None);
    }
    let Some(entry) = control.store().load(digest_key(&login::digest(secret))).await? else {
        return Ok(None);
    };
    let name = String::from_utf8_lossy(&entry.value).into_owned();
    let found = control.store().documents().load(Kind::Token, &name).await;
    let Some(found) = found.map_err(Failure::internal)? else { return Ok(None) };
    let seen = found.revision;
    let document = decode(found)?;
    let Ok(user) = document.spec.user.parse::<UserName>() else { return Ok(None) };
    let Some(still_there) = crate::users::enabled(control, &user).await? else { return Ok(None) };
    if control.now() >= document.spec.expires {
        return Ok(None);
    }
    let event =
        NewEvent::new(code::TOKEN_USED, control.now()).user(&user).target(format!("token/{name}"));
    let commit = still_there.expecting(documents::key(Kind::Token, &name), seen).event(event);
    Ok(Some((user, commit)))
}

fn check(control: &Control, document: &TokenDocument) -> Result<(), Failure> {
    let mut problems = Vec::new();
    let mut wrong = |path: &str, message: String| {
        problems.push(FieldProblem { path: path.to_owned(), message, ..FieldProblem::default() });
    };
    if document.kind != "token" {
        wrong("kind", "expected `token`".to_owned());
    }
    if document.version != "v1" {
        wrong("version", "expected `v1`".to_owned());
    }
    if let Err(error) = document.metadata.name.parse::<TokenName>() {
        wrong("metadata.name", error.to_string());
    }
    let user = document.spec.user.parse::<UserName>();
    let known = user
        .as_ref()
        .is_ok_and(|user| control.store().policy().read(|policy| policy.user(user).is_some()));
    if !known {
        wrong("spec.user", format!("there is no user `{}`", document.spec.user.escape_debug()));
    }
    let left = document.spec.expires.duration_since(control.now());
    if !left.is_positive() || left > LONGEST_LIFE {
        wrong("spec.expires", "must lie between now and a year from now".to_owned());
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::fields(problems)) }
}

async fn load(control: &Control, name: &str) -> Result<StoredDocument, Failure> {
    if name.parse::<TokenName>().is_err() {
        return Err(Problem::not_found().into());
    }
    let found = control.store().documents().load(Kind::Token, name).await;
    Ok(found.map_err(Failure::internal)?.ok_or_else(Problem::not_found)?)
}

fn decode(stored: StoredDocument) -> Result<TokenDocument, Failure> {
    let mut document: TokenDocument =
        serde_json::from_value(stored.value).map_err(Failure::internal)?;
    document.metadata.revision = Some(stored.revision.0);
    Ok(document)
}
