//! The headers of a request on its way to the API server, and of its answer on the way back.

use access::permit::Terms;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Headers that speak about one connection alone (RFC 9110, section 7.6.1), and those that older software took for such.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Headers by which an API server takes a request for someone else's, or for one from elsewhere: those of its
/// `impersonation` and its `requestheader` authentication, and what proxies say of clients.
const CLAIMS: [&str; 4] = ["impersonate-", "x-remote-", "x-forwarded-", "x-real-ip"];

/// What an API server's audit log calls one request.
pub(super) const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");
const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
const IMPERSONATE_GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// Whom the client wants to be, by `--as` and `--as-group`.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Wanted {
    pub(super) user: Option<Box<str>>,
    pub(super) groups: Vec<Box<str>>,
}

/// The most groups that one request may want.
const MAX_GROUPS: usize = 64;

impl Wanted {
    /// Reads the client's choice. It is put to the policy; nothing of it is passed on as it stands.
    ///
    /// # Errors
    /// Where it is no text, or names more than one user or too many groups.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, &'static str> {
        let text = |value: &HeaderValue| {
            let text = value.to_str().ok().filter(|text| !text.is_empty());
            text.map(Box::from).ok_or("an Impersonate header is empty, or is no plain text")
        };
        let mut users = headers.get_all(IMPERSONATE_USER).iter();
        let user = users.next().map(text).transpose()?;
        if users.next().is_some() {
            return Err("the header Impersonate-User stands there twice");
        }
        let mut groups: Vec<Box<str>> =
            headers.get_all(IMPERSONATE_GROUP).iter().map(text).collect::<Result<_, _>>()?;
        groups.sort_unstable();
        groups.dedup();
        if groups.len() > MAX_GROUPS {
            return Err("more groups are wanted than one request may name");
        }
        Ok(Self { user, groups })
    }
}

/// Takes out what speaks of this connection alone.
pub(super) fn strip_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Takes out what the client says of who it is.
pub(super) fn strip_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| CLAIMS.iter().any(|claim| name.as_str().starts_with(claim)))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
    for name in [header::AUTHORIZATION, header::FORWARDED, header::HOST, header::EXPECT] {
        headers.remove(name);
    }
}

/// A name that no header can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NoHeader;

/// Says whom the request is from: the user and the groups of the permit.
///
/// # Errors
/// Where a role names a user or a group that no header can hold.
pub(super) fn impersonate(headers: &mut HeaderMap, terms: &Terms) -> Result<(), NoHeader> {
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).map_err(|_| NoHeader);
    // Without a user the request would be our own.
    let user = terms.kube_user.as_deref().filter(|user| !user.is_empty()).ok_or(NoHeader)?;
    headers.insert(IMPERSONATE_USER, value(user)?);
    for group in &terms.kube_groups {
        headers.append(IMPERSONATE_GROUP, value(group)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        lines.collect()
    }

    #[test]
    fn nothing_the_client_says_of_itself_is_passed_on() {
        let mut sent = headers(&[
            ("authorization", "Bearer stolen"),
            ("impersonate-user", "admin"),
            ("impersonate-group", "system:masters"),
            ("impersonate-uid", "0"),
            ("impersonate-extra-scopes", "all"),
            ("x-remote-user", "admin"),
            ("x-remote-group", "system:masters"),
            ("x-forwarded-for", "10.0.0.1"),
            ("connection", "upgrade, X-Custom"),
            ("x-custom", "hop"),
            ("te", "trailers"),
            ("upgrade", "SPDY/3.1"),
            ("host", "elsewhere"),
            ("accept", "application/json"),
        ]);
        strip_hops(&mut sent);
        strip_claims(&mut sent);
        assert_eq!(sent, headers(&[("accept", "application/json")]));
        let terms = Terms {
            kube_user: Some("alice".into()),
            kube_groups: vec!["dba".into(), "dev".into()],
            ..Terms::default()
        };
        impersonate(&mut sent, &terms).unwrap();
        assert_eq!(sent["impersonate-user"], "alice");
        assert_eq!(sent.get_all("impersonate-group").iter().count(), 2);
    }

    #[test]
    fn without_a_user_nothing_is_sent() {
        let mut sent = HeaderMap::new();
        assert_eq!(impersonate(&mut sent, &Terms::default()), Err(NoHeader));
        let terms = Terms { kube_user: Some("a\nb".into()), ..Terms::default() };
        assert_eq!(impersonate(&mut sent, &terms), Err(NoHeader));
    }

    #[test]
    fn a_choice_is_one_user_and_some_groups() {
        let wanted = Wanted::read(&headers(&[
            ("impersonate-user", "a"),
            ("impersonate-group", "g"),
            ("impersonate-group", "g"),
        ]));
        let expected = Wanted { user: Some("a".into()), groups: vec!["g".into()] };
        assert_eq!(wanted, Ok(expected));
        let twice = headers(&[("impersonate-user", "a"), ("impersonate-user", "b")]);
        assert!(Wanted::read(&twice).is_err());
    }
}
