//! Roles: `kind: role`, versions v3 to v8, with the field names operators of access proxies know.
//!
//! A role file written elsewhere loads here, or is refused by naming the one field that is not
//! supported. What the fields mean, and whether they fit together, is checked by
//! [`access::role::Role::new`]; here they get their shapes.

mod conditions;
mod options;
mod people;
mod shape;

pub use conditions::{ConditionsDocument, KubeResourceDocument};
pub use options::OptionsDocument;
pub use people::{
    ClaimDocument, ImpersonateDocument, JoinDocument, KindDocument, PartDocument, ReasonDocument,
    RequestDocument, RequireJoinDocument, ReviewDocument, RuleDocument, ThresholdDocument,
};
pub use shape::{Flag, Texts, Unsupported, Word};

use crate::{document, problem::FieldProblem};
use access::role::{Role, RoleSpec, Warning};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `kind: role`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleDocument {
    /// Always `role`.
    #[serde(default = "role")]
    pub kind: String,
    /// `v3` to `v8`; where it is missing, `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Name and description.
    #[serde(default)]
    pub metadata: RoleMetadata,
    /// The role.
    #[serde(default)]
    pub spec: RoleBody,
    /// Written by other products beside the kind; empty.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub sub_kind: Empty,
}

/// What a role says about itself.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleMetadata {
    /// The name.
    #[serde(default)]
    pub name: String,
    /// What it is for, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Labels, matched by `where` of rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The store's revision of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// A role does not end by itself here.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub expires: Unsupported,
    /// Roles live in no namespace.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub namespace: Unsupported,
}

/// `spec` of a role.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    /// Options of sessions.
    #[serde(default, skip_serializing_if = "shape::is_default")]
    pub options: OptionsDocument,
    /// What it allows.
    #[serde(default, skip_serializing_if = "shape::is_default")]
    pub allow: ConditionsDocument,
    /// What it denies, whatever any role allows.
    #[serde(default, skip_serializing_if = "shape::is_default")]
    pub deny: ConditionsDocument,
}

/// A field that may stand there, empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Empty;

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        if text.is_empty() {
            Ok(Self)
        } else {
            Err(serde::de::Error::custom("not supported here; remove it"))
        }
    }
}

fn role() -> String {
    "role".to_owned()
}

impl RoleDocument {
    /// Reads a role in YAML or JSON.
    ///
    /// # Errors
    /// The first field that has not the right shape, with its key path, line and column.
    pub fn read(text: &str) -> Result<Self, Vec<FieldProblem>> {
        document::typed(text)
    }

    /// Reads a role that is JSON already.
    ///
    /// # Errors
    /// As [`RoleDocument::read`].
    pub fn from_value(value: &serde_json::Value) -> Result<Self, Vec<FieldProblem>> {
        let mut problems = Self::read(&value.to_string());
        // Lines of a text nobody has seen help nobody.
        if let Err(problems) = &mut problems {
            for problem in problems {
                (problem.line, problem.column) = (None, None);
            }
        }
        problems
    }

    /// The role this document means, checked, and what its author may not have meant.
    ///
    /// # Errors
    /// Every field that is wrong, by its key path.
    pub fn role(&self) -> Result<(Role, Vec<Warning>), Vec<FieldProblem>> {
        if self.kind != "role" {
            let message = "expected `role`".to_owned();
            return Err(vec![FieldProblem {
                path: "kind".to_owned(),
                message,
                ..FieldProblem::default()
            }]);
        }
        Role::new(self.spec()).map_err(|problems| {
            let fields = problems.into_iter().map(|problem| FieldProblem {
                path: problem.path,
                message: problem.message,
                ..FieldProblem::default()
            });
            fields.collect()
        })
    }

    /// The document as plain data.
    #[must_use]
    pub fn spec(&self) -> RoleSpec {
        RoleSpec {
            name: self.metadata.name.clone(),
            version: self.version.clone(),
            description: self.metadata.description.clone(),
            options: self.spec.options.options(),
            allow: self.spec.allow.conditions(),
            deny: self.spec.deny.conditions(),
        }
    }

    /// The document in YAML.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
