//! From a login here to an application: a browser comes with where it wants to go, and leaves with a ticket.
//!
//! ```text
//!   /v1/enter?at=grafana.gw.example.com&state=…&to=/d/abc
//!       nobody ──► log in (password, code), here ──┐
//!       someone ───────────────────────────────────┴──► https://grafana.gw.example.com/.countersign/enter?ticket=…
//! ```
//!
//! The ticket says who, for one application and for a minute, and only the house can read or make it. It goes to host
//! names that lead to an application the caller may reach or ask for, and nowhere else: this redirects to no other place.

use access::ask::Ask;
use access::identity::Identity;
use access::name::TargetName;
use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    Issue, browser,
    door::{Shown, enter},
    issue::How,
    logins, page,
};
use crate::{Caller, Control, Failure};

/// What its tickets are for: they open there alone.
const PURPOSE: &str = "app-enter";
/// How long a ticket holds.
const LIFE: SignedDuration = SignedDuration::from_secs(60);
/// The longest deep link, in bytes.
const MAX_LINK: usize = 1024;
/// The longest form, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// Where a browser wants to go.
pub(super) struct Wish {
    /// `host:port`, as the browser says it.
    pub(super) at: String,
    pub(super) state: String,
    pub(super) to: String,
    /// Whether it was here a moment ago.
    again: bool,
}

impl Wish {
    fn read(one: impl Fn(&str) -> String) -> Self {
        let to = Some(one("to")).filter(|to| is_link(to)).unwrap_or_else(|| "/".to_owned());
        Self { at: one("at"), state: one("state"), to, again: !one("again").is_empty() }
    }

    fn is_whole(&self) -> bool {
        (32..=64).contains(&self.state.len())
            && self.state.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    }

    fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("at", &self.at), ("state", &self.state), ("to", &self.to)])
            .finish()
    }
}

/// Whether a deep link stays at its host: browsers read `//host` and `/\host` as another one.
fn is_link(link: &str) -> bool {
    link.starts_with('/')
        && !link.starts_with("//")
        && link.len() <= MAX_LINK
        && !link.contains('\\')
        && link.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

/// The application a host name leads to, as the port reads it: by a name of its own, or by its name below ours.
fn app_at(control: &Control, at: &str) -> Option<TargetName> {
    let (own, own_port) = control.public_addr().rsplit_once(':')?;
    let (host, port) = at.rsplit_once(':').unwrap_or((at, "443"));
    let plain = at.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    if port != own_port || !plain {
        return None;
    }
    let host = host.to_ascii_lowercase();
    let named = control.store().policy().read(|policy| policy.app_at(&host).cloned());
    named.or_else(|| {
        let name = host.strip_suffix(&own.to_ascii_lowercase())?.strip_suffix('.')?;
        // One label: that is as far as the port's certificate goes.
        name.parse().ok().filter(|_| !name.contains('.'))
    })
}

/// `GET /v1/enter`
pub(super) async fn show(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let wish = Wish::read(|name| {
        let found = form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    });
    let app = match app_at(&control, &wish.at) {
        Some(app) if wish.is_whole() => app,
        Some(_) | None => return incomplete(),
    };
    match caller {
        Caller::User(identity) => go_on(&control, &identity, &app, &wish, None),
        // A cookie of ours does not come along from elsewhere. It does with the next step, which is our own.
        Caller::Anonymous { .. } if !wish.again && came_from_elsewhere(&headers) => {
            page::again(&format!("/v1/enter?{}&again=1", wish.query()))
        }
        Caller::Admin { .. } | Caller::Anonymous { .. } => {
            page::login(StatusCode::OK, app.as_str(), &wish, "", None)
        }
    }
}

fn came_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    matches!(site, Some(b"cross-site" | b"same-site"))
}

/// `POST /v1/enter`
pub(super) async fn send(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = if body.len() <= MAX_FORM { &*body } else { b"" };
    let one = |name: &str| {
        let mut fields = form_urlencoded::parse(fields);
        let found = fields.find(|(own, _)| own == name);
        Zeroizing::new(found.map(|(_, value)| value.into_owned()).unwrap_or_default())
    };
    let wish = Wish::read(|name| one(name).to_string());
    let app = match app_at(&control, &wish.at) {
        Some(app) if wish.is_whole() && !browser::elsewhere(&headers, &Method::POST) => app,
        Some(_) | None => return incomplete(),
    };
    let user = one("user").to_string();
    let totp = Zeroizing::new(one("totp").replace(' ', ""));
    let shown = Shown { user: user.clone(), password: one("password"), totp };
    let begun = enter(&control, &caller, shown, async |user| {
        let wish = Issue { user, how: How::Web, ttl: None, caller: &caller };
        let (begun, commit) = browser::begin(&control, &wish)?;
        Ok((begun, commit.and(logins::forget_ended(&control, user).await?)))
    });
    match begun.await {
        Ok(begun) => {
            let cookie = browser::cookie_of(&control, &begun);
            go_on(&control, &begun.identity, &app, &wish, Some(cookie))
        }
        Err(failure) => refused(failure, app.as_str(), &wish, &user),
    }
}

/// The form again, with what was wrong. Which of the three it was, nobody is told.
fn refused(failure: Failure, app: &str, wish: &Wish, user: &str) -> Response {
    let problem = &failure.problem;
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
    page::login(status, app, wish, user, Some(&problem.detail))
}

/// Sends a browser on with its ticket, if there is anything for it there.
fn go_on(
    control: &Control,
    identity: &Identity,
    app: &TargetName,
    wish: &Wish,
    cookie: Option<String>,
) -> Response {
    let now = control.now();
    let ask = Ask::app(app.clone());
    let decided = control.store().policy().read(|policy| policy.decide(identity, &ask, now));
    let mut response = match decided {
        // What does not exist, and what he may not even ask for, look the same.
        Err(denial) if denial.next().is_none() => {
            let text = format!("There is no access to {app}, or it does not exist.");
            page::says(StatusCode::FORBIDDEN, "Access denied", &text)
        }
        Ok(_) | Err(_) => match ticket(control, identity, app, wish) {
            Ok(ticket) => {
                let to = format!("https://{}/.countersign/enter?ticket={ticket}", wish.at);
                let to = HeaderValue::from_str(&to).unwrap_or(HeaderValue::from_static("/"));
                (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
            }
            Err(failure) => failure.into_response(),
        },
    };
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn ticket(
    control: &Control,
    identity: &Identity,
    app: &TargetName,
    wish: &Wish,
) -> Result<String, Failure> {
    let now = control.now();
    let says = json!({
        "id": URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()),
        "user": identity.user.as_str(),
        "login": identity.login.to_string(),
        "expires": identity.expires,
        "mfa": identity.mfa,
        "app": app.as_str(),
        "state": wish.state,
        "to": wish.to,
        "until": now.checked_add(LIFE).unwrap_or(now),
    });
    let sealed = control.authorities().seal_ticket(PURPOSE, says.to_string().as_bytes());
    sealed.map_err(Failure::internal)
}

fn incomplete() -> Response {
    page::says(
        StatusCode::BAD_REQUEST,
        "This link leads nowhere",
        "Open the application by its own address.",
    )
}

/// `GET /.well-known/jwks.json`
pub(super) async fn keys(State(control): State<Control>) -> Response {
    let mut response = axum::Json(control.authorities().assertion_keys()).into_response();
    let kept = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    response
}
