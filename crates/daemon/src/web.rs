//! The web UI: files compiled into the daemon, served beside the API.
//!
//! ```text
//!   /assets/…            by name, for ever: the name holds the content's hash
//!   other files          by name, asked anew each time (ETag)
//!   /v1/…, /openapi.json the API
//!   any other page       index.html: the page itself knows its paths
//! ```
//!
//! Deliberately absent: anything about who asks. The files are the same for everybody; what they show comes from the API.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

/// A file of the UI, as it is and packed.
struct File {
    path: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/web.rs"));

const INDEX: &str = "/index.html";

/// No inline code, no `eval`, nothing from elsewhere, nothing written into the page as markup but by the one policy of
/// the UI's own templates (CSP Level 3; Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
    connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

/// What is served where nothing was built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Countersign</title>\
    <h1>Countersign is running</h1><p>This daemon was built without its web pages. To have them, build once with Node.js \
    20 or later: <code>make web</code>, then <code>cargo build --release</code>.</p>\
    <p>Everything else works: <code>tsh login</code>, <code>tctl</code>, and the API at <code>/openapi.json</code>.</p></html>";

/// The API, and the UI around it.
pub(crate) fn around(api: Router) -> Router {
    api.layer(middleware::from_fn(page_or_api))
}

async fn page_or_api(request: Request, next: Next) -> Response {
    match answer(request.method(), request.uri().path(), request.headers()) {
        Some(response) => response,
        None => next.run(request).await,
    }
}

/// The file at a path; `None` for what is the API's.
fn answer(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) || is_api(path) {
        return None;
    }
    let Some(index) = find(INDEX) else {
        return is_page(path).then(|| not_built(path)).flatten();
    };
    let file = match find(path) {
        Some(file) => file,
        None if is_page(path) => index,
        None => return None,
    };
    Some(serve(file, headers))
}

fn is_api(path: &str) -> bool {
    path == "/openapi.json" || path == "/v1" || path.starts_with("/v1/")
}

/// Whether a path can be one of the UI's pages: files have an ending, pages have none.
fn is_page(path: &str) -> bool {
    path.rsplit('/').next().is_none_or(|last| !last.contains('.'))
}

fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Invites have a page of their own where the UI is not built.
fn not_built(path: &str) -> Option<Response> {
    if path.starts_with("/invite/") {
        return None;
    }
    let status = if path == "/" { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = (status, NOT_BUILT).into_response();
    dress(response.headers_mut(), "text/html; charset=utf-8");
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

fn serve(file: &'static File, headers: &HeaderMap) -> Response {
    let (encoding, bytes) = packed(file, headers);
    let tag = tag(file, encoding);
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Body::from(Bytes::from_static(bytes)).into_response(),
    };
    let answer = response.headers_mut();
    dress(answer, media_type(file.path));
    let kept = match file.path.starts_with("/assets/") {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.insert(header::ETAG, tag);
    }
    if let Some(encoding) = encoding.filter(|_| !known) {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The smallest form the client says it can read (RFC 9110 §12.5.3). A weight of zero is a no; other weights are not
/// compared, for every browser that unpacks brotli wants it.
fn packed(file: &'static File, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let takes = |wanted: &str| {
        let values = headers.get_all(header::ACCEPT_ENCODING).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
            |one| {
                let mut parts = one.split(';').map(str::trim);
                parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
                    && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            },
        )
    };
    match (file.brotli, file.gzip) {
        (Some(bytes), _) if takes("br") => (Some("br"), bytes),
        (_, Some(bytes)) if takes("gzip") => (Some("gzip"), bytes),
        _ => (None, file.plain),
    }
}

/// The entity tag: the content's hash, and how it is packed (RFC 9110 §8.8.3.3).
fn tag(file: &'static File, encoding: Option<&str>) -> String {
    static HASHES: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
        let hash = |bytes: &[u8]| {
            Sha256::digest(bytes).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
        };
        FILES.iter().map(|file| (file.path, hash(file.plain))).collect()
    });
    let hash = HASHES.iter().find(|(path, _)| *path == file.path);
    let hash = hash.map_or("", |(_, hash)| hash.as_str());
    format!("\"{hash}{}\"", encoding.map(|name| format!("-{name}")).unwrap_or_default())
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json" | "webmanifest") => "application/manifest+json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        Some(_) | None => "application/octet-stream",
    }
}

fn dress(headers: &mut HeaderMap, media_type: &'static str) {
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // An invite's address is a secret.
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SCRIPT: File = File {
        path: "/assets/app-1a2b.js",
        plain: b"let a = 1;",
        brotli: Some(b"br"),
        gzip: Some(b"gz"),
    };

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn the_api_keeps_its_paths_whatever_is_built() {
        for path in ["/v1/status", "/v1", "/openapi.json"] {
            assert!(answer(&Method::GET, path, &HeaderMap::new()).is_none(), "{path}");
        }
        assert!(answer(&Method::POST, "/invite/abc", &HeaderMap::new()).is_none());
    }

    #[test]
    fn a_page_is_served_at_its_deep_link_and_a_missing_file_is_missing() {
        let page = answer(&Method::GET, "/requests/12345678-1234-1234", &HeaderMap::new()).unwrap();
        let built = find(INDEX).is_some();
        assert_eq!(page.status(), if built { 200 } else { 404 });
        assert!(answer(&Method::GET, "/assets/none.js", &HeaderMap::new()).is_none());
    }

    #[test]
    fn nothing_inline_and_nothing_from_elsewhere_is_allowed() {
        let response = serve(&SCRIPT, &HeaderMap::new());
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    }

    #[test]
    fn a_file_goes_out_as_small_as_the_client_can_read() {
        for (accepts, encoding) in [
            ("gzip, deflate, br", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("identity", None),
        ] {
            let response = serve(&SCRIPT, &headers(header::ACCEPT_ENCODING, accepts));
            let given = response.headers().get(header::CONTENT_ENCODING);
            assert_eq!(given.map(|it| it.to_str().unwrap()), encoding, "{accepts}");
        }
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let first = packed(&SCRIPT, &headers(header::ACCEPT_ENCODING, "br")).0;
        let mut again = headers(header::IF_NONE_MATCH, &format!("\"x\", {}", tag(&SCRIPT, first)));
        again.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
        assert_eq!(serve(&SCRIPT, &again).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(
            serve(&SCRIPT, &headers(header::IF_NONE_MATCH, "\"x\"")).status(),
            StatusCode::OK
        );
    }
}
