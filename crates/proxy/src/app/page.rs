//! Our own pages at an application: no script but one file of ours, nothing from elsewhere, everything escaped.

use access::name::{RequestId, TargetName, UserName};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use store::kv::CommitError;

use super::answer::guarded;
use super::body::Download;
use super::forward::Front;
use crate::gate::Refused;

/// The longest field of a form that is kept, in bytes.
const MAX_FIELD: usize = 8 * 1024;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/wait.js");

/// What every page knows.
pub(super) struct Page<'a> {
    pub(super) app: &'a TargetName,
    pub(super) user: &'a UserName,
    pub(super) front: &'a Front,
    /// The house's own address.
    pub(super) house: &'a str,
}

/// What the form of a denial holds.
pub(super) struct Ask<'a> {
    /// Whose form it is, sealed.
    pub(super) form: &'a str,
    /// Where he wanted to go.
    pub(super) to: &'a str,
    /// What was wrong with the last try.
    pub(super) wrong: Option<&'a str>,
}

/// Text as HTML (WHATWG HTML, section 13.1.2): also within attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && c != '\n' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A query, encoded.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// One parameter of a query.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = form_urlencoded::parse(query?.as_bytes());
    pairs.into_iter().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

/// The fields of a form.
pub(super) fn fields(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text)
        .filter(|(_, value)| value.len() <= MAX_FIELD)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// One of them; empty where there is none.
pub(super) fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

/// A word that may stand in a key.
pub(super) fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(64).collect()
}

/// Sends a browser elsewhere, by GET (RFC 9110, section 15.4.4).
pub(super) fn redirect(to: &str) -> Response<Download> {
    let mut response = Response::new(Download::Own(None));
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    guarded(response.headers_mut());
    response
}

pub(super) fn style() -> Response<Download> {
    file(STYLE, "text/css; charset=utf-8")
}

pub(super) fn script() -> Response<Download> {
    file(SCRIPT, "text/javascript; charset=utf-8")
}

fn file(text: &'static str, kind: &'static str) -> Response<Download> {
    let mut response = Response::new(Download::of(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    guarded(response.headers_mut());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    response
}

/// A page. Scripts are let in where there is something to wait for; forms lead to ourselves.
fn page(status: StatusCode, title: &str, body: &str, waits: bool) -> Response<Download> {
    let script = if waits { "<script src=\"/.countersign/wait.js\" defer></script>" } else { "" };
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{} · Countersign</title><link rel=\"stylesheet\" href=\"/.countersign/style.css\">{script}</head>\
         <body><main>{body}</main></body></html>\n",
        escape(title)
    );
    let mut response = Response::new(Download::of(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = if waits {
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    guarded(headers);
    response
}

/// A page that says one thing.
pub(super) fn says(status: StatusCode, title: &str, text: &str) -> Response<Download> {
    let body = format!("<h1>{}</h1><p>{}</p>", escape(title), escape(text));
    page(status, title, &body, false)
}

/// The house cannot do it now.
pub(super) fn unavailable(error: &CommitError) -> Response<Download> {
    tracing::error!(%error, "a browser cannot be let in: the store does not answer");
    says(StatusCode::SERVICE_UNAVAILABLE, "This cannot be done now", "Try again in a moment.")
}

/// Who is there, at the foot of a page.
fn foot(page: &Page<'_>) -> String {
    format!(
        "<footer>{} · <a href=\"/.countersign/logout\">log out</a> · <a href=\"{}\">{}</a></footer>",
        escape(page.user.as_str()),
        escape(page.house),
        escape(page.house.trim_start_matches("https://"))
    )
}

/// Why not, and the form.
pub(super) fn denied(
    status: StatusCode,
    about: &Page<'_>,
    refused: &Refused,
    ask: Ask<'_>,
) -> Response<Download> {
    let app = escape(about.app.as_str());
    let mut body = format!("<h1>Access to {app} is denied</h1>");
    for line in &refused.lines {
        match line.strip_prefix("hint: ") {
            Some(hint) if hint.starts_with("tsh ") => {
                body.push_str(&format!(
                    "<p class=\"hint\">In a terminal: <code>{}</code></p>",
                    escape(hint)
                ));
            }
            Some(hint) => body.push_str(&format!("<p class=\"hint\">{}</p>", escape(hint))),
            None => body.push_str(&format!("<p>{}</p>", escape(line))),
        }
    }
    if refused.wish.is_some() {
        let wrong = ask.wrong.map_or_else(String::new, |why| {
            format!("<p class=\"wrong\" role=\"alert\" id=\"wrong\">{}</p>", escape(why))
        });
        let described = if ask.wrong.is_some() {
            " aria-describedby=\"wrong\" aria-invalid=\"true\""
        } else {
            ""
        };
        body.push_str(&format!(
            "<form method=\"post\" action=\"/.countersign/request\">{wrong}\
             <input type=\"hidden\" name=\"form\" value=\"{}\"><input type=\"hidden\" name=\"to\" value=\"{}\">\
             <label for=\"reason\">Why do you need it?</label>\
             <textarea id=\"reason\" name=\"reason\" rows=\"3\" maxlength=\"4000\" required autofocus{described}></textarea>\
             <button>Ask for access</button></form>",
            escape(ask.form),
            escape(ask.to)
        ));
    } else if let Some(why) = ask.wrong {
        body.push_str(&format!("<p class=\"wrong\" role=\"alert\">{}</p>", escape(why)));
    }
    body.push_str(&foot(about));
    page(status, "Access denied", &body, false)
}

/// A request is filed; the page goes on by itself.
pub(super) fn waits(
    about: &Page<'_>,
    id: RequestId,
    asked: &str,
    ticket: &str,
    to: &str,
) -> Response<Download> {
    let asked = if asked.is_empty() {
        String::new()
    } else {
        format!("<p>Asked: {}.</p>", escape(&access::display::shown_short(asked, 512)))
    };
    let events = format!("/.countersign/wait/events?{}", query(&[("ticket", ticket)]));
    let body = format!(
        "<h1>Waiting for approval</h1><p>Request <code>{id}</code> for {} is filed.</p>{asked}\
         <p role=\"status\" aria-live=\"polite\" id=\"state\" data-events=\"{}\" data-to=\"{}\">\
         <span class=\"dot\" aria-hidden=\"true\"></span> Nobody has decided yet. This page goes on by itself; you may also close it, the request stays.</p>\
         <noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>{}",
        escape(about.app.as_str()),
        escape(&events),
        escape(to),
        foot(about)
    );
    page(StatusCode::OK, "Waiting for approval", &body, true)
}

/// A request was decided, and does not open the door.
pub(super) fn decided(about: &Page<'_>, id: RequestId, line: &str, to: &str) -> Response<Download> {
    let body = format!(
        "<h1>Not approved</h1><p>Request <code>{id}</code>: {}</p><p><a href=\"{}\">Ask again</a></p>{}",
        escape(line),
        escape(to),
        foot(about)
    );
    page(StatusCode::OK, "Not approved", &body, false)
}

/// The form to leave an application.
pub(super) fn leave(about: &Page<'_>, form: &str) -> Response<Download> {
    let app = escape(about.app.as_str());
    let body = format!(
        "<h1>Log out of {app}</h1><form method=\"post\" action=\"/.countersign/logout\">\
         <input type=\"hidden\" name=\"form\" value=\"{}\"><button>Log out</button></form>\
         <footer>{} at {}</footer>",
        escape(form),
        escape(about.user.as_str()),
        escape(about.front.authority.as_str())
    );
    page(StatusCode::OK, "Log out", &body, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_given_becomes_markup() {
        assert_eq!(
            escape("<a href='x'>&\"\u{1b}"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{fffd}"
        );
    }

    #[test]
    fn no_page_lets_in_what_is_not_ours() {
        for waits in [true, false] {
            let response = page(StatusCode::OK, "x", "", waits);
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
                "{policy}"
            );
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(policy.contains("script-src"), waits);
        }
    }
}
