//! What the server said: an answer of bounded length, a refusal with its hint, or nothing at all.

use std::error::Error as _;
use std::io;

use api::problem::Problem;
use rustls::CertificateError;

use crate::error::Error;
use crate::exit::Exit;

/// The longest answer read whole, in bytes.
pub const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Why an answer could not be read.
#[derive(Debug)]
pub enum Unread {
    /// The connection broke.
    Broken(reqwest::Error),
    /// It is longer than [`MAX_ANSWER`].
    TooLong,
    /// It is not UTF-8.
    NotText,
}

/// The whole body of an answer.
///
/// # Errors
/// It breaks off, is too long, or is not text.
pub async fn whole(mut response: reqwest::Response) -> Result<String, Unread> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(Unread::Broken)? {
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(Unread::TooLong);
        }
        body.extend_from_slice(&piece);
    }
    String::from_utf8(body).map_err(|_| Unread::NotText)
}

/// A refusal in the server's words, with the exit code that its status and code mean.
pub async fn refusal(response: reqwest::Response) -> Error {
    let status = response.status().as_u16();
    let text = whole(response).await.unwrap_or_default();
    match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => explained(&problem),
        Err(_) => {
            Error::new(exit(status, ""), format!("the server answered with HTTP status {status}"))
                .hint("is this address the Countersign server?")
        }
    }
}

/// A [`Problem`] as an error: its sentence, each wrong field, its hint.
#[must_use]
pub fn explained(problem: &Problem) -> Error {
    let mut sentence = problem.detail.clone();
    // A single wrong field is often the sentence already.
    for field in
        problem.errors.iter().map(ToString::to_string).filter(|field| *field != problem.detail)
    {
        sentence.push_str("\n  ");
        sentence.push_str(&crate::output::one_line(&field));
    }
    let mut error = Error::new(exit(problem.status, &problem.code), sentence);
    if let Some(hint) = &problem.hint {
        error = error.hint(crate::output::one_line(hint));
    }
    if let (Some(call), 500..) = (&problem.instance, problem.status) {
        error =
            error.hint(format!("the daemon's log has it as `{}`", crate::output::one_line(call)));
    }
    error
}

fn exit(status: u16, code: &str) -> Exit {
    match (status, code) {
        (_, "request.nobody_can_approve") => Exit::NobodyCanApprove,
        (_, "request.request_expired" | "request.grant_ended" | "request.extended_is_over") => {
            Exit::Expired
        }
        (410, _) => Exit::Expired,
        (400 | 413 | 415 | 422, _) => Exit::Usage,
        (401, _) => Exit::NotLoggedIn,
        (403, _) => Exit::Denied,
        (404, _) => Exit::NotFound,
        (409 | 412, _) => Exit::Conflict,
        (408 | 429 | 502..=504, _) => Exit::Network,
        _ => Exit::Internal,
    }
}

/// Why nothing was heard: unreachable, not the server that was trusted, or broken off.
#[must_use]
pub fn broken(place: &str, error: reqwest::Error) -> Error {
    if let Some(tls) = tls_failure(&error) {
        return distrust(place, &tls);
    }
    // The address is in the sentence already.
    let error = error.without_url();
    if error.is_timeout() {
        return Error::network(format!("`{place}` does not answer in time"))
            .hint("is the daemon busy? tctl status");
    }
    let sentence = if error.is_connect() {
        format!("cannot reach the server `{place}`")
    } else {
        format!("the connection to `{place}` broke")
    };
    let root = root(&error);
    let denied = root.contains("Permission denied");
    let error = Error::network(sentence).because(root);
    if denied {
        error.hint("only the daemon's own account and root may use the administrators' socket")
    } else {
        error.hint("is the daemon running there? countersign start")
    }
}

/// The innermost cause, which says most in fewest words.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// What TLS objected to, wherever in the chain it hides.
fn tls_failure(error: &reqwest::Error) -> Option<rustls::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Some(tls.clone());
        }
        // An I/O error hides what it wraps from `source`, and one may wrap another.
        let wrapped = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => inner.source(),
        };
    }
    None
}

fn distrust(place: &str, tls: &rustls::Error) -> Error {
    let untrusted = |reason: &CertificateError| {
        matches!(reason, CertificateError::UnknownIssuer | CertificateError::BadSignature)
    };
    let elsewhere = |reason: &CertificateError| {
        matches!(
            reason,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    };
    if let rustls::Error::InvalidCertificate(reason) = tls {
        if untrusted(reason) {
            return Error::network(format!(
                "`{place}` IS NOT THE SERVER YOU TRUSTED: its authority is not the one that was agreed to. \
                 Someone may be reading along. Nothing was sent"
            ))
            .hint("ask an administrator for the pin (`tctl status` shows it)")
            .hint(format!("then log in again: tsh login --proxy {place} --pin sha256:…"));
        }
        if elsewhere(reason) {
            return Error::network(format!("the server's certificate is not for `{place}`"))
                .hint("use the address in the daemon's `public_addr`");
        }
    }
    Error::network(format!("no secure connection to `{place}`")).because(tls.clone())
}
