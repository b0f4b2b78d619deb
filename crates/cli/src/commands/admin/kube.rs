//! `tctl kube`: Kubernetes clusters.

mod from;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use api::document::{Kind, Metadata, Written};
use api::endpoints::documents::{KUBE_CREATE, KUBE_LIST};
use api::kube::{KubeAuth, KubeAuthMethod, KubeClusterDocument, KubeClusterSpec, KubeTls};

use super::{MOST, documents, pair};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;
use crate::table::{Column, Table};

/// Kubernetes clusters.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Add a cluster; its token or key is sealed in the store, and never shown again
    ///
    ///     tctl kube add prod --kubeconfig proxy.kubeconfig --context prod --labels env=prod
    ///     tctl kube add prod --server https://10.0.0.1:6443 --ca ca.pem --token-stdin < token
    ///     tctl kube add here --in-cluster
    #[command(verbatim_doc_comment)]
    Add(Box<AddArgs>),
    /// List clusters
    ///
    ///     tctl kube ls
    #[command(verbatim_doc_comment)]
    Ls,
    /// Remove a cluster, and what is sealed for it
    ///
    ///     tctl kube rm prod
    #[command(verbatim_doc_comment)]
    Rm {
        /// Its name
        name: String,
    },
}

/// Arguments of `tctl kube add`.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("way").required(true).args(["kubeconfig", "token_stdin", "certificate", "in_cluster"]))]
pub struct AddArgs {
    /// The name that people type
    name: String,
    /// Labels, matched by roles
    #[arg(long, visible_alias = "label", value_delimiter = ',', value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// Take address, authority and credentials from this kubeconfig
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "ca", "server_name"])]
    kubeconfig: Option<PathBuf>,
    /// Which of its contexts [default: the current one]
    #[arg(long, value_name = "CONTEXT", requires = "kubeconfig")]
    context: Option<String>,
    /// Where its API listens
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// What its certificate may be signed by, in PEM [default: the system's authorities]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name its certificate must have [default: the host of --server]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Prove ourselves with a bearer token, read from standard input
    #[arg(long, requires = "server")]
    token_stdin: bool,
    /// Prove ourselves with this client certificate, in PEM
    #[arg(long, value_name = "FILE", requires_all = ["server", "key"])]
    certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Use the service account of the pod that the daemon runs in
    #[arg(long)]
    in_cluster: bool,
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Add(args) => add(cx, *args),
        Command::Ls => list(cx),
        Command::Rm { name } => documents::remove(cx, Kind::KubeCluster, &name),
    }
}

fn add(cx: &mut Context, args: AddArgs) -> Result<Exit, Error> {
    // Whatever is read from this machine is read before anything is written there.
    let spec = match &args.kubeconfig {
        Some(file) => from::kubeconfig(file, args.context.as_deref())?,
        None => spec(cx, &args)?,
    };
    let document = KubeClusterDocument {
        kind: "kube_cluster".to_owned(),
        version: "v1".to_owned(),
        metadata: Metadata {
            name: args.name.clone(),
            labels: args.labels.into_iter().collect::<BTreeMap<_, _>>(),
            ..Metadata::default()
        },
        spec,
    };
    let written: Written = cx.api()?.tell(&KUBE_CREATE, &[], &document).map_err(|error| {
        let hint = format!("change it with: tctl edit kube_cluster/{}", one_line(&args.name));
        error.hint_on(Exit::Conflict, hint)
    })?;
    cx.show(&written, |out| {
        writeln!(out, "Added Kubernetes cluster {}.\n", one_line(&written.name))?;
        writeln!(out, "Its account there must be allowed to impersonate users and groups:\n")?;
        writeln!(out, "  kubectl create clusterrole countersign --verb=impersonate --resource=users,groups")?;
        writeln!(out, "  kubectl create clusterrolebinding countersign --clusterrole=countersign --user=ACCOUNT")
    })?;
    for warning in &written.warnings {
        writeln!(cx.err, "warning: {}", one_line(&warning.to_string()))?;
    }
    Ok(Exit::Done)
}

fn spec(cx: &mut Context, args: &AddArgs) -> Result<KubeClusterSpec, Error> {
    let tls = KubeTls {
        server_name: args.server_name.clone(),
        ca_cert: args.ca.as_deref().map(read).transpose()?,
        insecure_skip_verify: false,
    };
    let none = |method| KubeAuth { method, token: None, certificate: None, key: None };
    let auth = if args.in_cluster {
        none(KubeAuthMethod::InCluster)
    } else if args.token_stdin {
        let token = cx.read_line()?;
        let token = token.ok_or_else(|| Error::usage("there is no token on standard input"))?;
        KubeAuth { token: Some(token.trim().to_owned()), ..none(KubeAuthMethod::Token) }
    } else {
        KubeAuth {
            certificate: args.certificate.as_deref().map(read).transpose()?,
            key: args.key.as_deref().map(read).transpose()?,
            ..none(KubeAuthMethod::Certificate)
        }
    };
    Ok(KubeClusterSpec { server: args.server.clone(), tls, auth })
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("cannot read `{}`", path.display())).because(error))
}

fn list(cx: &mut Context) -> Result<Exit, Error> {
    let clusters: Vec<KubeClusterDocument> = cx.api()?.list(&KUBE_LIST, &[], &[], MOST)?;
    let mut table = Table::new(&["Cluster", "Address", "Proven By", "Labels"].map(Column::new));
    for cluster in &clusters {
        let method = match cluster.spec.auth.method {
            KubeAuthMethod::Certificate => "certificate",
            KubeAuthMethod::InCluster => "in_cluster",
            KubeAuthMethod::Token => "token",
        };
        let labels: Vec<String> =
            cluster.metadata.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let server = cluster.spec.server.as_deref().unwrap_or("its own");
        table.row([&cluster.metadata.name, server, method, &labels.join(",")]);
    }
    cx.show(&clusters, |out| table.write(out))?;
    Ok(Exit::Done)
}
