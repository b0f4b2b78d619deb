//! Tokens: machines log in as a user without a person at hand.
//!
//! ```text
//!  /token/<name>            the document
//!  /token-digest/<digest>   the name, found by what a machine shows
//!  /token-of/<name>         the digest, so that removing the document ends the secret
//! ```

use access::name::{TokenName, UserName};
use access::target::Labels;
use api::audit::{NewEvent, code};
use api::document::Kind;
use api::endpoints::users as table;
use api::login::LoginAnswer;
use api::problem::FieldProblem;
use api::token::{NewToken, TokenDocument, TokenLogin};
use axum::{Json, extract::State};
use jiff::SignedDuration;
use serde_json::Value;
use store::documents;
use store::kv::Commit;
use zeroize::Zeroizing;

use crate::documents::{Beside, Desk, Kept, Mode, Table, check_head, decode, fetch, mount, save};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body, Text},
    login::{self, How, Issue},
};

/// The furthest end of a token.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(366 * 24);

pub(crate) fn routes(routes: Routes) -> Routes {
    mount::<TokenDocument>(routes).on(&table::TOKEN_CREATE, create)
}

fn digest_key(digest: &str) -> String {
    format!("/token-digest/{digest}")
}

fn digest_of_key(name: &str) -> String {
    format!("/token-of/{name}")
}

impl Kept for TokenDocument {
    const KIND: Kind = Kind::Token;
    const TABLE: Table = Table {
        list: &table::TOKEN_LIST,
        show: &table::TOKEN_SHOW,
        delete: &table::TOKEN_DELETE,
        // Its secret is made with it, so it is made once.
        write: None,
    };

    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    fn revision(&mut self) -> &mut Option<u64> {
        &mut self.metadata.revision
    }

    fn check(&self, desk: &Desk<'_>) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let problems = check(desk, self);
        if problems.is_empty() { Ok(Vec::new()) } else { Err(problems) }
    }

    async fn settle(&mut self, _: &Control, _: Option<&Self>) -> Result<Beside, Failure> {
        let secret = Zeroizing::new(login::bearer());
        let digest = login::digest(&secret);
        let name = &self.metadata.name;
        let commit =
            Commit::new().put(digest_key(&digest), name.clone()).put(digest_of_key(name), digest);
        Ok(Beside { commit, secret: Some(secret) })
    }

    fn tell(&self, event: NewEvent, _: Value) -> NewEvent {
        event.with("for", self.spec.user.as_str()).with("expires", self.spec.expires.to_string())
    }

    async fn leave(control: &Control, name: &str) -> Result<Commit, Failure> {
        let commit = Commit::new().delete(digest_of_key(name));
        Ok(match fetch(control, &digest_of_key(name)).await? {
            Some(entry) => match std::str::from_utf8(&entry.value) {
                Ok(digest) => commit.delete(digest_key(digest)),
                Err(_) => commit,
            },
            None => commit,
        })
    }
}

/// `POST /v1/tokens`
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Text(text): Text,
) -> Answer<NewToken> {
    let saved = save::<TokenDocument>(&control, &caller, text, None, Mode::Create).await?;
    let secret = saved.secret.map(|secret| String::clone(&secret)).unwrap_or_default();
    Ok(Json(NewToken { name: saved.written.name, secret, revision: saved.written.revision }))
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
    let key = documents::key(Kind::Token, &name);
    let Some(found) = fetch(control, &key).await? else { return Ok(None) };
    let document: TokenDocument = decode(&found)?;
    let Ok(user) = document.spec.user.parse::<UserName>() else { return Ok(None) };
    let Some(still_there) = crate::users::enabled(control, &user).await? else { return Ok(None) };
    if control.now() >= document.spec.expires {
        return Ok(None);
    }
    let event =
        NewEvent::new(code::TOKEN_USED, control.now()).user(&user).target(format!("token/{name}"));
    let commit = still_there.expecting(key, found.revision).event(event);
    Ok(Some((user, commit)))
}

fn check(desk: &Desk<'_>, document: &TokenDocument) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let head = (document.kind.as_str(), document.version.as_str());
    check_head(head, Kind::Token, &["v1"], &mut problems);
    let mut wrong = |path: &str, message: String| problems.push(FieldProblem::at(path, message));
    if let Err(error) = document.metadata.name.parse::<TokenName>() {
        wrong("metadata.name", error.to_string());
    }
    let user = &document.spec.user;
    let policy = desk.control.store().policy();
    let known = desk.comes(Kind::User, user)
        || user.parse().is_ok_and(|user| policy.read(|policy| policy.user(&user).is_some()));
    if !known {
        wrong("spec.user", format!("there is no user `{}`", user.escape_debug()));
    }
    let left = document.spec.expires.duration_since(desk.control.now());
    if !left.is_positive() || left > LONGEST_LIFE {
        wrong("spec.expires", "must lie between now and a year from now".to_owned());
    }
    problems
}
