//! What is changed in the heads of requests and answers on their way.
//!
//! Headers that belong to one connection end there (RFC 9110, section 7.6.1); what says who is asking is ours to say, so
//! whatever a client says of it is taken out, in every spelling that an application might read as the same.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Authority;
use http::{Method, Version};

use super::stored::App;

/// The signed assertion: who is asking.
pub(super) const ASSERTION: HeaderName = HeaderName::from_static("countersign-jwt-assertion");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Headers of one connection.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// What clients may not say about themselves: the names that proxies in front of applications give.
const CLAIMS: [&str; 22] = [
    "countersign-jwt-assertion",
    "forwarded",
    "remote-email",
    "remote-groups",
    "remote-name",
    "remote-user",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-email",
    "x-groups",
    "x-original-forwarded-for",
    "x-original-url",
    "x-proxy-user",
    "x-real-ip",
    "x-remote-email",
    "x-remote-group",
    "x-remote-groups",
    "x-remote-user",
    "x-rewrite-url",
    "x-user",
    "x-webauth-user",
];
/// The same by how they begin.
const CLAIMS_BEGIN: [&str; 5] =
    ["x-forwarded-", "x-auth-", "x-authenticated-", "x-countersign-", "countersign-"];

/// Whether a header claims to say who is asking, or from where. An application behind CGI or WSGI reads `_` as `-`.
fn claims(name: &HeaderName) -> bool {
    let said = |name: &str| {
        CLAIMS.contains(&name) || CLAIMS_BEGIN.iter().any(|begin| name.starts_with(begin))
    };
    let name = name.as_str();
    if name.contains('_') { said(&name.replace('_', "-")) } else { said(name) }
}

/// Where a request came in.
#[derive(Clone, Debug)]
pub(super) struct Front {
    /// Host, and port where it is not 443, as the client asked for.
    pub(super) authority: Authority,
    /// `https`; at the local end of a tunnel `http`.
    pub(super) scheme: &'static str,
    /// Where from.
    pub(super) peer: IpAddr,
}

/// What every request to an application gets.
pub(super) struct Given<'a> {
    pub(super) front: &'a Front,
    /// Headers from the record, filled in for the user.
    pub(super) headers: &'a [(HeaderName, HeaderValue)],
    pub(super) assertion: Option<HeaderValue>,
}

/// Takes out what ends here.
fn end_hop(headers: &mut HeaderMap) {
    if let Some(named) = headers.get(header::CONNECTION) {
        let named: Vec<HeaderName> = named
            .to_str()
            .unwrap_or_default()
            .split(',')
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Makes the head of a request what the application gets.
pub(super) fn request(headers: &mut HeaderMap, given: Given<'_>, own_cookie: &str) {
    let trailers = headers
        .get_all(header::TE)
        .iter()
        .any(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    end_hop(headers);
    let stripped: Vec<HeaderName> = headers.keys().filter(|name| claims(name)).cloned().collect();
    for name in stripped {
        headers.remove(name);
    }
    cookies(headers, own_cookie);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    let Given { front, headers: more, assertion } = given;
    let text = |text: &str| HeaderValue::from_str(text).ok();
    let port = front.authority.port_u16().unwrap_or(if front.scheme == "https" { 443 } else { 80 });
    let facts = [
        (FORWARDED_FOR, text(&front.peer.to_canonical().to_string())),
        (FORWARDED_PROTO, Some(HeaderValue::from_static(front.scheme))),
        (FORWARDED_HOST, text(front.authority.as_str())),
        (FORWARDED_PORT, Some(HeaderValue::from(port))),
        (header::HOST, text(front.authority.as_str())),
        (ASSERTION, assertion),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    for (name, value) in more {
        headers.insert(name.clone(), value.clone());
    }
}

/// Joins what HTTP/2 divides (RFC 9113, section 8.2.3), and takes out our own cookies: they are not the application's.
fn cookies(headers: &mut HeaderMap, own: &str) {
    let mut sent = headers.get_all(header::COOKIE).iter();
    let Some(first) = sent.next() else { return };
    let has_ours = first.as_bytes().windows(own.len().max(1)).any(|part| part == own.as_bytes());
    if sent.next().is_none() && !has_ours {
        return;
    }
    let mut joined: Vec<u8> = Vec::new();
    let all = headers.get_all(header::COOKIE).iter();
    for pair in all.flat_map(|value| value.as_bytes().split(|byte| *byte == b';')) {
        let pair = pair.trim_ascii();
        if pair.is_empty() || pair.starts_with(own.as_bytes()) {
            continue;
        }
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(pair);
    }
    headers.remove(header::COOKIE);
    if let Ok(value) = HeaderValue::from_bytes(&joined)
        && !joined.is_empty()
    {
        headers.insert(header::COOKIE, value);
    }
}

/// Makes the head of an answer what the client gets.
pub(super) fn answer(headers: &mut HeaderMap, app: &App, front: &Front, own_cookie: &str) {
    end_hop(headers);
    for name in [header::LOCATION, header::CONTENT_LOCATION, header::REFRESH] {
        let Some(value) = headers.get(&name) else { continue };
        let led = value.to_str().ok().and_then(|text| led_back(text, app, front));
        if let Some(led) = led.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(name, led);
        }
    }
    set_cookies(headers, own_cookie);
}

/// A redirect to the application's own address, or to another name of it, leads back to the name it has here.
fn led_back(text: &str, app: &App, front: &Front) -> Option<String> {
    // `Refresh: 5; url=http://…` has the address at its end.
    let at = text.find("://").or_else(|| text.starts_with("//").then_some(0))?;
    let begin = text.get(..at)?.rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |i| i + 1);
    let rest = text.get(at..)?.trim_start_matches(':').strip_prefix("//")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => host,
    };
    let host = host.trim_matches(['[', ']']).to_lowercase();
    let ours = *app.host == *host || app.redirects.iter().any(|other| **other == *host);
    let before = text.get(..begin).unwrap_or_default();
    ours.then(|| format!("{before}{}://{}{path}", front.scheme, front.authority))
}

/// A cookie belongs to the application's own name: one for a whole domain would go to its neighbours, and ours is not
/// the application's to set.
fn set_cookies(headers: &mut HeaderMap, own_cookie: &str) {
    let changes = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        bytes.starts_with(own_cookie.as_bytes())
            || bytes.windows(7).any(|part| part.eq_ignore_ascii_case(b"domain="))
    };
    if !headers.get_all(header::SET_COOKIE).iter().any(changes) {
        return;
    }
    let all: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for value in all {
        let name = value.as_bytes().trim_ascii_start();
        if name.starts_with(own_cookie.as_bytes()) {
            continue;
        }
        let mut kept: Vec<u8> = Vec::with_capacity(value.len());
        for (i, part) in value.as_bytes().split(|byte| *byte == b';').enumerate() {
            let word = part.trim_ascii();
            if i > 0 && word.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"domain")) {
                continue;
            }
            if i > 0 {
                kept.push(b';');
            }
            kept.extend_from_slice(part);
        }
        if let Ok(value) = HeaderValue::from_bytes(&kept) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// What a request asks the connection to become.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// Nothing else.
    Plain,
    /// A WebSocket (RFC 6455, section 4.1).
    WebSocket,
    /// Anything else: `h2c` would be a way around everything here.
    Other,
}

/// What a request asks the connection to become.
pub(super) fn wish(method: &Method, version: Version, headers: &HeaderMap) -> Wish {
    if *method == Method::CONNECT {
        return Wish::Other;
    }
    let Some(protocol) = headers.get(header::UPGRADE) else { return Wish::Plain };
    let asked = headers.get_all(header::CONNECTION).iter().any(|value| {
        value
            .to_str()
            .unwrap_or_default()
            .split(',')
            .any(|word| word.trim().eq_ignore_ascii_case("upgrade"))
    });
    match protocol.to_str() {
        // Without the word in `Connection` the header says nothing (RFC 9110, section 7.8), and is taken out.
        _ if !asked || version != Version::HTTP_11 => Wish::Plain,
        Ok(word) if word.eq_ignore_ascii_case("websocket") && *method == Method::GET => {
            Wish::WebSocket
        }
        Ok(_) | Err(_) => Wish::Other,
    }
}
