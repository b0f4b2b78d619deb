//! Browsers: people without a client certificate, who log in at the house and come back with a ticket.
//!
//! ```text
//!   application, no cookie ──► house: /v1/enter?at=…&state=…&to=/deep/link ──► log in, if need be
//!        ▲   state in a cookie                                                    │
//!        └── cookie of the application's own, then the deep link ◄── /.countersign/enter?ticket=…
//! ```
//!
//! The ticket is good once, for a minute, at one application, in the browser that began (the state is in a cookie and in
//! the ticket). The cookie that follows is the application's alone (`__Host-`: no other host, no other path, only TLS),
//! is not passed on, and says who; what he may do is asked of the policy at each request.

use std::sync::Arc;

use access::ask::Ask;
use access::identity::Identity;
use access::name::{RequestId, TargetName};
use base64_url::encode;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::Commit;
use store::kv::{Absent, CommitError};

use super::answer::Problem;
use super::body::Download;
use super::forward::Front;
use super::front::Connection;
use super::page::{self, Page};
use crate::gate::{Caller, Refused};
use crate::{House, Question};

/// The cookie that says who, at an application.
pub(super) const WHO: &str = "__Host-countersign-app";
/// The cookie that says which browser began to log in.
const STATE: &str = "__Host-countersign-start";
/// Where our own pages at an application live.
const OWN: &str = "/.countersign/";
/// How long logging in may take.
const STATE_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// How long a form may stand open.
const FORM_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// How long a ticket that was used is remembered: longer than it holds.
const USED_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// The longest deep link, in bytes. A longer one leads to the front page.
const MAX_LINK: usize = 1024;
/// The longest form, in bytes. A reason has 4096.
const MAX_FORM: usize = 16 * 1024;
/// The longest `Cookie` header that is looked at, in bytes.
const MAX_COOKIES: usize = 16 * 1024;

/// What tickets are for, as they are sealed. The first is made by the house's login.
pub(crate) const ENTER: &str = "app-enter";
const COOKIE: &str = "app-cookie";
const FORM: &str = "app-form";
const WAIT: &str = "app-wait";

/// What an application's cookie says.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Who {
    id: String,
    user: String,
    login: String,
    expires: Timestamp,
    mfa: bool,
    app: String,
}

/// What a ticket of the house's login says.
#[derive(Debug, Deserialize)]
struct Entrance {
    id: String,
    user: String,
    login: String,
    expires: Timestamp,
    mfa: bool,
    app: String,
    state: String,
    to: String,
    until: Timestamp,
}

/// What the ticket in a form says: whose it is.
#[derive(Debug, Deserialize, Serialize)]
struct Form {
    login: String,
    app: String,
    until: Timestamp,
}

/// What the ticket of a waiting page says.
#[derive(Debug, Deserialize, Serialize)]
struct Waiting {
    login: String,
    request: String,
    to: String,
}

/// Someone who showed a cookie.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// The cookie as it was shown.
    pub(super) cookie: Box<str>,
    /// Its id.
    id: Box<str>,
    pub(super) identity: Identity,
}

/// The one cookie of this name. Two are nobody's: an application, or a neighbour, put one beside ours.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        let line = line.to_str().ok().filter(|line| line.len() <= MAX_COOKIES)?;
        for pair in line.split(';') {
            if let Some((own, value)) = pair.trim().split_once('=')
                && own == name
                && found.replace(value).is_some()
            {
                return None;
            }
        }
    }
    found
}

/// What was shown.
pub(super) fn shown(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, WHO)
}

/// Who a cookie says is there; `None` for one that is not ours, not for this application, or was taken back.
pub(super) async fn who(house: &House, app: &TargetName, shown: &str) -> Option<Shown> {
    let text = house.authorities.open_ticket(COOKIE, shown)?;
    let who: Who = serde_json::from_slice(&text).ok()?;
    if who.app != app.as_str() {
        return None;
    }
    // A store that does not answer lets nobody in.
    if house.store.load(left_key(&who.id)).await.ok()?.is_some() {
        return None;
    }
    let identity = Identity {
        user: who.user.parse().ok()?,
        login: who.login.parse().ok()?,
        expires: who.expires,
        mfa: who.mfa,
        device: false,
    };
    Some(Shown { cookie: shown.into(), id: who.id.into(), identity })
}

fn left_key(id: &str) -> String {
    format!("/app-left/{id}")
}

/// Whether a person looks at the answer: a browser that goes to a page.
pub(super) fn is_person(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    let goes = headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let html =
        accepts.is_some_and(|all| all.split(',').any(|kind| kind.trim().starts_with("text/html")));
    goes && html
}

/// Sends a browser to the house to log in, and to come back to where it wanted to go.
pub(super) fn to_login(
    house: &House,
    request: &Request<Incoming>,
    front: &Front,
) -> Response<Download> {
    let state = match cookie(request.headers(), STATE).filter(|state| is_state(state)) {
        // Another tab is on its way already.
        Some(state) => state.to_owned(),
        None => encode(&rand::random::<[u8; 24]>()),
    };
    let link = match *request.method() {
        Method::GET => request.uri().path_and_query().map(ToString::to_string),
        _ => None,
    };
    let link = link.filter(|link| link.len() <= MAX_LINK && !link.starts_with(OWN));
    let to = link.filter(|link| is_link(link)).unwrap_or_else(|| "/".to_owned());
    let query = [("at", front.authority.as_str()), ("state", &state), ("to", &to)];
    let address = format!("{}/v1/enter?{}", house.public_url(), page::query(&query));
    let mut response = page::redirect(&address);
    let life = STATE_LIFE.as_secs();
    set_cookie(
        &mut response,
        &format!("{STATE}={state}; Path=/; Max-Age={life}; HttpOnly; Secure; SameSite=Lax"),
    );
    response
}

fn is_state(state: &str) -> bool {
    (32..=64).contains(&state.len())
        && state.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Whether a deep link stays at this host: browsers read `//host` and `/\host` as another one.
pub(super) fn is_link(link: &str) -> bool {
    link.starts_with('/')
        && !link.starts_with("//")
        && link.len() <= MAX_LINK
        && !link.contains('\\')
        && link.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

fn set_cookie(response: &mut Response<Download>, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn no_page() -> Response<Download> {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such page").json()
}

impl Connection {
    /// Answers a request for one of our own pages; gives any other back.
    pub(super) async fn own(
        self: &Arc<Self>,
        request: Request<Incoming>,
        front: &Front,
    ) -> Result<Response<Download>, Request<Incoming>> {
        let Some(name) = request.uri().path().strip_prefix(OWN) else { return Err(request) };
        let name = name.to_owned();
        let said = match (request.method().as_str(), name.as_str()) {
            ("GET", "enter") => self.enter(&request).await,
            ("GET", "style.css") => page::style(),
            ("GET", "wait.js") => page::script(),
            ("GET", "wait") => self.wait(&request, front).await,
            ("GET", "wait/events") => self.wait_events(&request).await,
            ("GET", "logout") => self.leave_page(&request, front).await,
            ("POST", "logout") => self.leave(request, front).await,
            ("POST", "request") => self.ask(request, front).await,
            _ => no_page(),
        };
        Ok(said)
    }

    /// `/.countersign/enter`: from a ticket of the house's login to a cookie of this application.
    async fn enter(&self, request: &Request<Incoming>) -> Response<Download> {
        let expired = || {
            page::says(
                StatusCode::BAD_REQUEST,
                "This link has been used, or is too old",
                "Open the application again.",
            )
        };
        let ticket = page::parameter(request.uri().query(), "ticket").unwrap_or_default();
        let opened = self.house.authorities.open_ticket(ENTER, &ticket);
        let Some(entrance) = opened.and_then(|text| serde_json::from_slice::<Entrance>(&text).ok())
        else {
            return expired();
        };
        let now = self.house.now();
        let begun = cookie(request.headers(), STATE).unwrap_or_default();
        let is_begun: bool = aws_lc_rs::constant_time::verify_slices_are_equal(
            begun.as_bytes(),
            entrance.state.as_bytes(),
        )
        .is_ok();
        if entrance.app != self.app.as_str() || now >= entrance.until || !is_begun {
            return expired();
        }
        match self.use_up(&entrance.id).await {
            Ok(true) => {}
            Ok(false) => return expired(),
            Err(error) => return page::unavailable(&error),
        }
        let who = Who {
            id: encode(&rand::random::<[u8; 16]>()),
            user: entrance.user,
            login: entrance.login,
            expires: entrance.expires,
            mfa: entrance.mfa,
            app: entrance.app,
        };
        let Some(value) = self.seal(COOKIE, &who) else { return expired() };
        let life = who.expires.duration_since(now).as_secs().max(0);
        let to = if is_link(&entrance.to) { entrance.to.as_str() } else { "/" };
        let mut response = page::redirect(to);
        set_cookie(
            &mut response,
            &format!("{WHO}={value}; Path=/; Max-Age={life}; HttpOnly; Secure; SameSite=Lax"),
        );
        set_cookie(
            &mut response,
            &format!("{STATE}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"),
        );
        response
    }

    /// Whether a ticket is used for the first time, in the whole house.
    async fn use_up(&self, id: &str) -> Result<bool, CommitError> {
        let store = &self.house.store;
        let key = format!("/app-ticket/{}", page::word(id));
        let lease = store.lease(USED_LIFE).await?;
        match store.commit(Commit::new().expecting(&key, Absent).put(&key, "").lease(lease)).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn seal(&self, purpose: &str, what: &impl Serialize) -> Option<String> {
        let text = serde_json::to_vec(what).ok()?;
        self.house.authorities.seal_ticket(purpose, &text).ok()
    }

    /// The page for someone who may not: why, and a form where it can be asked for.
    pub(super) fn denied(
        &self,
        refused: &Refused,
        identity: &Identity,
        to: &str,
        wrong: Option<&str>,
        front: &Front,
    ) -> Response<Download> {
        let form = Form {
            login: identity.login.to_string(),
            app: self.app.to_string(),
            until: self.house.now().checked_add(FORM_LIFE).unwrap_or(Timestamp::MAX),
        };
        let form = self.seal(FORM, &form).unwrap_or_default();
        let status = Problem::refused(refused).status;
        page::denied(
            status,
            &Page { app: &self.app, user: &identity.user, front, house: &self.house.public_url() },
            refused,
            page::Ask { form: &form, to: if is_link(to) { to } else { "/" }, wrong },
        )
    }

    /// Reads a form of ours, if it is his who sends it.
    async fn form(
        &self,
        request: Request<Incoming>,
        front: &Front,
    ) -> Result<(Vec<(String, String)>, Identity), Response<Download>> {
        let bad = |why: &str| Problem::new(StatusCode::BAD_REQUEST, "bad_form", why).json();
        let (head, body) = request.into_parts();
        // Browsers say where a form comes from (RFC 6454, section 7; Fetch Metadata).
        let own = format!("{}://{}", front.scheme, front.authority);
        let origin = head.headers.get(header::ORIGIN);
        let site = head.headers.get("sec-fetch-site");
        if origin.is_some_and(|origin| origin.as_bytes() != own.as_bytes())
            || site.is_some_and(|site| site != "same-origin")
        {
            return Err(bad("this form comes from another place"));
        }
        let Some(identity) = self.someone(&head.headers).await else {
            return Err(bad("you are not logged in"));
        };
        let Ok(text) = Limited::new(body, MAX_FORM).collect().await else {
            return Err(bad("the form is too long"));
        };
        let fields = page::fields(&text.to_bytes());
        let ticket = page::field(&fields, "form");
        let opened = self.house.authorities.open_ticket(FORM, ticket);
        let form = opened.and_then(|text| serde_json::from_slice::<Form>(&text).ok());
        match form {
            Some(form)
                if form.login == identity.login.to_string()
                    && form.app == self.app.as_str()
                    && self.house.now() < form.until =>
            {
                Ok((fields, identity))
            }
            Some(_) | None => Err(bad("this form is too old: go back and try again")),
        }
    }

    fn caller(&self, identity: Identity) -> Caller {
        Caller {
            identity,
            ask: Ask::app(self.app.clone()),
            peer: self.peer,
            client: "browser".into(),
        }
    }

    /// `POST /.countersign/request`
    async fn ask(&self, request: Request<Incoming>, front: &Front) -> Response<Download> {
        let (fields, identity) = match self.form(request, front).await {
            Ok(sent) => sent,
            Err(response) => return response,
        };
        let to =
            Some(page::field(&fields, "to")).filter(|to| is_link(to)).unwrap_or("/").to_owned();
        let caller = self.caller(identity.clone());
        let refused = match self.house.gate.admit(&caller, self.house.now()) {
            Ok(_) => return page::redirect(&to),
            Err(refused) => refused,
        };
        let reason = page::field(&fields, "reason").trim().to_owned();
        let Some(wish) = refused.wish.clone() else {
            return self.denied(&refused, &identity, &to, None, front);
        };
        if reason.is_empty() {
            return self.denied(&refused, &identity, &to, Some("Say why you need it."), front);
        }
        let question = Question { caller, wish: *wish, reason };
        match self.house.requests.file(question).await {
            Err(sentence) => self.denied(&refused, &identity, &to, Some(&sentence), front),
            Ok(filed) => {
                let waiting = Waiting {
                    login: identity.login.to_string(),
                    request: filed.request.to_string(),
                    to,
                };
                let ticket = self.seal(WAIT, &waiting).unwrap_or_default();
                let asked = filed.asked.join(", ");
                let query = page::query(&[("ticket", &ticket), ("asked", &asked)]);
                page::redirect(&format!("{OWN}wait?{query}"))
            }
        }
    }

    /// What a waiting page waits for, if it is his who looks at it.
    async fn awaited(&self, request: &Request<Incoming>) -> Option<(Waiting, RequestId, Identity)> {
        let ticket = page::parameter(request.uri().query(), "ticket")?;
        let text = self.house.authorities.open_ticket(WAIT, &ticket)?;
        let waiting: Waiting = serde_json::from_slice(&text).ok()?;
        let identity = self.someone(request.headers()).await?;
        let is_his = waiting.login == identity.login.to_string();
        let id = waiting.request.parse().ok()?;
        is_his.then_some((waiting, id, identity))
    }

    /// `GET /.countersign/wait`
    async fn wait(&self, request: &Request<Incoming>, front: &Front) -> Response<Download> {
        let Some((waiting, id, identity)) = self.awaited(request).await else {
            return page::redirect("/");
        };
        let caller = self.caller(identity.clone());
        if self.house.gate.admit(&caller, self.house.now()).is_ok() {
            return page::redirect(&waiting.to);
        }
        let asked = page::parameter(request.uri().query(), "asked").unwrap_or_default();
        let ticket = page::parameter(request.uri().query(), "ticket").unwrap_or_default();
        let page =
            Page { app: &self.app, user: &identity.user, front, house: &self.house.public_url() };
        match self.house.requests.standing(id).await {
            crate::Standing::Waiting => page::waits(&page, id, &asked, &ticket, &waiting.to),
            crate::Standing::Decided(line) => page::decided(&page, id, &line, &waiting.to),
        }
    }

    /// `GET /.countersign/wait/events`
    async fn wait_events(&self, request: &Request<Incoming>) -> Response<Download> {
        let Some((_, id, identity)) = self.awaited(request).await else { return no_page() };
        let expires = identity.expires;
        super::wait::events(Arc::clone(&self.house), self.caller(identity), id, expires)
    }

    /// `GET /.countersign/logout`
    async fn leave_page(&self, request: &Request<Incoming>, front: &Front) -> Response<Download> {
        let Some(identity) = self.someone(request.headers()).await else {
            return page::redirect("/");
        };
        let until = self.house.now().checked_add(FORM_LIFE).unwrap_or(Timestamp::MAX);
        let form = Form { login: identity.login.to_string(), app: self.app.to_string(), until };
        let form = self.seal(FORM, &form).unwrap_or_default();
        page::leave(
            &Page { app: &self.app, user: &identity.user, front, house: &self.house.public_url() },
            &form,
        )
    }

    /// `POST /.countersign/logout`: the cookie is worth nothing from now on, and the visit ends.
    async fn leave(&self, request: Request<Incoming>, front: &Front) -> Response<Download> {
        let shown = shown(request.headers()).map(str::to_owned);
        let (_, identity) = match self.form(request, front).await {
            Ok(sent) => sent,
            Err(response) => return response,
        };
        if let Some(shown) = shown
            && let Some(shown) = who(&self.house, &self.app, &shown).await
        {
            let left = shown.identity.expires.duration_since(self.house.now());
            let taken = async {
                let lease = self.house.store.lease(left.max(USED_LIFE)).await?;
                self.house
                    .store
                    .commit(Commit::new().put(left_key(&shown.id), "").lease(lease))
                    .await
            };
            if let Err(error) = taken.await {
                return page::unavailable(&error);
            }
        }
        self.house.visits.end(&self.caller(identity));
        let mut response = page::says(
            StatusCode::OK,
            "You have left this application",
            &format!("Your login at {} goes on; end it there.", self.house.public_url()),
        );
        set_cookie(
            &mut response,
            &format!("{WHO}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"),
        );
        response
    }
}

/// Characters for cookies and addresses.
mod base64_url {
    /// Base64 for URLs, without padding (RFC 4648, section 5).
    pub(super) fn encode(bytes: &[u8]) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_link_stays_at_its_host() {
        for good in ["/", "/d/abc?x=1&y=%2F", "/a//b", "/@user"] {
            assert!(is_link(good), "{good}");
        }
        for bad in ["", "x", "//evil", "/\\evil", "https://evil", "/a b", "/a\r\nb", "/é"] {
            assert!(!is_link(bad), "{bad:?}");
        }
    }

    #[test]
    fn two_cookies_of_one_name_are_nobodys() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; __Host-countersign-app=one"));
        assert_eq!(shown(&headers), Some("one"));
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-countersign-app=two"));
        assert_eq!(shown(&headers), None);
    }
}
