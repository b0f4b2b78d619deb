//! The commands of `tctl`.

pub mod audit;
pub mod auth;
pub mod backup;
pub mod databases;
pub mod documents;
pub mod kube;
pub mod locks;
pub mod nodes;
pub mod requests;
pub mod rules;
pub mod status;
pub mod tokens;
pub mod users;

use std::io::Write;

use api::document::Written;

use crate::context::Context;
use crate::error::Error;
use crate::output::one_line;

/// How many things are listed, at most.
pub const MOST: usize = 100_000;

/// Says that a document was written, and every warning about it.
fn written(cx: &mut Context, written: &Written) -> Result<(), Error> {
    let word = if written.created { "Created" } else { "Changed" };
    cx.show(written, |out| {
        writeln!(out, "{word} {} {}", one_line(&written.kind), one_line(&written.name))
    })?;
    for warning in &written.warnings {
        writeln!(cx.err, "warning: {}", one_line(&warning.to_string()))?;
    }
    Ok(())
}

/// `key=value` of labels and traits.
///
/// # Errors
/// There is no `=`, or nothing before it.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected key=value".to_owned()),
    }
}
