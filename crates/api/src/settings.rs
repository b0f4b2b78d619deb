//! What the cluster demands of everyone: one document, which holds at once, in running sessions too.

use crate::document::{Kind, Metadata};
use crate::problem::FieldProblem;
use crate::role::{Flag, Word};
use access::policy::Settings;
use access::role::options::{LockingMode, RequireMfa};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The name of the one document.
pub const NAME: &str = "cluster";

/// `kind: cluster_settings`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettingsDocument {
    /// Always `cluster_settings`.
    pub kind: String,
    /// Always `v1`.
    pub version: String,
    /// The name is always `cluster`.
    pub metadata: Metadata,
    /// The settings.
    #[serde(default)]
    pub spec: ClusterSettingsSpec,
}

/// What the cluster demands of everyone. What is not written has its default.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettingsSpec {
    /// Whether a role's `device_trust_mode: required` is obeyed; true. No login here shows a trusted device yet, so
    /// obeyed it refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub device_trust: Option<Flag>,
    /// What happens when locks cannot be read, where no role says: `strict`. Locks and roles are read as one here, and a
    /// policy that cannot be read permits nothing: `best_effort` is taken, and is as strict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub locking_mode: Option<Word<LockingMode>>,
    /// Whether every session needs a login with a second factor, whatever roles say: `off`, `session`. It is shown once,
    /// when logging in. Identity files of `tctl auth sign` have none, so with `session` they open nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub require_session_mfa: Option<Word<RequireMfa>>,
}

impl Default for ClusterSettingsDocument {
    /// What holds while none is written, every setting said.
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            kind: Kind::ClusterSettings.as_str().to_owned(),
            version: "v1".to_owned(),
            metadata: Metadata { name: NAME.to_owned(), ..Metadata::default() },
            spec: ClusterSettingsSpec {
                device_trust: Some(Flag(settings.device_trust)),
                locking_mode: Some(Word(settings.lock)),
                require_session_mfa: Some(Word(settings.require_session_mfa)),
            },
        }
    }
}

impl TryFrom<&ClusterSettingsDocument> for Settings {
    type Error = Vec<FieldProblem>;

    /// The settings as the law knows them, or every field that is wrong.
    fn try_from(document: &ClusterSettingsDocument) -> Result<Self, Vec<FieldProblem>> {
        let (spec, default) = (&document.spec, Self::default());
        let mut problems = Vec::new();
        if document.metadata.name != NAME {
            let why = format!("there is one document of this kind, and its name is `{NAME}`");
            problems.push(FieldProblem::at("metadata.name", why));
        }
        let require_session_mfa =
            spec.require_session_mfa.map_or(default.require_session_mfa, |Word(mode)| mode);
        if require_session_mfa.needs_hardware() {
            let why = "no login here shows a key held in hardware, so nobody would get in: write `session`";
            problems.push(FieldProblem::at("spec.require_session_mfa", why));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            require_session_mfa,
            device_trust: spec.device_trust.map_or(default.device_trust, |Flag(on)| on),
            lock: spec.locking_mode.map_or(default.lock, |Word(mode)| mode),
        })
    }
}

impl ClusterSettingsSpec {
    /// What may surprise whoever writes it.
    #[must_use]
    pub fn warnings(&self) -> Vec<FieldProblem> {
        let mut warnings = Vec::new();
        if self.device_trust == Some(Flag(false)) {
            let why = "roles that demand a trusted device no longer do";
            warnings.push(FieldProblem::at("spec.device_trust", why));
        }
        if self.locking_mode == Some(Word(LockingMode::BestEffort)) {
            let why = "has no effect: locks are read with the roles, and what cannot be read permits nothing";
            warnings.push(FieldProblem::at("spec.locking_mode", why));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spec: &str) -> Result<Settings, Vec<FieldProblem>> {
        let text = format!(
            "kind: cluster_settings\nversion: v1\nmetadata: {{name: cluster}}\nspec: {{{spec}}}\n"
        );
        Settings::try_from(&crate::document::typed::<ClusterSettingsDocument>(&text)?)
    }

    #[test]
    fn what_is_not_written_has_its_default() {
        assert_eq!(read(""), Ok(Settings::default()));
        assert_eq!(
            Settings::try_from(&ClusterSettingsDocument::default()),
            Ok(Settings::default())
        );
        let said = read("require_session_mfa: yes, device_trust: off").unwrap();
        assert!(said.require_session_mfa.is_required() && !said.device_trust, "{said:?}");
    }

    #[test]
    fn what_nobody_could_show_and_what_is_unknown_is_refused_by_its_path() {
        for (spec, path) in [
            ("require_session_mfa: hardware_key_pin", "spec.require_session_mfa"),
            ("require_session_mfa: sometimes", "spec.require_session_mfa"),
            ("locking_mode: lax", "spec.locking_mode"),
            ("second_factor: otp", "spec.second_factor"),
        ] {
            let problems = read(spec).unwrap_err();
            assert_eq!(problems[0].path, path, "{problems:?}");
        }
        let other = ClusterSettingsDocument {
            metadata: Metadata { name: "mine".to_owned(), ..Metadata::default() },
            ..ClusterSettingsDocument::default()
        };
        assert_eq!(Settings::try_from(&other).unwrap_err()[0].path, "metadata.name");
    }
}
