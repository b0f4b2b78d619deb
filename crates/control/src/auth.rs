//! Certificate authorities: what to trust, the next generation, identities for automation.

use access::name::UserName;
use api::audit::{NewEvent, code};
use api::authority::{AuthorityView, Rotation, SignIdentity};
use api::endpoints::authorities as table;
use api::login::LoginAnswer;
use api::page::Page;
use api::problem::Problem;
use axum::{Json, extract::State};
use ca::{Authorities, Authority, RotateError, Step};
use store::kv::Commit;

use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body},
    login::{self, How, Issue},
};

/// The name the authorities are sealed under in the store.
pub const AUTHORITIES: &str = "authorities";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.on(&table::EXPORT, export).on(&table::ROTATE, rotate).on(&table::SIGN, sign)
}

/// `GET /v1/auth/export`
async fn export(State(control): State<Control>) -> Answer<Page<AuthorityView>> {
    Ok(Json(Page::whole(views(control.authorities(), &Authority::ALL)?)))
}

/// `POST /v1/auth/rotate`
async fn rotate(
    State(control): State<Control>,
    caller: Caller,
    Body(wish): Body<Rotation>,
) -> Answer<Page<AuthorityView>> {
    let kind: Authority = wish.kind.parse().map_err(|error| Failure::field("kind", error))?;
    let step: Step = wish.step.parse().map_err(|error| Failure::field("step", error))?;
    let stored = control.store().secrets().load(AUTHORITIES).await?;
    let (sealed, seen) = stored.ok_or_else(|| Failure::internal("no authorities are stored"))?;
    // From what is stored, not from what is in use: another daemon may have taken a step.
    let current = Authorities::open(&sealed, control.seal()).map_err(Failure::internal)?;
    let next = current.rotated(kind, step, control.now()).map_err(|error| match error {
        RotateError::Order { .. } => Problem::conflict("rotation.order", error.to_string()).into(),
        RotateError::Key(_) => Failure::internal(error),
    })?;
    let key = store::secrets::key(AUTHORITIES);
    let event = caller
        .sign(NewEvent::new(code::CA_ROTATED, control.now()))
        .target(format!("authority/{kind}"))
        .with("step", step.to_string())
        .with("phase", next.phase(kind).to_string());
    let commit = Commit::new()
        .expecting(&key, seen)
        .put(&key, next.to_sealed(control.seal()).map_err(Failure::internal)?)
        .event(event);
    control.store().commit(commit).await?;
    // Only what is kept signs: a key lost in a crash would leave certificates nobody can check.
    control.authorities().adopt(next);
    Ok(Json(Page::whole(views(control.authorities(), &[kind])?)))
}

/// `POST /v1/auth/sign`
async fn sign(
    State(control): State<Control>,
    caller: Caller,
    Body(wish): Body<SignIdentity>,
) -> Answer<LoginAnswer> {
    let user: UserName = wish.user.parse().map_err(|error| Failure::field("user", error))?;
    let Some(still_there) = crate::users::enabled(&control, &user).await? else {
        return Err(Failure::field("user", format!("there is no user `{user}` who may log in")));
    };
    let issue = Issue { user: &user, how: How::Signed, ttl: Some(wish.ttl.0), caller: &caller };
    let (answer, commit) = login::issue(&control, &issue, &wish.keys)?;
    let ended = login::forget_ended(&control, &user).await?;
    control.store().commit(still_there.and(commit).and(ended)).await?;
    Ok(Json(answer))
}

fn views(authorities: &Authorities, kinds: &[Authority]) -> Result<Vec<AuthorityView>, Failure> {
    let mut views = Vec::new();
    for kind in kinds {
        let parts = authorities.public_parts(*kind).map_err(Failure::internal)?;
        views.extend(parts.into_iter().map(|part| AuthorityView {
            kind: kind.to_string(),
            generation: part.generation.to_owned(),
            public: part.text,
            pin: part.pin.map(|pin| pin.to_string()),
        }));
    }
    Ok(views)
}
