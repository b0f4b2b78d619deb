//! Bodies: read whole, within a limit and a time, and refused by the field that is wrong.

use super::{BODY_TIMEOUT, Failure, MAX_DOCUMENT, MAX_JSON};
use api::problem::{FieldProblem, Problem};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A document body, in YAML or JSON, not parsed yet.
#[derive(Clone, Debug)]
pub struct Text(pub String);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        expect_type(&request, &["application/json"])?;
        let bytes = read(request, MAX_JSON).await?;
        // An empty body is an empty object: `POST …/cancel` needs no words.
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = match error.path().to_string() {
                path if path == "." => String::new(),
                path => path,
            };
            malformed(path, &error.into_inner())
        })?;
        deserializer.end().map_err(|error| malformed(String::new(), &error))?;
        Ok(Self(value))
    }
}

impl<S: Sync> FromRequest<S> for Text {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        expect_type(
            &request,
            &["application/json", "application/yaml", "application/x-yaml", "text/yaml"],
        )?;
        let bytes = read(request, MAX_DOCUMENT).await?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Self(text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(Problem::bad_request(format!("byte {at} of the body is not UTF-8")).into())
            }
        }
    }
}

fn malformed(path: String, error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let message =
        text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
    Failure::fields(vec![FieldProblem {
        path,
        message,
        line: u64::try_from(error.line()).ok(),
        column: u64::try_from(error.column()).ok(),
        document: None,
    }])
}

/// Refuses a body that says it is something else. A browser cannot send these types across sites
/// without asking first, so a forged form never gets here.
fn expect_type(request: &Request, allowed: &[&str]) -> Result<(), Failure> {
    let Some(given) = request.headers().get(CONTENT_TYPE) else {
        return match http_body::Body::is_end_stream(request.body()) {
            true => Ok(()),
            false => Err(unsupported(allowed)),
        };
    };
    let given = given.to_str().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if allowed.iter().any(|one| one.eq_ignore_ascii_case(essence)) {
        Ok(())
    } else {
        Err(unsupported(allowed))
    }
}

fn unsupported(allowed: &[&str]) -> Failure {
    Problem::new(
        415,
        "media_type",
        format!("the body's Content-Type must be {}", allowed.join(" or ")),
    )
    .into()
}

async fn read(request: Request, limit: usize) -> Result<Bytes, Failure> {
    let collect = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collect).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Problem::new(413, "too_large", format!("the body is longer than {limit} bytes"))
                .into())
        }
        Ok(Err(_)) => Err(Problem::bad_request("the body ended early").into()),
        Err(_) => Err(Problem::new(408, "timeout", "the body took too long to arrive").into()),
    }
}
