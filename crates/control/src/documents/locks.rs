//! Locks: who or what is kept out, at once.

use super::{Desk, Kept, Table, check_head};
use access::lock::Lock;
use access::target::Labels;
use api::document::Kind;
use api::endpoints::documents as table;
use api::lock::LockDocument;
use api::problem::FieldProblem;

impl Kept for LockDocument {
    const KIND: Kind = Kind::Lock;
    const TABLE: Table = Table {
        list: &table::LOCK_LIST,
        show: &table::LOCK_SHOW,
        delete: &table::LOCK_DELETE,
        write: Some((&table::LOCK_CREATE, &table::LOCK_PUT)),
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

    fn check(&self, desk: &Desk<'_>) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        check_head((&self.kind, &self.version), Self::KIND, &["v1", "v2"], &mut problems);
        if let Err(found) = Lock::try_from(self) {
            problems.extend(found);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let past = self.spec.expires.filter(|expires| *expires <= desk.control.now());
        let late = |at| {
            FieldProblem::at("spec.expires", format!("{at} has passed: this lock keeps nobody out"))
        };
        Ok(past.map(late).into_iter().collect())
    }
}
