//! `tsh why`: the policy's answer, before anyone connects.

use std::io::Write;

use api::endpoints::reach::WHY;
use api::reach::WhyView;

use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;
use crate::when;

/// Say why a connection would, or would not, be let in
///
/// Ends with 0 if it would, with 3 if not.
///
///     tsh why ssh root@db-box
///     tsh why db app@orders/shop
///     tsh why app grafana
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct WhyArgs {
    /// The protocol
    #[arg(value_parser = ["ssh", "db", "app"])]
    protocol: String,
    /// The login and the target; for a database also the one within the server, for an application no login
    #[arg(value_name = "[LOGIN@]TARGET[/DATABASE]")]
    target: String,
    /// Ask for another user (needs the rule to read users)
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

/// Asks the server's policy.
///
/// # Errors
/// Not logged in, or the server cannot be asked.
pub fn run(cx: &mut Context, args: WhyArgs) -> Result<Exit, Error> {
    let app = args.protocol == "app";
    let named = format!("-@{}", args.target);
    let (login, target) = if app { named.as_str() } else { args.target.as_str() }
        .rsplit_once('@')
        .filter(|(login, target)| !login.is_empty() && !target.is_empty())
        .ok_or_else(|| {
            Error::usage(format!("`{}` does not say as whom", one_line(&args.target)))
                .hint("write LOGIN@TARGET, such as: tsh why ssh root@db-box")
        })?;
    let mut query = vec![("login", login.to_owned())];
    if args.protocol == "db" {
        let (target, name) = target.split_once('/').map_or((target, None), |(t, n)| (t, Some(n)));
        query.extend([("kind", "db".to_owned()), ("target", target.to_owned())]);
        query.extend(name.map(|name| ("name", name.to_owned())));
    } else {
        if app {
            query = vec![("kind", "app".to_owned())];
        }
        query.push(("target", target.to_owned()));
    }
    query.extend(args.user.map(|user| ("user", user)));
    let why: WhyView = cx.api()?.read(&WHY, &[], &query)?;
    let now = cx.now();
    cx.show(&why, |out| {
        writeln!(
            out,
            "{}: {}",
            if why.allowed { "Allowed" } else { "Denied" },
            one_line(&why.sentence)
        )?;
        if !why.roles.is_empty() {
            writeln!(out, "  by role:    {}", one_line(&why.roles.join(", ")))?;
        }
        if !why.requests.is_empty() {
            writeln!(out, "  by request: {}", one_line(&why.requests.join(", ")))?;
        }
        if let Some(until) = why.until {
            writeln!(out, "  until:      {}", when::relative(until, now))?;
        }
        if let Some(code) = &why.code {
            writeln!(out, "  code:       {}", one_line(code))?;
        }
        if !why.approvers.is_empty() {
            writeln!(out, "  approvers:  {}", one_line(&why.approvers.join(", ")))?;
        }
        Ok(())
    })?;
    if let Some(next) = &why.next {
        writeln!(cx.err, "hint: {}", one_line(next))?;
    }
    Ok(if why.allowed { Exit::Done } else { Exit::Denied })
}
