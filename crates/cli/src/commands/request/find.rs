//! Which request is meant: its whole id, or as much of it as is unique.

use api::endpoints::requests::LIST;
use api::request::RequestView;

use crate::client::Api;
use crate::error::Error;
use crate::output::one_line;

/// The length of a whole id, `xxxxxxxx-xxxx-xxxx`.
const WHOLE: usize = 18;
/// The shortest beginning that is looked for.
const SHORTEST: usize = 4;
/// Every state, for `GET /v1/requests?state=`.
pub const ALL_STATES: &str = "pending,approved,denied,cancelled,expired,revoked,released,promoted";

/// The whole id of which `text` is the beginning.
///
/// # Errors
/// No request has it, or several do, or the text is no id at all.
pub fn id(api: &Api, text: &str) -> Result<String, Error> {
    let text = text.to_ascii_lowercase();
    let digits = |c: char| c.is_ascii_hexdigit() || c == '-';
    if !text.chars().all(digits) || text.len() < SHORTEST || text.len() > WHOLE {
        return Err(Error::usage(format!("`{}` is not the id of a request", one_line(&text)))
            .hint(format!("an id looks like bc8ca931-fec9-4b15; its first {SHORTEST} or more characters are enough"))
            .hint("see them with: tsh request ls --all"));
    }
    if text.len() == WHOLE {
        return Ok(text);
    }
    let query = [("state", ALL_STATES.to_owned()), ("text", text.clone())];
    let found: Vec<RequestView> = api.list(&LIST, &[], &query, api::page::MAX_LIMIT)?;
    let mut ids: Vec<String> =
        found.into_iter().map(|request| request.id).filter(|id| id.starts_with(&text)).collect();
    match (ids.pop(), ids.as_slice()) {
        (Some(id), []) => Ok(id),
        (Some(id), others) => {
            Err(Error::usage(format!("`{text}` is the beginning of several requests"))
                .hint(format!("one of: {id}, {}", others.join(", "))))
        }
        (None, _) => {
            Err(Error::not_found(format!("there is no request `{text}…`, or you may not see it"))
                .hint("see them with: tsh request ls --all"))
        }
    }
}
