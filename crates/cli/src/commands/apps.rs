//! `tsh apps`: web applications, for browsers, `curl` and other programs.

use std::io::{self, Write};

use api::endpoints::reach::{REACH, WHY};
use api::reach::{ReachView, WhyView};
use jiff::Timestamp;
use serde::Serialize;

use crate::client::Api;
use crate::commands::config::MAX_TARGETS;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::home::Home;
use crate::output::{Output, one_line};
use crate::profile::{Profile, TLS_AUTHORITIES, TLS_CERTIFICATE, TLS_KEY};
use crate::table::{Column, Table};
use crate::when;

/// Web applications, for browsers, curl and other programs.
#[derive(clap::Subcommand, Debug)]
#[expect(missing_docs, reason = "a verb's help is the comment on its arguments")]
#[command(disable_help_subcommand = true)]
pub enum Command {
    #[command(alias = "list")]
    Ls(LsArgs),
    Login(LoginArgs),
    Logout(LogoutArgs),
}

/// List the applications you can reach now, and those you could ask for
///
///     tsh apps ls
///     tsh apps ls --search env=prod
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LsArgs {
    /// Only applications whose name or labels contain this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

/// Write down for curl how an application is reached, with your certificate
///
/// A browser needs none of this: open the address, and log in there.
///
///     tsh apps login grafana
///     curl -K ~/.tsh/app-grafana.curl https://grafana.gw.example.com/api/health
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LoginArgs {
    /// The application, as `tsh apps ls` shows it
    name: String,
}

/// Remove what `tsh apps login` wrote
///
/// Your login itself ends with `tsh logout`.
///
///     tsh apps logout grafana
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct LogoutArgs {
    /// The application
    name: String,
}

/// Runs one of them.
///
/// # Errors
/// Not logged in, denied, or the server cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ls(args) => list(cx, args),
        Command::Login(args) => login(cx, &args.name),
        Command::Logout(args) => logout(cx, &args.name),
    }
}

/// The application of that name.
///
/// # Errors
/// There is none that one may see.
pub fn find(api: &Api, name: &str) -> Result<ReachView, Error> {
    let found: Vec<ReachView> = api.list(&REACH, &[], &[("text", name.to_owned())], MAX_TARGETS)?;
    found.into_iter().find(|target| target.kind == "app" && target.name == name).ok_or_else(|| {
        Error::not_found(format!(
            "there is no application `{}`, or none that you may see",
            one_line(name)
        ))
        .hint("see the names with: tsh apps ls")
    })
}

/// Asks the policy before anyone connects, so that a refusal has its exit code and names the next command.
///
/// # Errors
/// Denied, or the server cannot be asked.
pub fn admitted(api: &Api, name: &str) -> Result<(), Error> {
    let query = [("kind", "app".to_owned()), ("target", name.to_owned())];
    let why: WhyView = api.read(&WHY, &[], &query)?;
    if why.allowed {
        return Ok(());
    }
    let sentence = format!("access to {} is denied: {}", one_line(name), one_line(&why.sentence));
    let denied = Error::new(Exit::Denied, sentence);
    Err(match &why.next {
        Some(next) => denied.hint(one_line(next)),
        None => denied.hint("see what you can reach with: tsh apps ls"),
    })
}

fn list(cx: &mut Context, args: LsArgs) -> Result<Exit, Error> {
    let query: Vec<_> = args.search.into_iter().map(|text| ("text", text)).collect();
    let mut reach: Vec<ReachView> = cx.api()?.list(&REACH, &[], &query, MAX_TARGETS)?;
    reach.retain(|target| target.kind == "app");
    let now = cx.now();
    cx.show(&reach, |out| tables(out, &reach, now))?;
    Ok(Exit::Done)
}

fn tables(out: &mut Output, reach: &[ReachView], now: Timestamp) -> io::Result<()> {
    let mut open = Table::new(&["Name", "Open", "Until", "Labels"].map(Column::new));
    let mut closed = Table::new(&["Name", "Ask with"].map(Column::new));
    for target in reach {
        let labels: Vec<String> =
            target.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        for login in &target.logins {
            let until = match (login.until, &login.request) {
                (None, _) => "always".to_owned(),
                (Some(until), None) => when::relative(until, now),
                (Some(until), Some(by)) => format!("{} by {by}", when::relative(until, now)),
            };
            open.row([&target.name, &address(target), &until, &labels.join(",")]);
        }
        for way in &target.requestable {
            closed.row([&target.name, &way.command]);
        }
    }
    match (open.is_empty(), closed.is_empty()) {
        (true, true) => {
            return writeln!(out, "There is no application you can reach or ask for.");
        }
        (true, false) => {
            writeln!(out, "You can reach no application now. You could ask for:\n")?;
        }
        (false, _) => open.write(out)?,
    }
    if !closed.is_empty() {
        if !open.is_empty() {
            writeln!(out, "\nYou could ask for:\n")?;
        }
        closed.write(out)?;
    }
    Ok(())
}

/// How one opens it: by its address, or where it is no HTTP, by a local port.
fn address(target: &ReachView) -> String {
    match (target.protocol.as_deref(), &target.url) {
        (Some("tcp"), _) => format!("tsh proxy app {}", target.name),
        (_, Some(url)) => url.clone(),
        (_, None) => format!("tsh proxy app {}", target.name),
    }
}

/// What is printed as JSON and YAML.
#[derive(Serialize)]
struct Way {
    name: String,
    url: String,
    config: String,
    certificate: String,
    key: String,
    authorities: String,
    curl: String,
}

fn login(cx: &mut Context, name: &str) -> Result<Exit, Error> {
    let _profile = Profile::logged_in(&cx.home, cx.now())?;
    let api = cx.api()?;
    let target = find(&api, name)?;
    admitted(&api, name)?;
    let Some(url) = target.url.clone().filter(|_| target.protocol.as_deref() != Some("tcp")) else {
        return Err(Error::usage(format!("`{}` is no HTTP", one_line(name)))
            .hint(format!("tsh proxy app {}", one_line(name))));
    };
    let file = |name: &str| cx.home.file(name).display().to_string();
    let way = Way {
        config: file(&kept(name)),
        certificate: file(TLS_CERTIFICATE),
        key: file(TLS_KEY),
        authorities: file(TLS_AUTHORITIES),
        curl: format!("curl -K {} {url}/", shell(&file(&kept(name)))),
        name: name.to_owned(),
        url,
    };
    cx.home.write(&kept(name), &curl_config(&way))?;
    cx.show(&way, |out| {
        writeln!(
            out,
            "{} is at {}\n\n  in a browser  {}\n  with curl     {}\n  otherwise     certificate {}, key {}, authorities {}",
            one_line(&way.name),
            way.url,
            way.url,
            way.curl,
            way.certificate,
            way.key,
            way.authorities
        )
    })?;
    Ok(Exit::Done)
}

fn logout(cx: &mut Context, name: &str) -> Result<Exit, Error> {
    if !is_kept(&cx.home, name)? {
        return Err(Error::not_found(format!(
            "nothing was written down for the application `{}`",
            one_line(name)
        ))
        .hint("see the applications with: tsh apps ls"));
    }
    cx.home.remove(&kept(name))?;
    writeln!(cx.out, "Removed what was written down for {}", one_line(name))?;
    Ok(Exit::Done)
}

/// The file of an application. A name is one word without a slash.
fn kept(name: &str) -> String {
    format!("app-{name}.curl")
}

fn is_kept(home: &Home, name: &str) -> Result<bool, Error> {
    let is_name = name.parse::<access::name::TargetName>().is_ok();
    Ok(is_name && home.read(&kept(name))?.is_some())
}

/// A configuration file of curl (curl(1), `--config`): double quotes, with `\` before what would end them.
fn curl_config(way: &Way) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "# {}\ncert = \"{}\"\nkey = \"{}\"\ncacert = \"{}\"\n",
        way.url,
        quoted(&way.certificate),
        quoted(&way.key),
        quoted(&way.authorities)
    )
}

/// A word as a shell reads it.
fn shell(word: &str) -> String {
    crate::database::settings::shell(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::reach::{ReachLogin, ReachRequestable};

    #[test]
    fn addresses_and_what_to_ask_for() {
        let target = |name: &str, protocol: &str| ReachView {
            kind: "app".into(),
            name: name.into(),
            protocol: Some(protocol.into()),
            url: Some(format!("https://{name}.gw.example.com")),
            labels: [("env".into(), "prod".into())].into(),
            logins: vec![ReachLogin {
                login: String::new(),
                databases: vec![],
                until: None,
                request: None,
            }],
            requestable: vec![],
        };
        let mut billing = target("billing", "http");
        billing.logins.clear();
        billing.requestable.push(ReachRequestable {
            login: String::new(),
            roles: vec!["billing".into()],
            command: "tsh request new --roles=billing".into(),
        });
        let now = "2019-11-07T19:38:00Z".parse().unwrap();
        let reach = [target("grafana", "http"), target("queue", "tcp"), billing];
        let shown = crate::commands::tests::text(|out| tables(out, &reach, now));
        expect_test::expect![[r#"
            Name    Open                           Until  Labels
            ------- ------------------------------ ------ --------
            grafana https://grafana.gw.example.com always env=prod
            queue   tsh proxy app queue            always env=prod

            You could ask for:

            Name    Ask with
            ------- -------------------------------
            billing tsh request new --roles=billing
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn curl_reads_what_is_written_for_it() {
        let text = |text: &str| text.to_owned();
        let way = Way {
            name: text("wiki"),
            url: text("https://wiki.gw"),
            config: text("/h/app-wiki.curl"),
            certificate: text("/h/a \"b\"/identity.crt"),
            key: text("/h/identity.key"),
            authorities: text("/h/ca.pem"),
            curl: text(""),
        };
        assert_eq!(
            curl_config(&way),
            "# https://wiki.gw\ncert = \"/h/a \\\"b\\\"/identity.crt\"\nkey = \"/h/identity.key\"\ncacert = \"/h/ca.pem\"\n"
        );
    }
}
