//! What the caller can reach, what she could ask for, and why not.

mod changes;

use crate::http::{Answer, List};
use crate::{Caller, Control, Failure, Routes};
use access::ask::Ask;
use access::denial::Denial;
use access::identity::Identity;
use access::name::{Login, TargetName, UserName};
use access::policy::reach::{Open, Reach, Requestable};
use access::target::TargetKind;
use api::audit::{NewEvent, code};
use api::endpoints::{Verb, reach as table};
use api::page::{MAX_SEARCH, Page};
use api::problem::Problem;
use api::reach::{ReachLogin, ReachRequestable, ReachView, WhyView};
use axum::{Json, extract::State};

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.on(&table::REACH, list).on(&table::WHY, why).on(&table::CHANGES, changes::foresee)
}

/// The administrator on the host is nobody who reaches anything.
async fn list(
    State(control): State<Control>,
    caller: Caller,
    query: List,
) -> Answer<Page<ReachView>> {
    let Caller::User(identity) = &caller else { return Ok(Json(Page::whole(Vec::new()))) };
    let (limit, cursor) = (query.limit()?, query.cursor()?);
    let text = query.text("text").unwrap_or_default().to_lowercase();
    if text.len() > MAX_SEARCH {
        return Err(Failure::field("text", format!("longer than {MAX_SEARCH} bytes")));
    }
    control.caught_up().await;
    let now = control.now();
    let all = control.store().policy().read(|policy| policy.reach(&identity.user, now));
    // By kind and name, so the name of the last one is where the next page begins.
    let mut rest = all
        .iter()
        .filter(|reach| cursor.is_none_or(|cursor| reach.target.to_string().as_str() > cursor))
        .filter(|reach| mentions(reach, &text));
    let items: Vec<ReachView> =
        rest.by_ref().take(limit).map(|reach| view(reach, control.public_addr())).collect();
    let more = rest.next().is_some();
    let next = items.last().filter(|_| more).map(|last| format!("{}/{}", last.kind, last.name));
    Ok(Json(Page { items, next }))
}

fn mentions(reach: &Reach, text: &str) -> bool {
    let has = |words: &str| words.to_lowercase().contains(text);
    has(reach.target.name.as_str())
        || reach.labels.iter().any(|(key, value)| has(&format!("{key}={value}")))
}

fn view(reach: &Reach, public_addr: &str) -> ReachView {
    let name = reach.target.name.as_str();
    let url = || api::app::public_url(name, reach.host.as_deref(), public_addr);
    ReachView {
        kind: reach.target.kind.to_string(),
        name: reach.target.name.to_string(),
        protocol: reach.protocol.as_deref().map(str::to_owned),
        url: (reach.target.kind == TargetKind::App).then(url),
        labels: reach.labels.clone(),
        logins: reach.open.iter().map(open).collect(),
        requestable: reach.requestable.iter().map(requestable).collect(),
    }
}

fn open(open: &Open) -> ReachLogin {
    ReachLogin {
        login: open.account.as_deref().unwrap_or_default().to_owned(),
        databases: open.databases.clone(),
        until: open.until,
        request: open.requests.first().map(ToString::to_string),
    }
}

fn requestable(way: &Requestable) -> ReachRequestable {
    ReachRequestable {
        login: way.account.as_deref().unwrap_or_default().to_owned(),
        roles: way.roles.iter().map(ToString::to_string).collect(),
        command: way.step.command(),
    }
}

/// The same decision a connection would get, and the same words.
async fn why(State(control): State<Control>, caller: Caller, query: List) -> Answer<WhyView> {
    let target: TargetName = query
        .parsed("target")?
        .ok_or_else(|| Failure::field("target", "missing: the target's name"))?;
    let ask = asked(target, &query)?;
    control.caught_up().await;
    let identity = whose(&control, &caller, query.parsed("user")?)?;
    let now = control.now();
    let decided = control.store().policy().read(|policy| policy.decide(&identity, &ask, now));
    if let (Err(denial), true) = (&decided, query.flag("connecting")?) {
        refused(&control, &caller, &ask, denial).await?;
    }
    Ok(Json(match decided {
        Ok(permit) => WhyView {
            allowed: true,
            code: None,
            sentence: format!("{} may {ask}", identity.user),
            next: None,
            approvers: Vec::new(),
            roles: permit.roles().iter().map(ToString::to_string).collect(),
            requests: permit.requests().iter().map(ToString::to_string).collect(),
            until: permit.until(),
        },
        Err(denial) => WhyView {
            allowed: false,
            code: Some(denial.code().to_string()),
            sentence: denial.sentence().to_owned(),
            next: denial.next().map(access::denial::NextStep::command),
            approvers: denial
                .next()
                .map(|next| next.approvers().iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            roles: Vec::new(),
            requests: Vec::new(),
            until: None,
        },
    }))
}

/// Someone who was about to connect hears it here and not at the door: it is on the record all the same, and before it
/// is said.
async fn refused(
    control: &Control,
    caller: &Caller,
    ask: &Ask,
    denial: &Denial,
) -> Result<(), Failure> {
    let event = caller
        .sign(NewEvent::new(code::SESSION_REFUSED, control.now()))
        .target(&ask.target.name)
        .with("account", ask.action.login().unwrap_or_default())
        .with("code", denial.code().to_string())
        .with("detail", denial.detail());
    control.store().record(vec![event]).await?;
    Ok(())
}

/// What is asked about: a host, or with `kind=db` a database, with `kind=app` an application.
fn asked(target: TargetName, query: &List) -> Result<Ask, Failure> {
    let missing = || Failure::field("login", "missing: the account on it");
    match query.text("kind").unwrap_or("node") {
        "node" => {
            let login: Login = query.parsed("login")?.ok_or_else(missing)?;
            Ok(Ask::ssh(target, login))
        }
        "db" => {
            let user = query.text("login").filter(|user| !user.is_empty()).ok_or_else(missing)?;
            Ok(Ask::db(target, user, query.text("name")))
        }
        "app" => Ok(Ask::app(target)),
        _ => Err(Failure::field("kind", "expected `node`, `db` or `app`")),
    }
}

/// Who is asked about: the caller; another user for whoever may read users, as if she had just logged in
/// with a second factor.
fn whose(control: &Control, caller: &Caller, other: Option<UserName>) -> Result<Identity, Failure> {
    match (caller, other) {
        (Caller::User(identity), None) => Ok(identity.clone()),
        (Caller::User(identity), Some(user)) if user == identity.user => Ok(identity.clone()),
        (Caller::Anonymous { .. }, _) => Err(Problem::unauthenticated().into()),
        (Caller::Admin { .. }, None) => {
            Err(Failure::field("user", "missing: the administrator on the host reaches nothing"))
        }
        (Caller::Admin { .. } | Caller::User(_), Some(user)) => {
            control.caller_may(caller, "user", Verb::Read)?;
            let expires = control
                .now()
                .checked_add(jiff::SignedDuration::from_hours(1))
                .map_err(Failure::internal)?;
            let login = access::name::LoginId::from_bits(0);
            Ok(Identity { user, login, expires, mfa: true, device: false })
        }
    }
}
