//! What goes in and comes out of an endpoint, as a schema that is made when it is asked for.

use std::borrow::Cow;
use utoipa::{
    ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// Collects the schemas a schema refers to.
pub type Collect = fn(&mut Vec<(String, RefOr<Schema>)>);

/// The schema of a type, by name.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its name in the document.
    pub name: fn() -> Cow<'static, str>,
    /// The schema itself.
    pub schema: fn() -> RefOr<Schema>,
    /// The schemas it refers to.
    pub collect: Collect,
}

impl Shape {
    /// The shape of `T`.
    pub const fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, collect: T::schemas }
    }
}

/// What is sent to an endpoint.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// A document, in YAML or JSON.
    Document(Shape),
    /// A text of one or several documents of any kind, divided by `---`.
    Documents,
    /// Nothing.
    Empty,
    /// JSON.
    Json(Shape),
}

/// What comes back when all goes well.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// JSON whose shape depends on what was asked.
    AnyJson,
    /// Bytes of a media type.
    Bytes(&'static str),
    /// Nothing: status 204.
    Empty,
    /// Server-sent events, whose data has this shape.
    Events(Shape),
    /// JSON.
    Json(Shape),
    /// A page of these.
    Page(Shape),
}

/// A query parameter; all are optional.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
}

impl Parameter {
    /// A parameter.
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about }
    }
}
