//! Roles: what their holders may do. Checked when written, so that a broken one never gets in.

use super::{Desk, Kept, Table};
use crate::{Control, Failure};
use access::name::RoleName;
use access::target::Labels;
use api::document::Kind;
use api::endpoints::documents as table;
use api::problem::{FieldProblem, Problem};
use api::role::RoleDocument;
use store::kv::Commit;

/// How many holders of a role are named when it cannot be removed.
const NAMED: usize = 10;

impl Kept for RoleDocument {
    const KIND: Kind = Kind::Role;
    const TABLE: Table = Table {
        list: &table::ROLE_LIST,
        show: &table::ROLE_SHOW,
        delete: &table::ROLE_DELETE,
        write: Some((&table::ROLE_CREATE, &table::ROLE_PUT)),
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

    fn check(&self, _: &Desk<'_>) -> Result<Vec<FieldProblem>, Vec<FieldProblem>> {
        let (_, warnings) = self.role()?;
        let told = warnings.into_iter();
        Ok(told.map(|warning| FieldProblem::at(warning.path, warning.message)).collect())
    }

    /// A role that somebody holds stays: taking it away from everyone at once is rarely what is meant,
    /// and never what is seen.
    async fn leave(control: &Control, name: &str) -> Result<Commit, Failure> {
        let role: RoleName = name.parse().map_err(|_| Problem::not_found())?;
        control.caught_up().await;
        let holders: Vec<String> = control
            .store()
            .policy()
            .read(|policy| policy.holders(&role).map(|user| user.name.to_string()).collect());
        if holders.is_empty() {
            return Ok(Commit::new());
        }
        let more = holders.len().saturating_sub(NAMED);
        let mut named: Vec<&str> = holders.iter().take(NAMED).map(String::as_str).collect();
        let rest = format!("{more} more");
        if more > 0 {
            named.push(&rest);
        }
        let detail = format!("role `{role}` is held by {}", named.join(", "));
        Err(Problem::conflict("role.in_use", detail)
            .hint("take it from these users first: tctl edit user/NAME")
            .into())
    }
}
