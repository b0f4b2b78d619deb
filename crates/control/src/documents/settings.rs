//! What the cluster demands of everyone: one document. While none is written its defaults are shown in its place.

use super::{Desk, Kept, Table, check_head};
use access::policy::Settings;
use access::target::Labels;
use api::document::Kind;
use api::endpoints::documents as table;
use api::problem::FieldProblem;
use api::settings::ClusterSettingsDocument;

impl Kept for ClusterSettingsDocument {
    const KIND: Kind = Kind::ClusterSettings;
    const TABLE: Table = Table {
        list: &table::SETTINGS_LIST,
        show: &table::SETTINGS_SHOW,
        delete: &table::SETTINGS_DELETE,
        write: Some((&table::SETTINGS_CREATE, &table::SETTINGS_PUT)),
    };

    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    fn revision(&mut self) -> &mut Option<u64> {
        &mut self.metadata.revision
    }

    fn unwritten() -> Option<Self> {
        Some(Self::default())
    }

    fn check(&self, _: &Desk<'_>) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        check_head((&self.kind, &self.version), Self::KIND, &["v1"], &mut problems);
        if let Err(found) = Settings::try_from(self) {
            problems.extend(found);
        }
        if problems.is_empty() { Ok(self.spec.warnings()) } else { Err(problems) }
    }
}
