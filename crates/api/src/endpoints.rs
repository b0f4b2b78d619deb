//! The endpoint table: every way into the API, who may use it, what goes in and what comes out.
//!
//! The router mounts handlers on these entries, enforces their [`Auth`] before a handler runs, and
//! the OpenAPI document is made from the same entries; a test fails where any two differ.

mod shape;

pub mod audit;
pub mod authorities;
pub mod backup;
pub mod documents;
pub mod events;
pub mod login;
pub mod reach;
pub mod recordings;
pub mod requests;
pub mod users;

pub use shape::{Answer, Body, Collect, Parameter, Shape};

use utoipa::ToSchema;

/// An HTTP method.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Method {
    /// Removes.
    Delete,
    /// Reads.
    Get,
    /// Does.
    Post,
    /// Replaces.
    Put,
}

impl Method {
    /// The word, in upper case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// Who may use an endpoint. Enforced by the router, before the handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Auth {
    /// Only the administrator on the daemon's host.
    AdminSocket,
    /// Anybody.
    Public,
    /// Whoever has an administrative rule for this verb on this kind of resource; the administrator on the host too.
    Rule(&'static str, Verb),
    /// Whoever is logged in; the handler shows each only what is hers. The administrator on the host too.
    User,
}

/// What an administrative rule allows, as roles write it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// `create`
    Create,
    /// `delete`
    Delete,
    /// `list`
    List,
    /// `read`
    Read,
    /// `update`
    Update,
}

impl Verb {
    /// The word, as roles write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Read => "read",
            Self::Update => "update",
        }
    }
}

/// One endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// A name for generated clients, in camelCase, unique.
    pub operation: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Who may use it.
    pub auth: Auth,
    /// Its query parameters.
    pub query: &'static [Parameter],
    /// What is sent.
    pub body: Body,
    /// What comes back when all goes well.
    pub answer: Answer,
}

impl Endpoint {
    const fn new(
        method: Method,
        path: &'static str,
        operation: &'static str,
        summary: &'static str,
        auth: Auth,
    ) -> Self {
        Self {
            method,
            path,
            operation,
            summary,
            auth,
            query: &[],
            body: Body::Empty,
            answer: Answer::Empty,
        }
    }

    /// A reading endpoint.
    pub const fn get(
        path: &'static str,
        operation: &'static str,
        summary: &'static str,
        auth: Auth,
    ) -> Self {
        Self::new(Method::Get, path, operation, summary, auth)
    }

    /// A doing endpoint.
    pub const fn post(
        path: &'static str,
        operation: &'static str,
        summary: &'static str,
        auth: Auth,
    ) -> Self {
        Self::new(Method::Post, path, operation, summary, auth)
    }

    /// A replacing endpoint.
    pub const fn put(
        path: &'static str,
        operation: &'static str,
        summary: &'static str,
        auth: Auth,
    ) -> Self {
        Self::new(Method::Put, path, operation, summary, auth)
    }

    /// A removing endpoint.
    pub const fn delete(
        path: &'static str,
        operation: &'static str,
        summary: &'static str,
        auth: Auth,
    ) -> Self {
        Self::new(Method::Delete, path, operation, summary, auth)
    }

    /// With these query parameters.
    pub const fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    /// With a JSON body of this shape.
    pub const fn takes<T: ToSchema>(self) -> Self {
        Self { body: Body::Json(Shape::of::<T>()), ..self }
    }

    /// With a document as body, in YAML or JSON.
    pub const fn takes_document<T: ToSchema>(self) -> Self {
        Self { body: Body::Document(Shape::of::<T>()), ..self }
    }

    /// With a text of documents as body.
    pub const fn takes_documents(self) -> Self {
        Self { body: Body::Documents, ..self }
    }

    /// With a JSON answer of this shape.
    pub const fn answers<T: ToSchema>(self) -> Self {
        Self { answer: Answer::Json(Shape::of::<T>()), ..self }
    }

    /// With an answer that is a page of these.
    pub const fn pages<T: ToSchema>(self) -> Self {
        Self { answer: Answer::Page(Shape::of::<T>()), ..self }
    }

    /// With server-sent events as answer, each with data of this shape.
    pub const fn streams<T: ToSchema>(self) -> Self {
        Self { answer: Answer::Events(Shape::of::<T>()), ..self }
    }

    /// With bytes of this media type as answer.
    pub const fn answers_bytes(self, media_type: &'static str) -> Self {
        Self { answer: Answer::Bytes(media_type), ..self }
    }

    /// With any JSON as answer.
    pub const fn answers_any(self) -> Self {
        Self { answer: Answer::AnyJson, ..self }
    }

    /// The path with its parameters filled in, each percent-encoded (RFC 3986 §2.1), in order.
    pub fn at(&self, values: &[&str]) -> String {
        let mut values = values.iter();
        let mut path = String::with_capacity(self.path.len());
        for part in self.path.split('/').skip(1) {
            path.push('/');
            match part.starts_with('{').then(|| values.next()).flatten() {
                Some(value) => encode(value, &mut path),
                None => path.push_str(part),
            }
        }
        path
    }
}

fn encode(value: &str, into: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte))
            }
            other => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                into.push('%');
                for nibble in [other >> 4, other & 15] {
                    into.push(char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0')));
                }
            }
        }
    }
}

/// What every list takes.
pub const PAGE: &[Parameter] = &[
    Parameter::new("limit", "How many at most: 1 to 1000, 100 by default."),
    Parameter::new("cursor", "Where the page begins: `next` of the page before."),
];

/// Every endpoint there is.
pub static ENDPOINTS: &[&[Endpoint]] = &[
    audit::ALL,
    authorities::ALL,
    backup::ALL,
    documents::ALL,
    events::ALL,
    login::ALL,
    reach::ALL,
    recordings::ALL,
    requests::ALL,
    users::ALL,
];

/// Every endpoint, one after the other.
pub fn all() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().flat_map(|group| group.iter())
}
