//! `tctl nodes`: SSH hosts.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use api::document::{Kind, Metadata, Written};
use api::endpoints::documents::{NODE_CREATE, NODE_HOST_CERTIFICATE, NODE_LIST, NODE_TRUST};
use api::node::{
    HostCertificate, HostKey, NodeAuth, NodeAuthMethod, NodeDocument, NodeSpec, NodeTrust,
};
use serde::Serialize;

use super::{MOST, documents, pair};
use crate::client::Api;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::home::write_whole;
use crate::output::{Output, one_line};
use crate::table::{Column, Table};

/// SSH hosts.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Add a host, and print what its sshd needs to trust us
    ///
    ///     tctl nodes add db-box --addr 10.0.0.5:22 --labels env=prod
    ///     tctl nodes add db-box --addr 10.0.0.5:22 --sign-host-key ssh_host_ed25519_key.pub
    #[command(verbatim_doc_comment)]
    Add(AddArgs),
    /// List hosts
    ///
    ///     tctl nodes ls
    #[command(verbatim_doc_comment)]
    Ls,
    /// Remove a host
    ///
    ///     tctl nodes rm db-box
    #[command(verbatim_doc_comment)]
    Rm {
        /// Its name
        name: String,
    },
    /// Print again what a host's sshd needs to trust us
    ///
    ///     tctl nodes trust db-box
    #[command(verbatim_doc_comment)]
    Trust {
        /// Its name
        name: String,
    },
}

/// Arguments of `tctl nodes add`.
#[derive(clap::Args, Debug)]
pub struct AddArgs {
    /// The name that people type
    name: String,
    /// Where its SSH server listens
    #[arg(long, value_name = "HOST:PORT")]
    addr: String,
    /// Labels, matched by roles
    #[arg(long, visible_alias = "label", value_delimiter = ',', value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// Sign this host key; the certificate is written beside it as …-cert.pub
    #[arg(long, value_name = "FILE.pub")]
    sign_host_key: Option<PathBuf>,
    /// A host key to accept, where it has no certificate of ours: a FILE.pub or `ssh-ed25519 AAAA…`
    #[arg(long, value_name = "KEY")]
    host_key: Vec<String>,
    /// Log in there with this private key instead of a certificate; it is sealed in the store
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    key: Option<PathBuf>,
    /// Log in there with a password, read from standard input; it is sealed in the store
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Serialize)]
struct Added {
    #[serde(flatten)]
    written: Written,
    trust: NodeTrust,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_certificate: Option<PathBuf>,
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Add(args) => add(cx, args),
        Command::Ls => list(cx),
        Command::Rm { name } => documents::remove(cx, Kind::Node, &name),
        Command::Trust { name } => {
            let trust: NodeTrust = cx.api()?.read(&NODE_TRUST, &[&name], &[])?;
            cx.show(&trust, |out| page(out, &trust, None))?;
            Ok(Exit::Done)
        }
    }
}

fn add(cx: &mut Context, args: AddArgs) -> Result<Exit, Error> {
    // Whatever is read from this machine is read before anything is written there.
    let to_sign = args.sign_host_key.as_deref().map(public_key).transpose()?;
    let host_keys =
        args.host_key.iter().map(|key| accepted_key(key)).collect::<Result<Vec<_>, _>>()?;
    let auth = auth(cx, &args)?;
    let document = NodeDocument {
        kind: "node".to_owned(),
        version: "v1".to_owned(),
        metadata: Metadata {
            name: args.name.clone(),
            labels: args.labels.into_iter().collect::<BTreeMap<_, _>>(),
            ..Metadata::default()
        },
        spec: NodeSpec { addr: args.addr, host_keys, auth },
    };
    let api = cx.api()?;
    let written: Written = api.tell(&NODE_CREATE, &[], &document).map_err(|error| {
        error.hint_on(
            Exit::Conflict,
            format!("change it with: tctl edit node/{}", one_line(&args.name)),
        )
    })?;
    let host_certificate = match (to_sign, args.sign_host_key) {
        (Some(key), Some(path)) => Some(sign(&api, &args.name, key, &path)?),
        _ => None,
    };
    let trust: NodeTrust = api.read(&NODE_TRUST, &[&args.name], &[])?;
    let added = Added { written, trust, host_certificate };
    cx.show(&added, |out| {
        writeln!(out, "Added node {}.\n", one_line(&added.written.name))?;
        page(out, &added.trust, added.host_certificate.as_deref())
    })?;
    for warning in &added.written.warnings {
        writeln!(cx.err, "warning: {}", one_line(&warning.to_string()))?;
    }
    Ok(Exit::Done)
}

/// How the proxy shall log in there.
fn auth(cx: &mut Context, args: &AddArgs) -> Result<NodeAuth, Error> {
    if let Some(path) = &args.key {
        return Ok(NodeAuth {
            method: NodeAuthMethod::Key,
            private_key: Some(read(path)?),
            ..NodeAuth::default()
        });
    }
    if args.password_stdin {
        let password = cx
            .read_line()?
            .ok_or_else(|| Error::usage("there is no password on standard input"))?;
        return Ok(NodeAuth {
            method: NodeAuthMethod::Password,
            password: Some(password),
            ..NodeAuth::default()
        });
    }
    Ok(NodeAuth::default())
}

/// Signs a host key and writes the certificate beside it, where sshd looks for `HostCertificate`.
fn sign(api: &Api, name: &str, public_key: String, path: &Path) -> Result<PathBuf, Error> {
    let body = HostKey { public_key, names: Vec::new() };
    let signed: HostCertificate = api.tell(&NODE_HOST_CERTIFICATE, &[name], &body)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!("{stem}-cert.pub"));
    write_whole(&beside, format!("{}\n", signed.certificate.trim()).as_bytes(), 0o644)?;
    Ok(beside)
}

fn public_key(path: &Path) -> Result<String, Error> {
    let text = read(path)?;
    russh::keys::PublicKey::from_openssh(text.trim()).map_err(|error| {
        Error::usage(format!("`{}` is no public key", path.display())).because(error)
    })?;
    Ok(text.trim().to_owned())
}

/// A key given as such, or the file that holds it.
fn accepted_key(text: &str) -> Result<String, Error> {
    if russh::keys::PublicKey::from_openssh(text.trim()).is_ok() {
        return Ok(text.trim().to_owned());
    }
    public_key(Path::new(text))
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("cannot read `{}`", path.display())).because(error))
}

fn page(out: &mut Output, trust: &NodeTrust, certificate: Option<&Path>) -> io::Result<()> {
    writeln!(
        out,
        "On the host, a file with these lines (both generations of our user authority):\n"
    )?;
    for line in &trust.trusted_user_ca_keys {
        writeln!(out, "  {}", one_line(line))?;
    }
    writeln!(out, "\nand these lines in sshd_config, the first naming that file:\n")?;
    for line in &trust.sshd_config {
        writeln!(out, "  {}", one_line(line))?;
    }
    match certificate {
        Some(path) => writeln!(out, "\nThe host certificate is in {}.", path.display()),
        None => Ok(()),
    }
}

fn list(cx: &mut Context) -> Result<Exit, Error> {
    let nodes: Vec<NodeDocument> = cx.api()?.list(&NODE_LIST, &[], &[], MOST)?;
    let mut table = Table::new(&[
        Column::new("Node"),
        Column::new("Address"),
        Column::new("Log In By"),
        Column::new("Labels"),
    ]);
    for node in &nodes {
        let method = match node.spec.auth.method {
            NodeAuthMethod::Certificate => "certificate",
            NodeAuthMethod::Key => "key",
            NodeAuthMethod::Password => "password",
        };
        let labels: Vec<String> =
            node.metadata.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        table.row([&node.metadata.name, &node.spec.addr, method, &labels.join(",")]);
    }
    cx.show(&nodes, |out| table.write(out))?;
    Ok(Exit::Done)
}
