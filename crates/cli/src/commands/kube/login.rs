//! `tsh kube login` and `logout`: what kubectl reads.

use std::io::Write;

use base64::Engine as _;
use serde_json::{Map, json};

use super::list::clusters;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::kubeconfig::{Entry, Kubeconfig};
use crate::output::one_line;
use crate::profile::{Profile, TLS_AUTHORITIES};

/// Write clusters into the kubeconfig, for kubectl, helm and every other client
///
/// Contexts are called CLUSTER@HOUSE. Each runs `tsh kube credentials`, so it goes on with the next login; nothing of a
/// cluster's own secrets is in it. Clusters you can only ask for so far may be written too: kubectl then says how to ask.
/// Entries of others stay as they are.
///
///     tsh kube login prod
///     tsh kube login --all
///     tsh kube login prod --as deployer --as-group ops --namespace web
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LoginArgs {
    /// The clusters, as `tsh kube ls` shows them
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// Every cluster you can reach or ask for
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// The Kubernetes user to be, where roles allow several
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// A Kubernetes group to be in, instead of all that roles allow; may be given again
    #[arg(long = "as-group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,
    /// The namespace of the context
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The exec plugin's interface: v1, or v1beta1 for kubectl older than 1.22
    #[arg(long, value_enum, default_value_t = ExecApi::V1, value_name = "VERSION")]
    exec_api: ExecApi,
    /// Leave the current context as it is
    #[arg(long)]
    keep_context: bool,
}

/// The version of `client.authentication.k8s.io`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum ExecApi {
    /// kubectl 1.22 and later.
    V1,
    /// kubectl 1.11 and later.
    V1beta1,
}

impl ExecApi {
    const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }
}

/// Take clusters out of the kubeconfig: those named, or all that `tsh kube login` wrote
///
/// It ends no session and no grant: `tsh request release` does.
///
///     tsh kube logout prod
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LogoutArgs {
    /// The cluster; all without
    name: Option<String>,
}

/// Writes contexts.
///
/// # Errors
/// Not logged in, no such cluster, or the kubeconfig cannot be written.
pub fn login(cx: &mut Context, args: LoginArgs) -> Result<Exit, Error> {
    let profile = Profile::logged_in(&cx.home, cx.now())?;
    let known = clusters(cx, None)?;
    let names: Vec<String> = if args.all {
        known.iter().map(|target| target.name.clone()).collect()
    } else {
        for name in &args.names {
            if !known.iter().any(|target| target.name == *name) {
                let name = one_line(name).to_string();
                return Err(Error::not_found(format!(
                    "there is no Kubernetes cluster `{name}` you can reach or ask for"
                ))
                .hint("see the clusters with: tsh kube ls"));
            }
        }
        args.names.clone()
    };
    let authorities = cx.home.read(TLS_AUTHORITIES)?.ok_or_else(|| {
        Error::not_logged_in("the server's authority is missing").hint("log in again: tsh login")
    })?;
    let mut config = Kubeconfig::load(cx)?;
    let mut written = Vec::new();
    for name in &names {
        let context = format!("{name}@{}", profile.cluster);
        config.put(Entry {
            name: context.clone(),
            cluster: json!({
                "server": format!("https://{}/kube/{name}", profile.proxy),
                "certificate-authority-data":
                    base64::prelude::BASE64_STANDARD.encode(&authorities),
            }),
            user: user(cx, &args),
            namespace: args.namespace.clone(),
        });
        written.push(context);
    }
    if let Some(first) = written.first().filter(|_| !args.keep_context) {
        config.choose(first);
    }
    config.save()?;
    let shown = json!({ "kubeconfig": config.path(), "contexts": written });
    let path = config.path().display().to_string();
    cx.show(&shown, |out| {
        match written.as_slice() {
            [] => return writeln!(out, "There is no Kubernetes cluster you can reach or ask for."),
            names => {
                writeln!(out, "Written to {}: {}", one_line(&path), one_line(&names.join(", ")))?
            }
        }
        writeln!(out, "\n  kubectl get pods")
    })?;
    Ok(Exit::Done)
}

/// The user of a context: our command, and whom to be.
fn user(cx: &Context, args: &LoginArgs) -> serde_json::Value {
    let mut words = vec!["kube".to_owned(), "credentials".to_owned()];
    if !cx.home.is_ordinary() {
        words.extend(["--home".to_owned(), cx.home.path().display().to_string()]);
    }
    let command = std::env::current_exe().ok().filter(|path| path.ends_with("tsh"));
    let command = command.map_or_else(|| "tsh".to_owned(), |path| path.display().to_string());
    let mut exec = json!({
        "apiVersion": args.exec_api.as_str(),
        "command": command,
        "args": words,
        "installHint": "tsh is missing: it is what proves to the gateway who you are",
        "provideClusterInfo": false,
    });
    if let Some(exec) = exec.as_object_mut().filter(|_| args.exec_api == ExecApi::V1) {
        exec.insert("interactiveMode".to_owned(), "Never".into());
    }
    let mut user = Map::new();
    user.insert("exec".to_owned(), exec);
    if let Some(name) = &args.user {
        user.insert("as".to_owned(), name.as_str().into());
    }
    if !args.groups.is_empty() {
        user.insert("as-groups".to_owned(), args.groups.clone().into());
    }
    user.into()
}

/// Takes contexts out.
///
/// # Errors
/// There was none of that name, or the kubeconfig cannot be written.
pub fn logout(cx: &mut Context, args: LogoutArgs) -> Result<Exit, Error> {
    let mut config = Kubeconfig::load(cx)?;
    let gone = config.remove(|context| {
        args.name.as_ref().is_none_or(|name| {
            context == name || context.rsplit_once('@').is_some_and(|(cluster, _)| cluster == name)
        })
    });
    if let Some(name) = args.name.filter(|_| gone.is_empty()) {
        return Err(Error::not_found(format!(
            "`tsh kube login` wrote nothing for `{}`",
            one_line(&name)
        ))
        .hint("see the contexts with: kubectl config get-contexts"));
    }
    if !gone.is_empty() {
        config.save()?;
    }
    cx.show(&gone, |out| match gone.as_slice() {
        [] => writeln!(out, "Nothing was written."),
        names => writeln!(out, "Taken out: {}", one_line(&names.join(", "))),
    })?;
    Ok(Exit::Done)
}
