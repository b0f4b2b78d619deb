//! Applications: where they are, under which name people reach them, what is changed on the way.

use crate::{document::Metadata, problem::FieldProblem};
use access::target::{Target, TargetId, TargetKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `kind: app`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppDocument {
    /// Always `app`.
    pub kind: String,
    /// `v1`, or `v3`.
    pub version: String,
    /// Name and labels.
    pub metadata: Metadata,
    /// The application.
    pub spec: AppSpec,
}

/// What an application is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    /// Where it is: `http://host:port`, `https://host:port`, or `tcp://host:port` for what is no HTTP.
    pub uri: String,
    /// The host name people reach it by; its name below the name of this house when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_addr: Option<String>,
    /// Whether whoever answers at an `https` address is taken for the application.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
    /// How an application behind `https` proves that it is itself.
    #[serde(default, skip_serializing_if = "AppTls::is_empty")]
    pub tls: AppTls,
    /// What is changed on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<AppRewrite>,
}

/// How an application behind `https` proves that it is itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppTls {
    /// The name its certificate must have; the host of the address when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The authorities its certificate may come from, in PEM; those of the system when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_cert: Option<String>,
}

impl AppTls {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is changed on the way to an application and back.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppRewrite {
    /// Headers that every request gets, in place of any the client sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<AppHeader>,
    /// Hosts whose redirects lead back to the application's public name, beside the host of its address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect: Vec<String>,
    /// What the signed assertion says of the user beside the name.
    #[serde(default)]
    pub jwt_claims: AppClaims,
}

/// A header that every request gets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppHeader {
    /// Its name.
    pub name: String,
    /// Its value, which may hold one template: `{{external.team}}`, `{{internal.user}}`, `{{internal.jwt}}`.
    pub value: String,
}

/// What the signed assertion says of the user beside the name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AppClaims {
    /// Roles and traits.
    #[default]
    RolesAndTraits,
    /// Roles.
    Roles,
    /// Traits.
    Traits,
    /// Neither.
    None,
}

/// Where an application is, read from its address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AppUri {
    /// What it speaks.
    pub scheme: AppScheme,
    /// `host:port`, with the scheme's own port where none is written.
    pub authority: String,
}

/// What an application speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AppScheme {
    /// HTTP in the clear.
    Http,
    /// HTTP in TLS.
    Https,
    /// Anything over TCP.
    Tcp,
}

impl AppScheme {
    /// The word of the law, and of `tsh apps ls`: `http` for both kinds of HTTP, `tcp`.
    #[must_use]
    pub const fn protocol(self) -> &'static str {
        match self {
            Self::Http | Self::Https => "http",
            Self::Tcp => "tcp",
        }
    }
}

impl std::str::FromStr for AppUri {
    type Err = &'static str;

    /// Reads `http://host`, `https://host:8443`, `tcp://host:9000`. A path would be one more thing to get wrong, so
    /// there is none.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "expected `http://host:port`, `https://host:port` or `tcp://host:port`";
        let (scheme, rest) = text.split_once("://").ok_or(SHAPE)?;
        let (scheme, port) = match scheme {
            "http" => (AppScheme::Http, Some("80")),
            "https" => (AppScheme::Https, Some("443")),
            "tcp" => (AppScheme::Tcp, None),
            _ => return Err(SHAPE),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(
                "an application's address has no path, query or user: write `scheme://host:port`",
            );
        }
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(host, _)| !host.starts_with('[') || host.ends_with(']'));
        let authority = match (has_port, port) {
            (true, _) => authority.to_owned(),
            (false, Some(port)) => format!("{authority}:{port}"),
            (false, None) => return Err("a TCP application needs a port: `tcp://host:port`"),
        };
        Ok(Self { scheme, authority })
    }
}

/// Where the application `name` is opened, by way of a house at `public_addr` (`host:port`): by the host name of its own,
/// or by its name below the house's.
#[must_use]
pub fn public_url(name: &str, host: Option<&str>, public_addr: &str) -> String {
    let (own, port) = public_addr.rsplit_once(':').unwrap_or((public_addr, "443"));
    let host = host.map_or_else(|| format!("{name}.{own}"), str::to_owned);
    if port == "443" { format!("https://{host}") } else { format!("https://{host}:{port}") }
}

impl TryFrom<&AppDocument> for Target {
    type Error = Vec<FieldProblem>;

    /// The application as the law knows it: name, labels, what it speaks, and the host name it is asked for by.
    fn try_from(document: &AppDocument) -> Result<Self, Vec<FieldProblem>> {
        let wrong = |path: &str, message: String| vec![FieldProblem::at(path, message)];
        let name = document.metadata.name.parse().map_err(|error: access::name::InvalidName| {
            wrong("metadata.name", error.to_string())
        })?;
        let uri: AppUri =
            document.spec.uri.parse().map_err(|why: &str| wrong("spec.uri", why.to_owned()))?;
        let id = TargetId { kind: TargetKind::App, name };
        let mut target = Self::new(id, document.metadata.labels.clone());
        target.protocol = Some(uri.scheme.protocol().into());
        target.host = document.spec.public_addr.as_deref().map(|host| host.to_lowercase().into());
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(AppScheme, String), &'static str> {
        text.parse::<AppUri>().map(|uri| (uri.scheme, uri.authority))
    }

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        let is = |scheme, authority: &str| Ok((scheme, authority.to_owned()));
        assert_eq!(read("http://127.0.0.1:3000"), is(AppScheme::Http, "127.0.0.1:3000"));
        assert_eq!(read("http://wiki/"), is(AppScheme::Http, "wiki:80"));
        assert_eq!(read("https://[::1]"), is(AppScheme::Https, "[::1]:443"));
        assert_eq!(read("https://[::1]:8443"), is(AppScheme::Https, "[::1]:8443"));
        assert_eq!(read("tcp://queue:5671"), is(AppScheme::Tcp, "queue:5671"));
        for bad in ["", "wiki", "ftp://wiki", "http://wiki/path", "http://a@b", "tcp://queue"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
