//! `tctl get`, `create`, `edit`, `rm`: documents of every kind, as YAML.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use api::document::{Kind, MAX_TEXT, WrittenAll, parts};
use api::endpoints::documents::{
    APP_LIST, DATABASE_LIST, KUBE_LIST, LOCK_LIST, NODE_LIST, ROLE_LIST, RULE_LIST, SETTINGS_LIST,
    WRITE_ALL,
};
use api::endpoints::users::{TOKEN_LIST, USER_LIST};
use api::endpoints::{Endpoint, Method};
use api::problem::FieldProblem;
use serde::Serialize;
use serde_json::Value;

use super::MOST;
use crate::client::Api;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Format, Output, one_line};
use crate::table::{Column, Table};

/// Show documents: all of a kind, or one
///
///     tctl get roles
///     tctl get role/dba > dba.yaml
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct GetArgs {
    /// KIND, or KIND/NAME; kinds are role, user, node, db, kube_cluster, app, lock, token, rule, cluster_settings
    #[arg(value_name = "KIND[/NAME]")]
    what: String,
}

impl GetArgs {
    /// All of a kind.
    pub(super) fn of(kind: &str) -> Self {
        Self { what: kind.to_owned() }
    }
}

/// Create documents from a file: all of them, or none
///
/// They are one transaction. Whatever is wrong with any of them is shown at once, with its line, and
/// nothing is written.
///
///     tctl create -f roles.yaml
///     tctl create -f roles.yaml --dry-run
///     tctl get role/dba | sed s/2h/4h/ | tctl create --force -f -
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// The file, or - for standard input
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
    /// The same, without -f
    #[arg(value_name = "FILE", conflicts_with = "file", id = "path")]
    path: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    force: bool,
    /// Only say what would be written
    #[arg(long)]
    dry_run: bool,
}

/// Edit a document with $EDITOR
///
/// Nothing is written if someone else changed it meanwhile.
///
///     tctl edit role/dba
///     tctl edit cluster_settings
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct EditArgs {
    /// What
    #[arg(value_name = "KIND/NAME")]
    what: String,
}

/// Remove a document
///
///     tctl rm role/dba
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct RmArgs {
    /// What
    #[arg(value_name = "KIND/NAME")]
    what: String,
}

/// `tctl roles`.
#[derive(clap::Subcommand, Debug)]
pub enum RolesCommand {
    /// List roles
    ///
    ///     tctl roles ls
    #[command(verbatim_doc_comment)]
    Ls,
}

/// Runs one of them.
///
/// # Errors
/// As [`get`].
pub fn roles(cx: &mut Context, command: RolesCommand) -> Result<Exit, Error> {
    let RolesCommand::Ls = command;
    get(cx, GetArgs::of("role"))
}

/// Shows documents.
///
/// # Errors
/// There is none, or it may not be read.
pub fn get(cx: &mut Context, args: GetArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    let (kind, name) = read(&args.what)?;
    match name {
        Some(name) => {
            let document = fetch(&api, kind, name)?;
            match cx.format {
                Format::Text | Format::Yaml => cx.out.write_all(yaml(&document)?.as_bytes())?,
                Format::Json => cx.show(&document, |_| Ok(()))?,
            }
        }
        None => {
            let documents: Vec<Value> = api.list(listing(kind), &[], &[], MOST)?;
            match cx.format {
                Format::Text => table(&mut cx.out, &documents)?,
                Format::Json => cx.show(&documents, |_| Ok(()))?,
                // Divided by `---`, so that `tctl create` can read it again.
                Format::Yaml => {
                    for document in &documents {
                        write!(cx.out, "---\n{}", yaml(document)?)?;
                    }
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// Creates every document of a file, or none.
///
/// # Errors
/// The file cannot be read, or a document is refused.
pub fn create(cx: &mut Context, args: CreateArgs) -> Result<Exit, Error> {
    let path = args.file.or(args.path).ok_or_else(|| {
        Error::usage("which file?").hint("tctl create -f FILE, or - for standard input")
    })?;
    let (name, text) = if path.as_os_str() == "-" {
        ("standard input".to_owned(), cx.read_all(MAX_TEXT as u64)?)
    } else {
        (path.display().to_string(), read_file(&path)?)
    };
    let write = Write { replace: args.force, dry_run: args.dry_run };
    let hint = "to replace what is there: tctl create --force, or tctl edit KIND/NAME";
    write.text(cx, text).map_err(|error| {
        let error = match args.force {
            true => error,
            false => error.instead_on(Exit::Conflict, hint),
        };
        error.about(format!("`{}`, nothing was written", one_line(&name)))
    })?;
    Ok(Exit::Done)
}

/// A file as text, if it is no longer than documents can be.
fn read_file(path: &Path) -> Result<String, Error> {
    let cannot =
        |error: io::Error| Error::usage(format!("cannot read `{}`", path.display())).because(error);
    let mut text = String::new();
    let file = fs::File::open(path).map_err(cannot)?;
    io::Read::take(file, MAX_TEXT as u64 + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() > MAX_TEXT {
        let what = format!("`{}` is longer than {MAX_TEXT} bytes", path.display());
        return Err(Error::usage(what).hint("divide it: each file is one transaction"));
    }
    Ok(text)
}

/// How a text of documents is written.
struct Write {
    replace: bool,
    dry_run: bool,
}

impl Write {
    /// Sends it, and says what became of each document.
    fn text(&self, cx: &mut Context, text: String) -> Result<(), Error> {
        let flag = |name, on: bool| on.then(|| (name, "true".to_owned()));
        let query: Vec<_> = [flag("replace", self.replace), flag("dry_run", self.dry_run)]
            .into_iter()
            .flatten()
            .collect();
        let answer: WrittenAll = cx.api()?.tell_documents(&WRITE_ALL, &query, text)?;
        cx.show(&answer, |out| said(out, &answer))?;
        for warning in answer.documents.iter().flat_map(|document| &document.warnings) {
            writeln!(cx.err, "warning: {}", one_line(&warning.to_string()))?;
        }
        Ok(())
    }
}

/// What became of each document.
fn said(out: &mut Output, answer: &WrittenAll) -> io::Result<()> {
    for document in &answer.documents {
        let did = match (answer.dry_run, document.created) {
            (false, true) => "Created",
            (false, false) => "Replaced",
            (true, true) => "Would create",
            (true, false) => "Would replace",
        };
        writeln!(out, "{did} {} {}", one_line(&document.kind), one_line(&document.name))?;
    }
    for token in &answer.tokens {
        let (name, secret) = (one_line(&token.name), one_line(&token.secret));
        writeln!(out, "The secret of token {name}, shown only now:\n\n  {secret}\n")?;
    }
    Ok(())
}

/// Opens a document in an editor and writes it back.
///
/// # Errors
/// The editor fails, the text is wrong, or someone was faster.
pub fn edit(cx: &mut Context, args: EditArgs) -> Result<Exit, Error> {
    let (kind, name) = named(&args.what)?;
    let api = cx.api()?;
    let old = yaml(&fetch(&api, kind, name)?)?;
    let failed = |error: io::Error| Error::internal("cannot edit").because(error);
    let mut file =
        tempfile::Builder::new().prefix("tctl-").suffix(".yaml").tempfile().map_err(failed)?;
    file.write_all(old.as_bytes()).map_err(failed)?;
    let editor = cx.env("VISUAL").or_else(|| cx.env("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // Through the shell, since the variable may hold arguments.
    let ended = Process::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(file.path())
        .status()
        .map_err(failed)?;
    if !ended.success() {
        return Err(Error::usage(format!(
            "the editor `{editor}` ended with {ended}; nothing was written"
        )));
    }
    let text = fs::read_to_string(file.path()).map_err(failed)?;
    if text == old {
        writeln!(cx.out, "Nothing was changed.")?;
        return Ok(Exit::Done);
    }
    match put(cx, kind, name, text) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            let kept = file.into_temp_path().keep().map_err(|error| failed(error.error))?;
            Err(error.hint(format!("your text is kept in {}", kept.display())))
        }
    }
}

fn put(cx: &mut Context, kind: Kind, name: &str, text: String) -> Result<(), Error> {
    match parts(&text).map_err(|problems| wrong(&problems))?.as_slice() {
        [only] => {
            let head = only.head().map_err(|problems| wrong(&problems))?;
            if head != (kind, name.to_owned()) {
                return Err(Error::usage("kind and name cannot be changed by editing")
                    .hint("make another with: tctl create -f FILE"));
            }
        }
        _ => return Err(Error::usage("the edited text holds several documents")),
    }
    Write { replace: true, dry_run: false }.text(cx, text).map_err(|error| {
        error.hint_on(Exit::Conflict, "someone changed it meanwhile; nothing was written")
    })
}

/// Removes a document.
///
/// # Errors
/// There is none, or it may not be removed.
pub fn rm(cx: &mut Context, args: RmArgs) -> Result<Exit, Error> {
    let (kind, name) = named(&args.what)?;
    remove(cx, kind, name)
}

/// Removes one document by kind and name.
pub(super) fn remove(cx: &mut Context, kind: Kind, name: &str) -> Result<Exit, Error> {
    cx.api()?.at::<(), Option<Value>>(Method::Delete, &one(kind, name), &[], None)?;
    writeln!(cx.out, "Removed {} {}", kind.as_str(), one_line(name))?;
    Ok(Exit::Done)
}

fn fetch(api: &Api, kind: Kind, name: &str) -> Result<Value, Error> {
    api.at::<(), Value>(Method::Get, &one(kind, name), &[], None)
}

/// The endpoint that lists a kind.
fn listing(kind: Kind) -> &'static Endpoint {
    match kind {
        Kind::AccessMonitoringRule => &RULE_LIST,
        Kind::App => &APP_LIST,
        Kind::ClusterSettings => &SETTINGS_LIST,
        Kind::Db => &DATABASE_LIST,
        Kind::KubeCluster => &KUBE_LIST,
        Kind::Lock => &LOCK_LIST,
        Kind::Node => &NODE_LIST,
        Kind::Role => &ROLE_LIST,
        Kind::Token => &TOKEN_LIST,
        Kind::User => &USER_LIST,
    }
}

/// The path of one document, its name encoded.
fn one(kind: Kind, name: &str) -> String {
    // The encoding of names in paths belongs to the endpoint table.
    let template = api::endpoints::documents::ROLE_SHOW.at(&[name]);
    let encoded = template.rsplit('/').next().unwrap_or_default();
    format!("{}/{encoded}", kind.path())
}

fn read(what: &str) -> Result<(Kind, Option<&str>), Error> {
    let (kind, name) = match what.split_once('/') {
        Some((kind, name)) => (kind, Some(name).filter(|name| !name.is_empty())),
        None => (what, None),
    };
    let kind: Kind = kind
        .parse()
        .map_err(|error| Error::usage(format!("`{}` is no kind: {error}", one_line(kind))))?;
    Ok((kind, name.or(kind.only())))
}

fn named(what: &str) -> Result<(Kind, &str), Error> {
    match read(what)? {
        (kind, Some(name)) => Ok((kind, name)),
        (kind, None) => Err(Error::usage(format!("which {0}? Write {0}/NAME", kind.as_str()))
            .hint(format!("see them with: tctl get {}", kind.as_str()))),
    }
}

/// All problems of an edited text, each on a line with its place.
fn wrong(problems: &[FieldProblem]) -> Error {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("\n  {}", one_line(&problem.to_string()))).collect();
    Error::usage(format!("the edited text was not sent:{}", lines.concat()))
}

/// A document in the order in which people write it.
#[derive(Serialize)]
struct Ordered<'a> {
    kind: &'a Value,
    version: &'a Value,
    metadata: &'a Value,
    spec: &'a Value,
}

fn yaml(document: &Value) -> Result<String, Error> {
    let part = |key: &str| document.get(key).unwrap_or(&Value::Null);
    let ordered = Ordered {
        kind: part("kind"),
        version: part("version"),
        metadata: part("metadata"),
        spec: part("spec"),
    };
    serde_saphyr::to_string(&ordered)
        .map_err(|error| Error::internal("cannot write YAML").because(error))
}

fn table(out: &mut Output, documents: &[Value]) -> io::Result<()> {
    let mut table =
        Table::new(&[Column::new("Name"), Column::new("Labels"), Column::new("Description")]);
    for document in documents {
        let text = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let labels = document.pointer("/metadata/labels").and_then(Value::as_object);
        let labels: Vec<String> = labels
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        table.row([text("/metadata/name"), &labels.join(","), text("/metadata/description")]);
    }
    table.write(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::document::parse;

    #[test]
    fn what_is_shown_can_be_created_again() {
        let text = "kind: role\nversion: v7\nmetadata:\n  name: dba\nspec:\n  allow:\n    \
                    logins: [\"no\", \"on\", \"1.0\", \"~\", \"*\", \"{{internal.logins}}\", \"a: b\", \"\"]\n    \
                    node_labels:\n      \"*\": \"*\"\n";
        let first = parse(text).unwrap();
        let again = parse(&yaml(&first[0].value).unwrap()).unwrap();
        assert_eq!(again[0].value, first[0].value);
        assert!(yaml(&first[0].value).unwrap().starts_with("kind: role\nversion: v7\nmetadata:\n"));
    }

    #[test]
    fn a_name_cannot_leave_its_kind() {
        assert_eq!(one(Kind::Role, "../users/alice"), "/v1/roles/..%2Fusers%2Falice");
        assert_eq!(read("roles").unwrap(), (Kind::Role, None));
        assert_eq!(named("rule/x").unwrap(), (Kind::AccessMonitoringRule, "x"));
        assert!(named("role/").is_err() && read("rolle/x").is_err());
    }
}
