//! Many documents in one transaction: all of them are checked, then all are written, or none.

use super::find::{fetch_all, key_of};
use super::write::{Saved, prepare, read};
use super::{Desk, Kept, Mode};
use crate::http::{Answer, List, Side, Text};
use crate::{Caller, Control, Failure, Routes};
use api::app::AppDocument;
use api::database::DatabaseDocument;
use api::document::{Kind, MAX_DOCUMENTS, Part, WrittenAll, parts};
use api::endpoints::{Verb, documents::WRITE_ALL};
use api::kube::KubeClusterDocument;
use api::lock::LockDocument;
use api::node::NodeDocument;
use api::problem::{FieldProblem, Problem};
use api::role::RoleDocument;
use api::rule::RuleDocument;
use api::settings::ClusterSettingsDocument;
use api::token::{NewToken, TokenDocument};
use api::user::UserDocument;
use axum::{Json, extract::State};
use std::collections::BTreeMap;
use store::kv::{Commit, Entry};
use zeroize::Zeroizing;

/// Compares and changes that one document takes, at most: a token is a compare and three keys.
const OPERATIONS_EACH: usize = 4;

// Whatever kinds they are, as many documents as one text may have fit into one commit.
const _: () = assert!(MAX_DOCUMENTS * OPERATIONS_EACH <= store::kv::limits::COMMIT_OPERATIONS);
const _: () = assert!(MAX_DOCUMENTS <= store::kv::limits::COMMIT_EVENTS);
const _: () = assert!(MAX_DOCUMENTS <= store::kv::limits::RANGE_ENTRIES);

pub(super) fn routes(routes: Routes) -> Routes {
    routes.on(&WRITE_ALL, write_all)
}

/// `POST /v1/documents`
async fn write_all(
    State(control): State<Control>,
    caller: Caller,
    query: List,
    Text(text): Text,
) -> Answer<WrittenAll> {
    let mode = if query.flag("replace")? { Mode::Put } else { Mode::Create };
    let dry_run = query.flag("dry_run")?;
    let text = Zeroizing::new(text);
    // Whoever may write nothing at all learns nothing by what is said of her text.
    if !Kind::ALL.into_iter().any(|kind| may_write(&control, &caller, kind, mode)) {
        return Err(Problem::forbidden().into());
    }
    let parts = parts(&text).map_err(Failure::fields)?;
    let heads: Vec<_> = parts.iter().map(Part::head).collect();
    let coming = heads.iter().flatten().cloned().collect();
    let desk = Desk { control: &control, coming: &coming };
    let mut refused = Refused::default();
    let mut asked = Vec::new();
    let mut first = BTreeMap::new();
    for (part, head) in parts.iter().zip(heads) {
        match head {
            Ok((kind, _)) if !may_write(&control, &caller, kind, mode) => {
                refused.forbidden.push(forbidden(part, kind));
            }
            Ok((kind, name)) => match first.insert((kind, name.clone()), part.line) {
                Some(line) => refused.wrong.push(part.again(kind, &name, line)),
                None => asked.push((part, kind, key_of(kind, &name))),
            },
            Err(problems) => refused.wrong.extend(problems),
        }
    }
    let keys = asked.iter().filter_map(|(.., key)| key.clone()).collect();
    let mut seen = fetch_all(&control, keys).await?;
    let mut saved = Vec::new();
    for (part, kind, key) in asked {
        let entry = key.and_then(|key| seen.remove(&key));
        match judge(desk, &caller, part, kind, mode, entry).await {
            Ok(one) => saved.push(one),
            Err(failure) => refused.add(part, kind, failure)?,
        }
    }
    refused.none()?;
    Ok(Json(finish(&control, saved, dry_run).await?))
}

/// Writes them all, unless this is a dry run.
async fn finish(
    control: &Control,
    mut saved: Vec<Saved>,
    dry_run: bool,
) -> Result<WrittenAll, Failure> {
    let mut answer = WrittenAll { dry_run, ..WrittenAll::default() };
    let mut revision = 0;
    if !dry_run {
        let commits = saved.iter_mut().map(|one| std::mem::take(&mut one.commit));
        revision = control.commit(commits.fold(Commit::new(), Commit::and)).await?;
    }
    for Saved { mut written, secret, .. } in saved {
        written.revision = revision;
        if let Some(secret) = secret.filter(|_| !dry_run) {
            let name = written.name.clone();
            answer.tokens.push(NewToken { name, secret: String::clone(&secret), revision });
        }
        answer.documents.push(written);
    }
    Ok(answer)
}

/// Whether the caller may write any document of this kind.
fn may_write(control: &Control, caller: &Caller, kind: Kind, mode: Mode) -> bool {
    let may = |verb| control.caller_may_some(caller, kind.as_str(), verb).is_ok();
    may(Verb::Create) || mode == Mode::Put && may(Verb::Update)
}

fn forbidden(part: &Part<'_>, kind: Kind) -> FieldProblem {
    part.whole(format!("your roles do not let you write this {}", kind.as_str()))
}

/// Whether one document may be written, and what writes it.
async fn judge(
    desk: Desk<'_>,
    caller: &Caller,
    part: &Part<'_>,
    kind: Kind,
    mode: Mode,
    seen: Option<Entry>,
) -> Result<Saved, Failure> {
    match kind {
        Kind::AccessMonitoringRule => one::<RuleDocument>(desk, caller, part, mode, seen).await,
        Kind::Lock => one::<LockDocument>(desk, caller, part, mode, seen).await,
        Kind::App => one::<AppDocument>(desk, caller, part, mode, seen).await,
        Kind::ClusterSettings => {
            one::<ClusterSettingsDocument>(desk, caller, part, mode, seen).await
        }
        Kind::Db => one::<DatabaseDocument>(desk, caller, part, mode, seen).await,
        Kind::KubeCluster => one::<KubeClusterDocument>(desk, caller, part, mode, seen).await,
        Kind::Node => one::<NodeDocument>(desk, caller, part, mode, seen).await,
        Kind::Role => one::<RoleDocument>(desk, caller, part, mode, seen).await,
        Kind::Token => one::<TokenDocument>(desk, caller, part, mode, seen).await,
        Kind::User => one::<UserDocument>(desk, caller, part, mode, seen).await,
    }
}

async fn one<D: Kept>(
    desk: Desk<'_>,
    caller: &Caller,
    part: &Part<'_>,
    mode: Mode,
    seen: Option<Entry>,
) -> Result<Saved, Failure> {
    let (document, warnings) = read::<D>(desk, part)?;
    let mut saved = prepare(desk.control, caller, document, mode, seen.as_ref())
        .await
        .map_err(|failure| failure.placed(part))?;
    saved.written.warnings = warnings;
    Ok(saved)
}

/// Everything that keeps a text from being written.
#[derive(Default)]
struct Refused {
    /// What the caller may not write.
    forbidden: Vec<FieldProblem>,
    /// What is wrong in itself.
    wrong: Vec<FieldProblem>,
    /// What does not fit to what is there, with the refusal each would get alone.
    conflicts: Vec<(FieldProblem, Problem)>,
}

impl Refused {
    /// Sorts a refusal in.
    ///
    /// # Errors
    /// The failure itself, where it is ours: then nothing can be said of the other documents either.
    fn add(&mut self, part: &Part<'_>, kind: Kind, failure: Failure) -> Result<(), Failure> {
        if failure.side() == Side::House {
            return Err(failure);
        }
        let problem = *failure.problem;
        match problem.status {
            403 => self.forbidden.push(forbidden(part, kind)),
            409 => self.conflicts.push((part.whole(problem.detail.clone()), problem)),
            _ if problem.errors.is_empty() => self.wrong.push(part.whole(problem.detail)),
            _ => self.wrong.extend(problem.errors),
        }
        Ok(())
    }

    /// That nothing was refused.
    ///
    /// # Errors
    /// Everything at once; what the caller may not do hides the rest.
    fn none(self) -> Result<(), Failure> {
        if !self.forbidden.is_empty() {
            return Err(Problem::forbidden().errors(self.forbidden).into());
        }
        let mut wrong = self.wrong;
        let (places, problems): (Vec<_>, Vec<_>) = self.conflicts.into_iter().unzip();
        if !wrong.is_empty() {
            wrong.extend(places);
            wrong.sort_by_key(|problem| problem.line);
            return Err(Failure::fields(wrong));
        }
        let alone = problems.len() == 1;
        let Some(first) = problems.into_iter().next() else { return Ok(()) };
        if alone {
            return Err(first.errors(places).into());
        }
        let detail = format!("{} documents do not fit to what is there", places.len());
        Err(Problem::conflict(&first.code, detail).errors(places).into())
    }
}
