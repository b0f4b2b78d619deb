//! Browsers: the session token lives in a cookie, and calls that change something prove that a page of ours made them.
//!
//! ```text
//!   cookie (HttpOnly, Secure, SameSite=Strict)  ──► who
//!   header `countersign-proof`, from the session ──► a page of ours, for every method but GET
//!   Sec-Fetch-Site                               ──► not another site's, where the browser says so
//! ```
//!
//! A cookie without its proof is no error: it counts for nothing, and the caller stays nobody. Whoever comes with a client
//! certificate or a bearer token never gets here.

use access::identity::Identity;
use api::browser::{BrowserView, COOKIE, PROOF_HEADER};
use api::endpoints::{self, Auth};
use api::login::WebLogin;
use api::problem::Problem;
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{AppendHeaders, IntoResponse as _, Response},
};
use std::collections::BTreeSet;
use store::kv::Commit;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{
    Issue, bearer, digest,
    door::{Shown, enter},
    issue::How,
    logins,
    web::{Session, token_key},
};
use crate::{Caller, Control, Failure, http::Json as Body};

/// The longest `Cookie` header that is looked at, in bytes.
const MAX_COOKIES: usize = 8 * 1024;

/// Rules that handlers ask for themselves, so that the endpoint table does not show them.
const ASKED_LATER: [(&str, endpoints::Verb); 5] = [
    ("access_request", endpoints::Verb::Create),
    ("access_request", endpoints::Verb::List),
    ("access_request", endpoints::Verb::Update),
    ("session", endpoints::Verb::List),
    ("session", endpoints::Verb::Update),
];

/// A session of a browser that begins.
pub(crate) struct Begun {
    pub(crate) identity: Identity,
    pub(crate) token: Zeroizing<String>,
}

/// A new session, and what must be committed before its cookie is handed out.
pub(crate) fn begin(control: &Control, wish: &Issue<'_>) -> Result<(Begun, Commit), Failure> {
    let identity = wish.identity(control);
    let token = Zeroizing::new(bearer());
    let session = Session { user: wish.user.to_string(), login: identity.login.to_string() };
    let bytes = serde_json::to_vec(&session).map_err(Failure::internal)?;
    let commit =
        wish.commit(control, &identity, Some(&token))?.put(token_key(&digest(&token)), bytes);
    Ok((Begun { identity, token }, commit))
}

/// The cookie of a login that has been committed.
pub(super) fn cookie_of(control: &Control, begun: &Begun) -> String {
    let life = begun.identity.expires.duration_since(control.now()).as_secs().max(0);
    format!(
        "{COOKIE}={}; Path=/; Max-Age={life}; HttpOnly; Secure; SameSite=Strict",
        begun.token.as_str()
    )
}

/// The answer to a login that has been committed: its cookie, and who it is.
pub(crate) fn welcome(control: &Control, begun: &Begun) -> Response {
    let cookie = cookie_of(control, begun);
    let view = view(control, &begun.identity, Some(proof(&begun.token)));
    (AppendHeaders([(header::SET_COOKIE, cookie)]), Json(view)).into_response()
}

/// `POST /v1/browser`
pub(super) async fn log_in(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Body(wish): Body<WebLogin>,
) -> Result<Response, Failure> {
    if elsewhere(&headers, &Method::POST) {
        return Err(Problem::forbidden().into());
    }
    let shown = Shown {
        user: wish.user,
        password: Zeroizing::new(wish.password),
        totp: Zeroizing::new(wish.totp),
    };
    let begun = enter(&control, &caller, shown, async |user| {
        let (begun, commit) =
            begin(&control, &Issue { user, how: How::Web, ttl: None, caller: &caller })?;
        Ok((begun, commit.and(logins::forget_ended(&control, user).await?)))
    });
    Ok(welcome(&control, &begun.await?))
}

/// `GET /v1/browser`
pub(super) async fn show(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<BrowserView>, Failure> {
    let Caller::User(identity) = &caller else {
        return Err(Problem::bad_request("there is no login on this connection").into());
    };
    // Another's cookie beside a certificate must not be vouched for.
    let own = async |token: &str| match super::session_identity(&control, token).await {
        Ok(Some(found)) if found.login == identity.login => Some(proof(token)),
        Ok(_) | Err(_) => None,
    };
    let proof = match cookie(&headers) {
        Some(token) => own(token).await,
        None => None,
    };
    Ok(Json(view(&control, identity, proof)))
}

/// `DELETE /v1/browser`
pub(super) async fn log_out(
    State(control): State<Control>,
    caller: Caller,
) -> Result<Response, Failure> {
    super::handlers::end_this(&control, &caller).await?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, taken_back())]))
        .into_response())
}

/// `DELETE /v1/logins`
pub(super) async fn end_all(
    State(control): State<Control>,
    caller: Caller,
) -> Result<Response, Failure> {
    let Caller::User(identity) = &caller else {
        return Err(Problem::bad_request("there is no login on this connection").into());
    };
    logins::end_all(&control, &caller, &identity.user).await?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, taken_back())]))
        .into_response())
}

/// The session token that this call may use: its cookie's, where the call proves to come from a page of ours.
pub(crate) fn token<'a>(headers: &'a HeaderMap, method: &Method) -> Option<&'a str> {
    let token = cookie(headers)?;
    if elsewhere(headers, method) {
        return None;
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Some(token);
    }
    let given = headers.get(PROOF_HEADER)?.as_bytes();
    bool::from(proof(token).as_bytes().ct_eq(given)).then_some(token)
}

/// The one cookie of ours. Two of the same name are nobody's.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        let line = line.to_str().ok().filter(|line| line.len() <= MAX_COOKIES)?;
        for pair in line.split(';') {
            if let Some((name, value)) = pair.trim().split_once('=')
                && name == COOKIE
                && found.replace(value).is_some()
            {
                return None;
            }
        }
    }
    found
}

/// Whether a browser says that the call comes from a page of another origin (Fetch Metadata §2.3). Following a link is
/// what people do, and changes nothing.
pub(super) fn elsewhere(headers: &HeaderMap, method: &Method) -> bool {
    let said = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let navigates = *method == Method::GET && said("sec-fetch-mode") == Some(b"navigate");
    !navigates && !matches!(said("sec-fetch-site"), None | Some(b"same-origin" | b"none"))
}

/// What proves a page of ours: it follows from the token, so nothing more is kept, and it does not lead back to it.
fn proof(token: &str) -> String {
    digest(&format!("countersign proof of {token}"))
}

fn taken_back() -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict")
}

fn view(control: &Control, identity: &Identity, proof: Option<String>) -> BrowserView {
    let caller = Caller::User(identity.clone());
    let rules = endpoints::all().filter_map(|endpoint| match endpoint.auth {
        Auth::Rule(resource, verb) => Some((resource, verb)),
        Auth::AdminSocket | Auth::Public | Auth::User => None,
    });
    let powers: BTreeSet<String> = rules
        .chain(ASKED_LATER)
        .filter(|(resource, verb)| control.caller_may_some(&caller, resource, *verb).is_ok())
        .map(|(resource, verb)| format!("{resource}/{}", verb.as_str()))
        .collect();
    let roles = control.store().policy().read(|policy| {
        policy
            .user(&identity.user)
            .map(|user| user.roles.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    });
    BrowserView {
        user: identity.user.to_string(),
        login: identity.login.to_string(),
        expires: identity.expires,
        proof,
        cluster: control.cluster().to_owned(),
        address: control.public_addr().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: control.now(),
        roles,
        powers: powers.into_iter().collect(),
        can_review: crate::requests::can_review(control, identity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn reading_needs_the_cookie_and_changing_its_proof() {
        let jar = format!("a=b; {COOKIE}=secret; c=d");
        let read = headers(&[("cookie", &jar)]);
        assert_eq!(token(&read, &Method::GET), Some("secret"));
        assert_eq!(token(&read, &Method::POST), None);
        let wrong = headers(&[("cookie", &jar), (PROOF_HEADER, &proof("another"))]);
        assert_eq!(token(&wrong, &Method::POST), None);
        let right = headers(&[("cookie", &jar), (PROOF_HEADER, &proof("secret"))]);
        assert_eq!(token(&right, &Method::POST), Some("secret"));
        assert_eq!(token(&right, &Method::DELETE), Some("secret"));
    }

    #[test]
    fn two_cookies_of_our_name_are_nobodys() {
        let jar = format!("{COOKIE}=one; {COOKIE}=two");
        assert_eq!(token(&headers(&[("cookie", &jar)]), &Method::GET), None);
    }

    #[test]
    fn what_another_page_sends_counts_for_nothing_but_a_link_that_was_followed() {
        let jar = format!("{COOKIE}=secret");
        for (site, mode, counts) in [
            ("same-origin", "cors", true),
            ("none", "navigate", true),
            ("same-site", "cors", false),
            ("cross-site", "no-cors", false),
            ("cross-site", "navigate", true),
        ] {
            let headers =
                headers(&[("cookie", &jar), ("sec-fetch-site", site), ("sec-fetch-mode", mode)]);
            assert_eq!(token(&headers, &Method::GET).is_some(), counts, "{site} {mode}");
        }
        let posted = headers(&[
            ("cookie", &jar),
            (PROOF_HEADER, &proof("secret")),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ]);
        assert_eq!(token(&posted, &Method::POST), None);
    }
}
