//! Role versions: what a document means where it says nothing.

use core::{fmt, str::FromStr};

/// The version of a role document. A document without one is read as [`RoleVersion::V7`].
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum RoleVersion {
    /// Empty labels select everything; Kubernetes: all pods.
    V3,
    /// Empty labels select nothing; Kubernetes: all pods.
    V4,
    /// As version 4.
    V5,
    /// Kubernetes: nothing unless listed.
    V6,
    /// Kubernetes: everything unless listed.
    #[default]
    V7,
    /// Kubernetes kinds are plural and have an `api_group`; a rule on `namespaces` covers the object only.
    V8,
}

/// A version we do not read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("role version not supported: {0:?}; write one of v3, v4, v5, v6, v7, v8")]
pub struct UnknownVersion(pub String);

impl RoleVersion {
    /// As documents write it: `v7`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V4 => "v4",
            Self::V5 => "v5",
            Self::V6 => "v6",
            Self::V7 => "v7",
            Self::V8 => "v8",
        }
    }
}

impl FromStr for RoleVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        [Self::V3, Self::V4, Self::V5, Self::V6, Self::V7, Self::V8]
            .into_iter()
            .find(|version| version.as_str() == text)
            .ok_or_else(|| UnknownVersion(text.chars().take(32).collect()))
    }
}

impl fmt::Display for RoleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
