//! What list endpoints have in common: `limit`, `cursor`, and refusing what is not known.

use super::Failure;
use api::page::{DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT};
use api::problem::{FieldProblem, Problem};
use axum::extract::FromRequestParts;
use http::request::Parts as Head;
use std::collections::BTreeMap;

/// The query of a call, each parameter once.
#[derive(Clone, Debug, Default)]
pub struct List {
    values: BTreeMap<String, String>,
}

/// The most parameters a query can have.
const MAX_PARAMETERS: usize = 32;

impl<S: Sync> FromRequestParts<S> for List {
    type Rejection = Failure;

    async fn from_request_parts(head: &mut Head, _: &S) -> Result<Self, Failure> {
        let axum::extract::Query(pairs) =
            axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&head.uri)
                .map_err(|_| Problem::bad_request("the query cannot be read"))?;
        let known: &[api::endpoints::Parameter] =
            head.extensions.get::<&'static api::endpoints::Endpoint>().map_or(&[], |e| e.query);
        let mut values = BTreeMap::new();
        let mut problems = Vec::new();
        if pairs.len() > MAX_PARAMETERS {
            return Err(Problem::bad_request(format!(
                "the query has more than {MAX_PARAMETERS} parameters"
            ))
            .into());
        }
        for (name, value) in pairs {
            if !known.iter().any(|parameter| parameter.name == name) {
                let names: Vec<_> = known.iter().map(|parameter| parameter.name).collect();
                problems.push(wrong(
                    &name,
                    format!("unknown parameter; known are: {}", names.join(", ")),
                ));
            } else if values.insert(name.clone(), value).is_some() {
                problems.push(wrong(&name, "given twice".to_owned()));
            }
        }
        if problems.is_empty() { Ok(Self { values }) } else { Err(Failure::fields(problems)) }
    }
}

impl List {
    /// A parameter's text; an empty one counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A parameter, parsed.
    ///
    /// # Errors
    /// A problem that names the parameter.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Failure> {
        self.text(name)
            .map(str::parse)
            .transpose()
            .map_err(|error: T::Err| Failure::field(name, error))
    }

    /// Whether a parameter is `true`; absent is false.
    ///
    /// # Errors
    /// A problem that names the parameter.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Failure::field(name, "expected true or false")),
        }
    }

    /// How many items are asked for.
    ///
    /// # Errors
    /// Where that is no number from 1 to [`MAX_LIMIT`].
    pub fn limit(&self) -> Result<usize, Failure> {
        match self.text("limit").map(str::parse::<usize>) {
            None => Ok(DEFAULT_LIMIT),
            Some(Ok(limit)) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            Some(_) => {
                Err(Failure::field("limit", format!("expected a number from 1 to {MAX_LIMIT}")))
            }
        }
    }

    /// Where the page begins.
    ///
    /// # Errors
    /// Where the text cannot be a cursor of ours.
    pub fn cursor(&self) -> Result<Option<&str>, Failure> {
        match self.text("cursor") {
            Some(cursor)
                if cursor.len() > MAX_CURSOR || !cursor.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                Err(Failure::field("cursor", "this is no cursor of ours; begin without one"))
            }
            other => Ok(other),
        }
    }
}

fn wrong(path: &str, message: String) -> FieldProblem {
    FieldProblem { path: path.chars().take(64).collect(), message, ..FieldProblem::default() }
}
