//! Databases that stand in the daemon's configuration: written at its start, removed when they no longer stand there,
//! and changed nowhere else.
//!
//! To everything that reads them they are documents like the others. What makes them static is a mark beside each.

use super::super::find::{decode, fetch_all};
use super::super::write::{event, read};
use super::super::{Desk, Kept};
use super::{holds_secrets, seal_passwords};
use crate::{Caller, Control, Failure};
use api::database::{DatabaseDocument, secret_name};
use api::document::{Kind, MAX_DOCUMENTS, parts};
use api::problem::{FieldProblem, Problem};
use std::collections::{BTreeMap, BTreeSet};
use store::documents;
use store::kv::{Absent, Commit, Expect, Range};

/// Where the marks stand: `/static/db/NAME`.
const MARKS: &str = "/static/db/";

fn mark(name: &str) -> String {
    format!("{MARKS}{name}")
}

/// Who can read the text of a configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readers {
    /// Everybody on the machine: it may hold no passwords.
    Everybody,
    /// Those who run the daemon.
    Owner,
}

/// What became of the databases of a configuration.
#[derive(Debug, Default)]
pub struct Declared {
    /// Names of databases that were made or changed.
    pub written: Vec<String>,
    /// Names of databases that stand there no longer, and are gone.
    pub removed: Vec<String>,
    /// Names that were documents of somebody before, and are the configuration's now.
    pub adopted: Vec<String>,
    /// What whoever wrote it may want to know.
    pub warnings: Vec<FieldProblem>,
}

/// That a database is not one of the configuration.
///
/// # Errors
/// A conflict that says where it is changed.
pub(super) async fn is_dynamic(control: &Control, name: &str) -> Result<(), Failure> {
    if control.store().load(mark(name)).await?.is_none() {
        return Ok(());
    }
    let detail = format!("db `{name}` stands in the daemon's configuration and is changed there");
    Err(Problem::conflict("static", detail)
        .hint("edit the file that `databases_file` names, and start the daemon again")
        .into())
}

impl Control {
    /// Makes the databases of the daemon's configuration what `text` says: documents of `kind: db`. Those that an
    /// earlier text had and this one has not are removed; `None` removes all. What has not changed is not written.
    ///
    /// # Errors
    /// Every place of the text that is wrong; then nothing is changed.
    pub async fn declare_databases(
        &self,
        caller: &Caller,
        text: Option<(&str, Readers)>,
    ) -> Result<Declared, Failure> {
        let wanted = text.map(|(text, readers)| documents_of(self, text, readers));
        let wanted = wanted.transpose()?.unwrap_or_default();
        let mut declared = Declared::default();
        let marks = self.store().range(Range::prefix(MARKS).limit(MAX_DOCUMENTS)).await?.entries;
        let marks: BTreeSet<String> = marks
            .iter()
            .filter_map(|entry| entry.key.strip_prefix(MARKS))
            .map(str::to_owned)
            .collect();
        self.drop_undeclared(caller, &marks, &wanted, &mut declared).await?;
        let keys = wanted.keys().map(|name| documents::key(Kind::Db, name)).collect();
        let seen = fetch_all(self, keys).await?;
        let mut commit = Commit::new();
        for (name, (mut document, warnings)) in wanted {
            declared.warnings.extend(warnings);
            let entry = seen.get(&documents::key(Kind::Db, &name));
            let mut before = entry.map(decode::<DatabaseDocument>).transpose()?;
            let (secrets, is_new) = seal_passwords(&mut document, self).await?;
            document.metadata.revision = None;
            before.iter_mut().for_each(|before| before.metadata.revision = None);
            if marks.contains(&name) && !is_new && before.as_ref() == Some(&document) {
                continue;
            }
            if before.is_some() && !marks.contains(&name) {
                declared.adopted.push(name.clone());
            }
            let verb = if before.is_some() { "updated" } else { "created" };
            let expect: Expect = entry.map_or(Absent.into(), |entry| entry.revision.into());
            let value = serde_json::to_value(&document).map_err(Failure::internal)?;
            let told = event(self, caller, Kind::Db, verb, &name).with("origin", "configuration");
            commit = commit
                .and(documents::put(Kind::Db, &name, &value, expect)?)
                .and(secrets)
                .put(mark(&name), "")
                .event(document.tell(told, value));
            declared.written.push(name);
        }
        if !declared.written.is_empty() {
            self.commit(commit).await?;
        }
        Ok(declared)
    }

    async fn drop_undeclared<T>(
        &self,
        caller: &Caller,
        marks: &BTreeSet<String>,
        wanted: &BTreeMap<String, T>,
        declared: &mut Declared,
    ) -> Result<(), Failure> {
        let mut commit = Commit::new();
        for name in marks.iter().filter(|name| !wanted.contains_key(*name)) {
            let told =
                event(self, caller, Kind::Db, "removed", name).with("origin", "configuration");
            commit = commit
                .delete(documents::key(Kind::Db, name))
                .delete(store::secrets::key(&secret_name(name)))
                .delete(mark(name))
                .event(told);
            declared.removed.push(name.clone());
        }
        if !declared.removed.is_empty() {
            self.commit(commit).await?;
        }
        Ok(())
    }
}

type Wanted = BTreeMap<String, (DatabaseDocument, Vec<FieldProblem>)>;

/// Reads the documents of a text, each checked.
fn documents_of(control: &Control, text: &str, readers: Readers) -> Result<Wanted, Failure> {
    let (mut wanted, mut problems) = (Wanted::new(), Vec::new());
    let mut lines = BTreeMap::new();
    let desk = Desk { control, coming: &BTreeSet::new() };
    for part in parts(text).map_err(Failure::fields)? {
        match part.head() {
            Ok((Kind::Db, name)) => {
                if let Some(line) = lines.insert(name.clone(), part.line) {
                    problems.push(part.again(Kind::Db, &name, line));
                    continue;
                }
                match read::<DatabaseDocument>(desk, &part) {
                    Ok((document, _))
                        if readers == Readers::Everybody && holds_secrets(&document.spec) =>
                    {
                        let why = "it holds a password, and everybody on this machine can read this file: chmod 600";
                        problems.push(part.whole(why.to_owned()));
                    }
                    Ok(one) => drop(wanted.insert(name, one)),
                    Err(failure) if failure.problem.errors.is_empty() => return Err(failure),
                    Err(failure) => problems.extend(failure.problem.errors),
                }
            }
            Ok((kind, _)) => {
                let why = format!("`{}` is no kind of this file: it takes `db`", kind.as_str());
                problems.push(part.whole(why));
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    if problems.is_empty() { Ok(wanted) } else { Err(Failure::fields(problems)) }
}
