//! The page behind an invite link, for browsers: no script, nothing from elsewhere.

use api::login::InviteView;
use axum::response::{IntoResponse as _, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use qrcode::{EcLevel, QrCode, render::svg};
use sha2::{Digest as _, Sha256};

use super::{enter::Wish, password::MIN_CHARS};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;\
padding:0 1rem;color:light-dark(#1c1c1c,#eaeaea);background:light-dark(#fff,#16181c);color-scheme:light dark}label{display:block;margin-top:1rem}\
input{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}\
button{font:inherit;margin-top:1.5rem;padding:.6rem 1.2rem}code{word-break:break-all}\
.wrong{border-left:.3rem solid #b00020;padding:.3rem .8rem}svg{width:14rem;height:14rem}";

/// The form, with what was wrong with the last try.
pub(super) fn form(invite: &InviteView, wrong: Option<&str>) -> Response {
    let (user, cluster) = (escape(&invite.user), escape(&invite.cluster));
    let wrong = wrong
        .map(|why| format!("<p class=\"wrong\" role=\"alert\">{}</p>", escape(why)))
        .unwrap_or_default();
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let secret = escape(&invite.totp_secret);
    let picture = picture(&invite.totp_url);
    page(
        status,
        &format!(
            "<h1>Welcome, {user}</h1><p>Choose how you log in to <b>{cluster}</b>. \
             This page works once.</p>{wrong}\
             <form method=\"post\" autocomplete=\"off\">\
             <p>1. Scan this with an authenticator app, or type the secret into it.</p>\
             {picture}<p><code>{secret}</code></p>\
             <label>2. A password of at least {MIN_CHARS} characters\
             <input type=\"password\" name=\"password\" autocomplete=\"new-password\" required \
             minlength=\"{MIN_CHARS}\"></label>\
             <label>The same password again\
             <input type=\"password\" name=\"again\" autocomplete=\"new-password\" required></label>\
             <label>3. The six digits the app shows now\
             <input name=\"totp\" inputmode=\"numeric\" autocomplete=\"one-time-code\" \
             pattern=\"[0-9 ]*\" maxlength=\"7\" required></label>\
             <button>Done</button></form>"
        ),
    )
}

/// What comes after the form.
pub(super) fn done(user: &str, public_addr: &str) -> Response {
    let (user, address) = (escape(user), escape(public_addr));
    page(
        StatusCode::OK,
        &format!(
            "<h1>That was it</h1><p>Log in from a terminal:</p>\
             <p><code>tsh login --proxy {address} --user {user}</code></p>"
        ),
    )
}

/// The form to log in on the way to an application.
pub(super) fn login(
    status: StatusCode,
    app: &str,
    wish: &Wish,
    user: &str,
    wrong: Option<&str>,
) -> Response {
    let wrong = wrong
        .map(|why| format!("<p class=\"wrong\" role=\"alert\">{}</p>", escape(why)))
        .unwrap_or_default();
    let hidden: String = [("at", &wish.at), ("state", &wish.state), ("to", &wish.to)]
        .iter()
        .map(|(name, value)| {
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))
        })
        .collect();
    let body = format!(
        "<h1>Log in</h1><p>to go on to <b>{}</b></p>{wrong}\
         <form method=\"post\" action=\"/v1/enter\">{hidden}\
         <label>User name<input name=\"user\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required autofocus></label>\
         <label>Password<input type=\"password\" name=\"password\" autocomplete=\"current-password\" required></label>\
         <label>The six digits your authenticator shows now\
         <input name=\"totp\" inputmode=\"numeric\" autocomplete=\"one-time-code\" pattern=\"[0-9 ]*\" maxlength=\"7\" required></label>\
         <button>Log in</button></form>",
        escape(app),
        escape(user)
    );
    // A browser follows the answer to a form only to where the page says (CSP Level 3 section 6.4.2).
    page_leading(status, &body, &format!("'self' https://{}", wish.at))
}

/// A page that goes on to `path` of ours by itself.
pub(super) fn again(path: &str) -> Response {
    let path = escape(path);
    let body = format!(
        "<meta http-equiv=\"refresh\" content=\"0;url={path}\"><p><a href=\"{path}\">Go on</a></p>"
    );
    page(StatusCode::OK, &body)
}

/// A page that says only one thing.
pub(super) fn says(status: StatusCode, text: &str, hint: &str) -> Response {
    page(status, &format!("<h1>{}</h1><p>{}</p>", escape(text), escape(hint)))
}

fn page(status: StatusCode, body: &str) -> Response {
    page_leading(status, body, "'self'")
}

/// A page whose forms may lead to these places.
fn page_leading(status: StatusCode, body: &str, forms: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Countersign</title>\
         <style>{STYLE}</style><body>{body}</body></html>"
    );
    // The one style is known by its hash (CSP Level 3 section 6.7.2.3); everything else is shut.
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action {forms}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // The address of this page is a secret: it goes to nobody and stays nowhere.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The secret as a QR code, drawn inline. Empty when it does not fit, which no secret of ours does.
fn picture(url: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(url, EcLevel::M) else {
        return String::new();
    };
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(200, 200).build();
    match drawn.find("<svg") {
        Some(at) => drawn.get(at..).unwrap_or_default().to_owned(),
        None => String::new(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_given_becomes_markup() {
        assert_eq!(escape("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }

    #[test]
    fn the_page_shuts_out_everything_but_its_own_style() {
        let response = says(StatusCode::OK, "hello", "world");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
    }

    #[test]
    fn a_secret_is_drawn_without_script_or_style() {
        let url = "otpauth://totp/demo:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=demo";
        let svg = picture(url);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert!(!svg.contains("script") && !svg.contains("style"));
    }
}
