//! Users: documents, invites, and what goes with them when they go.

use access::name::UserName;
use access::target::Labels;
use api::audit::{NewEvent, code};
use api::document::Kind;
use api::endpoints::users as table;
use api::problem::{FieldProblem, Problem};
use api::user::{Invite, NewInvite, UserDocument};
use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use store::documents;
use store::kv::{Commit, Revision};

use crate::documents::{Desk, Kept, Table, decode, fetch, mount, tell};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body},
    login,
};

pub(crate) fn routes(routes: Routes) -> Routes {
    mount::<UserDocument>(routes).on(&table::USER_INVITE, invite)
}

impl Kept for UserDocument {
    const KIND: Kind = Kind::User;
    const TABLE: Table = Table {
        list: &table::USER_LIST,
        show: &table::USER_SHOW,
        delete: &table::USER_DELETE,
        write: Some((&table::USER_CREATE, &table::USER_PUT)),
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
        self.user()?;
        Ok(unknown_roles(desk, self))
    }

    fn tell(&self, event: NewEvent, document: Value) -> NewEvent {
        tell(event, "spec", document.get("spec").cloned().unwrap_or_default())
    }

    async fn leave(control: &Control, name: &str) -> Result<Commit, Failure> {
        let user: UserName = name.parse().map_err(|_| Problem::not_found())?;
        Ok(Commit::new()
            .delete(login::credential_key(&user))
            .delete(login::failures_key(&user))
            .and(login::invite::withdraw(control, &user).await?))
    }

    /// Certificates outlive the record: were someone of this name made again, they must stay dead.
    async fn gone(control: &Control, caller: &Caller, name: &str) -> Result<(), Failure> {
        let user: UserName = name.parse().map_err(|_| Problem::not_found())?;
        login::end_all(control, caller, &user).await.map(drop)
    }
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
    control.commit(commit).await?;
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

async fn load(control: &Control, name: &str) -> Result<Option<(UserDocument, Revision)>, Failure> {
    // A name that could never have been written is one that is not there.
    if name.parse::<UserName>().is_err() {
        return Ok(None);
    }
    let entry = fetch(control, &documents::key(Kind::User, name)).await?;
    entry.map(|entry| Ok((decode(&entry)?, entry.revision))).transpose()
}

/// Roles that do not exist give nothing now, and everything they say once someone writes them.
fn unknown_roles(desk: &Desk<'_>, document: &UserDocument) -> Vec<FieldProblem> {
    let policy = desk.control.store().policy();
    let known = |role: &str| {
        desk.comes(Kind::Role, role)
            || role.parse().is_ok_and(|role| policy.read(|policy| policy.role(&role).is_some()))
    };
    let roles = document.spec.roles.iter().enumerate();
    roles
        .filter(|(_, role)| !known(role))
        .map(|(at, role)| {
            FieldProblem::at(format!("spec.roles[{at}]"), format!("there is no role `{role}` yet"))
        })
        .collect()
}
