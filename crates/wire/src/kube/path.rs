//! The path of a request, taken apart as the API server takes it apart.
//!
//! Strict, since rules hang on it: an escape is decoded once and the path is written anew from its parts, so what was
//! judged is what is sent on. Empty parts, `.`, `..`, an escaped `/` or `%`, control characters and bytes that are not
//! UTF-8 are refused, and so are the old prefixes `watch` and `proxy`, which would hide the resource behind them.

use core::fmt::Write as _;

/// The longest path, in bytes: five names of 253 bytes, escaped, and what stands between them; port-forwarded paths
/// behind `proxy` are longer than any other.
const MAX_PATH: usize = 8 * 1024;
/// The longest query, in bytes: `exec` puts the command line there.
const MAX_QUERY: usize = 64 * 1024;
/// The most parts of a path.
const MAX_PARTS: usize = 64;

/// What a request is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Call {
    /// What the API offers and whether it is well: everyone who may use the cluster may ask that.
    Discovery,
    /// Objects.
    Object(Object),
    /// A path that names no object: `/metrics`.
    Path(Box<str>),
}

/// The objects a request is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Object {
    /// The API group, empty for the core group.
    pub group: Box<str>,
    /// The namespace, if one is named; for a namespace itself there is none.
    pub namespace: Option<Box<str>>,
    /// The resource, in the plural: `pods`.
    pub resource: Box<str>,
    /// The object's name; empty for a collection.
    pub name: Box<str>,
    /// What of the object: `exec`, `log`, `scale`; empty for the object itself.
    pub sub: Box<str>,
    /// What is done, in the words of roles.
    pub verb: &'static str,
}

/// The parts of the query that change what a request means.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Query {
    /// Whether changes are wanted, for ever, instead of a list.
    pub watch: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin with `/`, or is longer than the limit.
    #[error("the path does not begin with `/`, or is longer than {MAX_PATH} bytes")]
    Shape,
    /// A part is empty, `.`, `..`, or holds what no name holds.
    #[error(
        "part {0} of the path is empty, `.` or `..`, or holds an escape or a character that no name has"
    )]
    Part(usize),
    /// More parts than any API has.
    #[error("the path has more than {MAX_PARTS} parts")]
    Parts,
    /// `/api/v1/watch/…`, `/api/v1/proxy/…`.
    #[error(
        "paths with `watch` or `proxy` before the resource are not served: use `?watch=true`, or `/proxy` behind the name"
    )]
    Prefix,
    /// A method the API does not have.
    #[error("the API has no such method: GET, HEAD, POST, PUT, PATCH and DELETE are served")]
    Method,
    /// The query cannot be read without a doubt.
    #[error(
        "the query is longer than {MAX_QUERY} bytes, has a broken escape, or says `watch` twice or in words that are neither `true` nor `false`"
    )]
    Query,
}

/// A program that `exec` starts, or that `attach` joins.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Program {
    /// The command line; empty for `attach`.
    pub command: Vec<String>,
    /// Whether it has a terminal.
    pub tty: bool,
}

impl Program {
    /// Reads the query of `exec` and `attach` (Kubernetes API, `PodExecOptions`). What cannot be decoded is left out.
    #[must_use]
    pub fn read(query: &str) -> Self {
        let mut program = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let (Some(key), Some(value)) = (decode(key, true), decode(value, true)) else {
                continue;
            };
            match key.as_str() {
                "command" => program.command.push(value),
                "tty" => program.tty = matches!(value.as_str(), "true" | "1"),
                _ => {}
            }
        }
        program
    }
}

/// Takes a request apart: what it is about, and the path to send on.
///
/// # Errors
/// Where it could be understood in two ways, or is none the API has.
pub fn parse(
    method: &str,
    path: &str,
    query: Option<&str>,
) -> Result<(Call, Query, String), BadPath> {
    let is_read = matches!(method, "GET" | "HEAD");
    if !is_read && !matches!(method, "POST" | "PUT" | "PATCH" | "DELETE") {
        return Err(BadPath::Method);
    }
    let query = read_query(query.unwrap_or_default())?;
    let (parts, slash) = split(path)?;
    let call = call(method, &parts, query)?;
    let mut clean = write(&parts);
    // Where behind a resource there is nothing, a slash means nothing; elsewhere it may.
    let keeps = match &call {
        Call::Discovery | Call::Path(_) => true,
        Call::Object(object) => &*object.sub == "proxy",
    };
    if slash && keeps && !parts.is_empty() {
        clean.push('/');
    }
    Ok((call, query, clean))
}

/// The decoded parts, and whether a slash ends the path.
fn split(path: &str) -> Result<(Vec<String>, bool), BadPath> {
    let rest = path.strip_prefix('/').filter(|_| path.len() <= MAX_PATH).ok_or(BadPath::Shape)?;
    let (rest, slash) = rest.strip_suffix('/').map_or((rest, false), |rest| (rest, true));
    if rest.is_empty() {
        return if slash { Err(BadPath::Part(1)) } else { Ok((Vec::new(), false)) };
    }
    let mut parts = Vec::new();
    for (number, part) in (1..).zip(rest.split('/')) {
        if number > MAX_PARTS {
            return Err(BadPath::Parts);
        }
        let part = decode(part, false).filter(|part| is_part(part)).ok_or(BadPath::Part(number))?;
        parts.push(part);
    }
    Ok((parts, slash))
}

fn is_part(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && !part.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '%'))
}

/// Undoes percent-encoding (RFC 3986, section 2.1) once, and `+` for a space where forms have it.
fn decode(text: &str, form: bool) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high << 4 | low).ok()?
            }
            b'+' if form => b' ',
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

fn write(parts: &[String]) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        for byte in part.bytes() {
            // `pchar` of RFC 3986, section 3.3.
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
                path.push(char::from(byte));
            } else {
                // Writing to a string does not fail.
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    if path.is_empty() { "/".to_owned() } else { path }
}

fn read_query(text: &str) -> Result<Query, BadPath> {
    if text.len() > MAX_QUERY {
        return Err(BadPath::Query);
    }
    let mut watch = None;
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key, true).ok_or(BadPath::Query)?;
        let value = decode(value, true).ok_or(BadPath::Query)?;
        if key.eq_ignore_ascii_case("watch") {
            let wanted = match value.as_str() {
                "true" | "True" | "1" => true,
                "false" | "False" | "0" => false,
                _ => return Err(BadPath::Query),
            };
            if key != "watch" || watch.replace(wanted).is_some() {
                return Err(BadPath::Query);
            }
        }
    }
    Ok(Query { watch: watch.unwrap_or(false) })
}

fn call(method: &str, parts: &[String], query: Query) -> Result<Call, BadPath> {
    let is_read = matches!(method, "GET" | "HEAD");
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, rest) = match words.as_slice() {
        []
        | ["api" | "apis" | "version" | "swagger.json"]
        | ["api" | "apis", _]
        | ["apis", _, _]
            if is_read =>
        {
            return Ok(Call::Discovery);
        }
        ["openapi" | "healthz" | "livez" | "readyz", ..] if is_read => return Ok(Call::Discovery),
        ["api", _, rest @ ..] if !rest.is_empty() => ("", rest),
        ["apis", group, _, rest @ ..] if !rest.is_empty() => (*group, rest),
        _ => return Ok(Call::Path(write(parts).into())),
    };
    let (namespace, rest) = match rest {
        ["watch" | "proxy", ..] => return Err(BadPath::Prefix),
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
        rest => (None, rest),
    };
    let mut rest = rest.iter().copied();
    let resource = rest.next().unwrap_or_default();
    let (name, sub) = (rest.next().unwrap_or_default(), rest.next().unwrap_or_default());
    let verb = verb(method, resource, name, sub, query);
    if group == "authorization.k8s.io" && verb == "create" && is_about_oneself(resource)
        || group == "authentication.k8s.io" && verb == "create" && resource == "selfsubjectreviews"
    {
        return Ok(Call::Discovery);
    }
    Ok(Call::Object(Object {
        group: group.into(),
        namespace: namespace.map(Into::into),
        resource: resource.into(),
        name: name.into(),
        sub: sub.into(),
        verb,
    }))
}

/// What `kubectl auth can-i` asks: the cluster's own rules about the one who asks.
fn is_about_oneself(resource: &str) -> bool {
    matches!(resource, "selfsubjectaccessreviews" | "selfsubjectrulesreviews")
}

/// The verb, in the words of roles. What opens a way into a program is `exec`, into a port `portforward`, whatever
/// method it comes with.
fn verb(method: &str, resource: &str, name: &str, sub: &str, query: Query) -> &'static str {
    let is_read = matches!(method, "GET" | "HEAD");
    match (resource, sub) {
        // A kubelet's own API runs programs in its pods.
        (_, "exec" | "attach") | ("nodes", "proxy") => return "exec",
        (_, "portforward" | "proxy") => return "portforward",
        // `kubectl debug`: a program of one's own in a pod that is there.
        (_, "ephemeralcontainers") if !is_read => return "exec",
        // What it does in the end.
        (_, "eviction") if !is_read => return "delete",
        _ => {}
    }
    match method {
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if name.is_empty() => "deletecollection",
        "DELETE" => "delete",
        _ if query.watch => "watch",
        _ if name.is_empty() => "list",
        _ => "get",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(method: &str, path: &str, query: &str) -> String {
        match parse(method, path, Some(query)).unwrap().0 {
            Call::Object(object) => {
                let Object { group, namespace, resource, name, sub, verb } = object;
                format!(
                    "{verb} {group}|{}|{resource}|{name}|{sub}",
                    namespace.as_deref().unwrap_or("-")
                )
            }
            Call::Discovery => "discovery".to_owned(),
            Call::Path(path) => format!("path {path}"),
        }
    }

    #[test]
    fn a_request_is_about_what_the_api_server_takes_it_for() {
        for (method, path, query, expected) in [
            ("GET", "/", "", "discovery"),
            ("GET", "/api", "timeout=32s", "discovery"),
            ("GET", "/api/", "", "discovery"),
            ("GET", "/apis/apps/v1", "", "discovery"),
            ("GET", "/openapi/v3/apis/apps/v1", "", "discovery"),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", "discovery"),
            ("POST", "/api", "", "path /api"),
            ("GET", "/metrics", "", "path /metrics"),
            ("GET", "/api/v1/pods", "", "list |-|pods||"),
            ("GET", "/api/v1/namespaces/default/pods", "watch=1&x=%20", "watch |default|pods||"),
            ("GET", "/api/v1/namespaces/default/pods/", "watch=false", "list |default|pods||"),
            ("GET", "/api/v1/namespaces/default/pods/web", "", "get |default|pods|web|"),
            (
                "GET",
                "/api/v1/namespaces/default/pods/web/log",
                "follow=true",
                "get |default|pods|web|log",
            ),
            ("POST", "/api/v1/namespaces/default/pods/web/exec", "", "exec |default|pods|web|exec"),
            (
                "GET",
                "/api/v1/namespaces/default/pods/web/attach",
                "",
                "exec |default|pods|web|attach",
            ),
            (
                "POST",
                "/api/v1/namespaces/d/pods/web/portforward",
                "",
                "portforward |d|pods|web|portforward",
            ),
            (
                "GET",
                "/api/v1/namespaces/d/services/web/proxy/a/b",
                "",
                "portforward |d|services|web|proxy",
            ),
            ("GET", "/api/v1/nodes/n/proxy/run", "", "exec |-|nodes|n|proxy"),
            (
                "PATCH",
                "/api/v1/namespaces/d/pods/web/ephemeralcontainers",
                "",
                "exec |d|pods|web|ephemeralcontainers",
            ),
            ("POST", "/api/v1/namespaces/d/pods/web/eviction", "", "delete |d|pods|web|eviction"),
            ("DELETE", "/api/v1/namespaces/d/pods", "", "deletecollection |d|pods||"),
            (
                "DELETE",
                "/apis/apps/v1/namespaces/d/deployments/web",
                "",
                "delete apps|d|deployments|web|",
            ),
            ("GET", "/api/v1/namespaces", "", "list |-|namespaces||"),
            ("GET", "/api/v1/namespaces/default", "", "get |-|namespaces|default|"),
            (
                "PUT",
                "/api/v1/namespaces/default/finalize",
                "",
                "update |-|namespaces|default|finalize",
            ),
            (
                "GET",
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
                "",
                "get rbac.authorization.k8s.io|-|clusterroles|system:node|",
            ),
        ] {
            assert_eq!(object(method, path, query), expected, "{method} {path}");
        }
    }

    #[test]
    fn what_is_judged_is_what_is_sent_on() {
        let sent = |path| parse("GET", path, None).unwrap().2;
        assert_eq!(sent("/api/v1/namespaces/d/pods/"), "/api/v1/namespaces/d/pods");
        assert_eq!(sent("/apis/"), "/apis/");
        assert_eq!(sent("/api/v1/n%61mespaces/%64/secrets/a"), "/api/v1/namespaces/d/secrets/a");
        assert_eq!(sent("/apis/g/v1/x/system%3Anode"), "/apis/g/v1/x/system:node");
        assert_eq!(sent("/apis/g/v1/x/%C3%A9"), "/apis/g/v1/x/%C3%A9");
        assert_eq!(
            sent("/api/v1/namespaces/d/pods/web/proxy/a/"),
            "/api/v1/namespaces/d/pods/web/proxy/a/"
        );
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for path in [
            "",
            "api",
            "//",
            "/api//v1/pods",
            "/api/v1/pods//",
            "/api/v1/namespaces/a/../b/pods",
            "/api/v1/namespaces/a/%2e%2E/b/pods",
            "/api/v1/namespaces/a/%252e%252e/b/pods",
            "/api/v1/namespaces/a%2Fsecrets",
            "/api/v1/namespaces/a%5csecrets",
            "/api/v1/namespaces/./pods",
            "/api/v1/namespaces/a%00/pods",
            "/api/v1/namespaces/%zz/pods",
            "/api/v1/namespaces/%c3/pods",
            "/api/v1/namespaces/%",
            "/api/v1/watch/namespaces/a/secrets",
            "/apis/apps/v1/watch/deployments",
            "/api/v1/proxy/nodes/a",
        ] {
            assert!(parse("GET", path, None).is_err(), "{path}");
        }
        for query in [
            "watch=true&watch=false",
            "w%61tch=yes",
            "Watch=true",
            "watch",
            "watch=%",
            "watch=true;a=b",
        ] {
            assert_eq!(
                parse("GET", "/api/v1/pods", Some(query)).unwrap_err(),
                BadPath::Query,
                "{query}"
            );
        }
        assert_eq!(parse("OPTIONS", "/api", None).unwrap_err(), BadPath::Method);
        assert_eq!(parse("CONNECT", "/api", None).unwrap_err(), BadPath::Method);
        assert!(parse("GET", &format!("/{}", "a/".repeat(80)), None).is_err());
        assert!(parse("GET", &format!("/{}", "a".repeat(MAX_PATH)), None).is_err());
    }
}
