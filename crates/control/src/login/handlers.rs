//! The ways in over HTTP.

use access::name::{LoginId, UserName};
use api::audit::code;
use api::endpoints::{Verb, login as table};
use api::login::{
    GrantView, InviteAcceptance, InviteView, LoginAnswer, LoginRequest, LoginView, MfaView,
    StatusView, WebLogin, WebLoginAnswer,
};
use api::page::Page;
use api::problem::Problem;
use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::StatusCode;
use store::kv::Commit;
use zeroize::Zeroizing;

use super::{
    How, Issue, browser,
    credential::{Credential, credential_key},
    door::{Shown, enter},
    invite::{self, Accepted, Wanted},
    issue, logins, page,
};
use crate::{
    Caller, Control, Failure, Routes,
    http::{Answer, Json as Body, List},
};

/// The longest form of the invite page, in bytes.
const MAX_FORM: usize = 8 * 1024;

pub(crate) fn routes(routes: Routes) -> Routes {
    routes
        .on(&table::LOGIN, log_in)
        .on(&table::LOGIN_WEB, log_in_web)
        .on(&table::BROWSER_LOGIN, browser::log_in)
        .on(&table::BROWSER_SHOW, browser::show)
        .on(&table::BROWSER_LOGOUT, browser::log_out)
        .on(&table::LOGIN_TOKEN, crate::tokens::log_in)
        .on(&table::LOGIN_LIST, list)
        .on(&table::LOGIN_END_ALL, browser::end_all)
        .on(&table::LOGIN_END, end)
        .on(&table::LOGOUT, log_out)
        .on(&table::INVITE, show_invite)
        .on(&table::ACCEPT, accept)
        .on(&table::INVITE_PAGE, show_page)
        .on(&table::INVITE_FORM, send_page)
        .on(&table::APP_ENTER, super::enter::show)
        .on(&table::APP_ENTER_FORM, super::enter::send)
        .on(&table::APP_KEYS, super::enter::keys)
        .on(&table::STATUS, status)
        .on(&table::MFA, second_factors)
}

/// `POST /v1/login`
async fn log_in(
    State(control): State<Control>,
    caller: Caller,
    Body(wish): Body<LoginRequest>,
) -> Answer<LoginAnswer> {
    let shown = Shown {
        user: wish.user,
        password: Zeroizing::new(wish.password),
        totp: Zeroizing::new(wish.totp),
    };
    let answer = enter(&control, &caller, shown, async |user| {
        let ttl = wish.ttl.map(|ttl| ttl.0);
        let (answer, commit) =
            issue(&control, &Issue { user, how: How::Password, ttl, caller: &caller }, &wish.keys)?;
        Ok((answer, commit.and(logins::forget_ended(&control, user).await?)))
    });
    Ok(Json(answer.await?))
}

/// `POST /v1/login/web`
async fn log_in_web(
    State(control): State<Control>,
    caller: Caller,
    Body(wish): Body<WebLogin>,
) -> Answer<WebLoginAnswer> {
    let shown = Shown {
        user: wish.user,
        password: Zeroizing::new(wish.password),
        totp: Zeroizing::new(wish.totp),
    };
    let answer = enter(&control, &caller, shown, async |user| {
        let wish = Issue { user, how: How::Web, ttl: None, caller: &caller };
        let (begun, commit) = browser::begin(&control, &wish)?;
        let answer = WebLoginAnswer {
            user: user.to_string(),
            login: begun.identity.login.to_string(),
            session_token: begun.token.to_string(),
            expires: begun.identity.expires,
        };
        Ok((answer, commit.and(logins::forget_ended(&control, user).await?)))
    });
    Ok(Json(answer.await?))
}

/// `GET /v1/logins`
async fn list(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<LoginView>> {
    let user = match (query.parsed::<UserName>("user")?, &caller) {
        (Some(user), Caller::User(identity)) if user == identity.user => user,
        (Some(user), _) => {
            control.caller_may(&caller, "user", Verb::Read)?;
            user
        }
        (None, Caller::User(identity)) => identity.user.clone(),
        (None, Caller::Admin { .. } | Caller::Anonymous { .. }) => {
            return Err(Failure::field("user", "say whose logins: `?user=NAME`"));
        }
    };
    let own = match &caller {
        Caller::User(identity) => Some(identity.login.to_string()),
        Caller::Admin { .. } | Caller::Anonymous { .. } => None,
    };
    let logins = logins::list(&control, &user).await?;
    let views = logins.into_iter().map(|login| LoginView {
        current: own.as_ref() == Some(&login.login),
        how: login.how.as_str().to_owned(),
        mfa: login.how.mfa(),
        login: login.login,
        user: login.user,
        created: login.created,
        expires: login.expires,
        peer: login.peer,
    });
    Ok(Json(Page::whole(views.collect())))
}

/// `DELETE /v1/logins/{id}`
async fn end(
    State(control): State<Control>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let id: LoginId = id.parse().map_err(|_| Problem::not_found())?;
    let user = match &caller {
        Caller::User(identity) => Some(identity.user.clone()),
        Caller::Admin { .. } | Caller::Anonymous { .. } => None,
    };
    // One's own first: it needs no rule.
    let mut found = None;
    if let Some(user) = &user {
        found = find(&control, user, id).await?;
    }
    if found.is_none() && control.caller_may(&caller, "user", Verb::Update).is_ok() {
        let names: Vec<_> = control
            .store()
            .policy()
            .read(|policy| policy.users().map(|it| it.name.clone()).collect());
        for name in names {
            found = find(&control, &name, id).await?;
            if found.is_some() {
                break;
            }
        }
    }
    let (user, expires) = found.ok_or_else(Problem::not_found)?;
    logins::end(&control, &caller, &user, id, expires).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(
    control: &Control,
    user: &UserName,
    id: LoginId,
) -> Result<Option<(UserName, jiff::Timestamp)>, Failure> {
    let wanted = id.to_string();
    let logins = logins::list(control, user).await?;
    let found = logins.into_iter().find(|login| login.login == wanted);
    Ok(found.map(|login| (user.clone(), login.expires)))
}

/// `POST /v1/logout`
async fn log_out(State(control): State<Control>, caller: Caller) -> Result<StatusCode, Failure> {
    end_this(&control, &caller).await
}

/// Ends the login that a call was made with.
pub(super) async fn end_this(control: &Control, caller: &Caller) -> Result<StatusCode, Failure> {
    match caller {
        Caller::User(identity) => {
            let (user, login) = (&identity.user, identity.login);
            logins::end(control, caller, user, login, identity.expires).await?;
            Ok(StatusCode::NO_CONTENT)
        }
        Caller::Admin { .. } | Caller::Anonymous { .. } => {
            Err(Problem::bad_request("there is no login on this connection").into())
        }
    }
}

/// `GET /v1/invites/{token}`
async fn show_invite(
    State(control): State<Control>,
    caller: Caller,
    Path(token): Path<String>,
) -> Answer<InviteView> {
    Ok(Json(invite::open(&control, &caller, &token).await?.view(&control)?))
}

/// `POST /v1/invites/{token}`
async fn accept(
    State(control): State<Control>,
    caller: Caller,
    Path(token): Path<String>,
    Body(wish): Body<InviteAcceptance>,
) -> Result<Response, Failure> {
    let open = invite::open(&control, &caller, &token).await?;
    let password = Zeroizing::new(wish.password);
    let wanted = match (&wish.keys, wish.browser) {
        (Some(_), true) => {
            return Err(Failure::field(
                "browser",
                "certificates and a cookie cannot be had at once",
            ));
        }
        (Some(keys), false) => Wanted::Certificates(keys),
        (None, true) => Wanted::Cookie,
        (None, false) => Wanted::Nothing,
    };
    Ok(match open.accept(&control, &caller, password, &wish.totp, wanted).await? {
        Accepted::Certificates(answer) => Json(answer).into_response(),
        Accepted::Cookie(begun) => browser::welcome(&control, &begun),
        Accepted::Nothing => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `GET /invite/{token}`
async fn show_page(
    State(control): State<Control>,
    caller: Caller,
    Path(token): Path<String>,
) -> Response {
    match open_view(&control, &caller, &token).await {
        Ok((_, view)) => page::form(&view, None),
        Err(failure) => said(&failure),
    }
}

/// `POST /invite/{token}`
async fn send_page(
    State(control): State<Control>,
    caller: Caller,
    Path(token): Path<String>,
    form: Bytes,
) -> Response {
    let (open, view) = match open_view(&control, &caller, &token).await {
        Ok(both) => both,
        Err(failure) => return said(&failure),
    };
    if form.len() > MAX_FORM {
        return page::form(&view, Some("this form is too long"));
    }
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(&form);
        let found = fields.find(|(key, _)| key == name);
        Zeroizing::new(found.map(|(_, value)| value.into_owned()).unwrap_or_default())
    };
    let (password, again, totp) = (field("password"), field("again"), field("totp"));
    if *password != *again {
        return page::form(&view, Some("The two passwords differ."));
    }
    match open.accept(&control, &caller, password, &totp, Wanted::Nothing).await {
        Ok(_) => page::done(&view.user, control.public_addr()),
        Err(failure) if failure.problem.status == 422 => {
            let why = failure.problem.errors.first().map(|error| match error.path.as_str() {
                "totp" => format!("The code {}.", error.message),
                _ => format!("The password {}.", error.message),
            });
            page::form(&view, Some(why.as_deref().unwrap_or("Something is wrong here.")))
        }
        Err(failure) => said(&failure),
    }
}

async fn open_view(
    control: &Control,
    caller: &Caller,
    token: &str,
) -> Result<(invite::Open, InviteView), Failure> {
    let open = invite::open(control, caller, token).await?;
    let view = open.view(control)?;
    Ok((open, view))
}

/// A failure as a page.
fn said(failure: &Failure) -> Response {
    if let Some(cause) = &failure.cause {
        tracing::error!(%cause, "the invite page failed");
    }
    let problem = &failure.problem;
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let hint = match problem.code.as_str() {
        "invite.gone" => "Ask whoever sent it for a new one.",
        _ => "Nothing was changed. Try again in a minute.",
    };
    page::says(status, &problem.detail, hint)
}

/// `GET /v1/status`
async fn status(State(control): State<Control>, caller: Caller) -> Answer<StatusView> {
    let now = control.now();
    let mut view = StatusView {
        user: None,
        roles: Vec::new(),
        grants: Vec::new(),
        expires: None,
        mfa: false,
        cluster: control.cluster().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: now,
    };
    if let Caller::User(identity) = &caller {
        view.user = Some(identity.user.to_string());
        view.expires = Some(identity.expires);
        view.mfa = identity.mfa;
        control.store().policy().read(|policy| {
            if let Some(user) = policy.user(&identity.user) {
                view.roles = user.roles.iter().map(ToString::to_string).collect();
            }
            let grants = policy
                .requests_of(&identity.user)
                .filter_map(|request| Some((request, request.grant(now)?)));
            view.grants = grants
                .map(|(request, grant)| GrantView {
                    request: request.id().to_string(),
                    roles: grant.roles.iter().map(ToString::to_string).collect(),
                    resources: grant.resources.iter().map(ToString::to_string).collect(),
                    until: grant.until,
                })
                .collect();
        });
    }
    Ok(Json(view))
}

/// `GET /v1/mfa`
async fn second_factors(State(control): State<Control>, caller: Caller) -> Answer<Page<MfaView>> {
    let Caller::User(identity) = &caller else { return Ok(Json(Page::whole(Vec::new()))) };
    let entry = control.store().load(credential_key(&identity.user)).await?;
    let factors = match entry {
        Some(entry) => {
            let (credential, _) = Credential::open(&control, &identity.user, &entry)?;
            vec![MfaView {
                kind: "totp".to_owned(),
                name: "authenticator".to_owned(),
                added: credential.added,
                used: credential.used,
            }]
        }
        None => Vec::new(),
    };
    Ok(Json(Page::whole(factors)))
}

/// The commit that removes all a user logs in with, and says so.
pub(crate) fn forget(control: &Control, caller: &Caller, user: &UserName) -> Commit {
    let event = api::audit::NewEvent::new(code::USER_RESET, control.now());
    Commit::new()
        .delete(credential_key(user))
        .delete(super::failures_key(user))
        .event(caller.sign(event).target(format!("user/{user}")))
}
