//! `tctl rules`: rules that review requests by themselves.

use std::fs;
use std::io::{self, Write as _};

use api::document::typed;
use api::endpoints::documents::{RULE_SHOW, RULE_TEST};
use api::request::NewRequest;
use api::rule::{RuleDocument, RuleFinding, RuleTest, RuleTested, RuleVerdict};
use jiff::Timestamp;

use crate::commands::request::find;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, one_line};
use crate::table::{Column, Table};
use crate::when;

use super::documents::{GetArgs, get};

/// The largest file with a rule, in bytes.
const MAX_TEXT: u64 = 1024 * 1024;

/// Rules that review requests by themselves.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List rules
    ///
    ///     tctl rules ls
    #[command(verbatim_doc_comment)]
    Ls,
    /// Say what a rule would have done with past or made-up requests
    ///
    /// Nothing is written. Without --request and --user: with the newest requests. Roles, traits and labels
    /// are those of today. A made-up request must be one that could be filed.
    ///
    ///     tctl rules test rule.yaml
    ///     tctl rules test viewers-in-office-hours --request bc8ca931
    ///     tctl rules test rule.yaml --user alice --roles dba --reason "ticket #1" --at 2026-11-07T19:38Z
    #[command(verbatim_doc_comment)]
    Test(TestArgs),
}

/// Arguments of `tctl rules test`.
#[derive(clap::Args, Debug)]
pub struct TestArgs {
    /// A file with one rule, - for standard input, or the name of a rule that is written
    #[arg(value_name = "FILE|NAME")]
    rule: String,
    /// With this past request, by its id or the beginning of it; may be repeated
    #[arg(long, value_name = "ID", value_delimiter = ',', conflicts_with = "user")]
    request: Vec<String>,
    /// With how many of the newest requests
    #[arg(long, default_value_t = 100, value_name = "N", conflicts_with_all = ["request", "user"])]
    limit: usize,
    /// With a made-up request by this user
    #[arg(long)]
    user: Option<String>,
    /// The roles it asks for
    #[arg(long, value_delimiter = ',', value_name = "ROLE", requires = "user")]
    roles: Vec<String>,
    /// The resources it asks for, as /CLUSTER/KIND/NAME
    #[arg(long, value_delimiter = ',', value_name = "RESOURCE", requires = "user")]
    resource: Vec<String>,
    /// Its reason
    #[arg(long, default_value = "", hide_default_value = true, requires = "user")]
    reason: String,
    /// When it is made; now unless said
    #[arg(long, value_name = "TIME", value_parser = time, requires = "user")]
    at: Option<Timestamp>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    when::parse(text)
        .ok_or_else(|| "expected a time such as 2026-11-07 or 2026-11-07T19:38Z".to_owned())
}

/// Runs one of them.
///
/// # Errors
/// The server refuses or cannot be asked.
pub fn run(cx: &mut Context, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Ls => get(cx, GetArgs::of("rule")),
        Command::Test(args) => test(cx, args),
    }
}

fn test(cx: &mut Context, args: TestArgs) -> Result<Exit, Error> {
    let written = written(cx, &args.rule)?;
    let api = cx.api()?;
    let rule = match written {
        Some(rule) => rule,
        None => api.read(&RULE_SHOW, &[&args.rule], &[]).map_err(|error: Error| {
            error.hint_on(Exit::NotFound, "neither a file nor a rule has this name")
        })?,
    };
    let requests =
        args.request.iter().map(|id| find::id(&api, id)).collect::<Result<Vec<_>, _>>()?;
    let made_up = args.user.map(|user| NewRequest {
        user: Some(user),
        roles: args.roles,
        resources: args.resource,
        reason: args.reason,
        ..NewRequest::default()
    });
    let body = RuleTest { rule, requests, made_up, at: args.at, limit: Some(args.limit) };
    let tested: RuleTested = api.tell(&RULE_TEST, &[], &body)?;
    cx.show(&tested.findings, |out| table(out, &tested.findings))?;
    Ok(Exit::Done)
}

/// The rule in the file, if there is such a file.
fn written(cx: &mut Context, what: &str) -> Result<Option<RuleDocument>, Error> {
    let text = if what == "-" {
        cx.read_all(MAX_TEXT)?
    } else {
        match fs::read_to_string(what) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let sentence = format!("cannot read `{}`", one_line(what));
                return Err(Error::usage(sentence).because(error));
            }
        }
    };
    typed(&text).map(Some).map_err(|problems| {
        let lines = problems.iter().map(|one| format!("\n  {}", one_line(&one.to_string())));
        Error::usage(format!("`{}` is no rule:{}", one_line(what), lines.collect::<String>()))
    })
}

fn table(out: &mut Output, findings: &[RuleFinding]) -> io::Result<()> {
    if findings.is_empty() {
        return writeln!(out, "No requests.");
    }
    let titles = ["Request", "User", "Roles", "Made (UTC)", "The rule"];
    let mut table = Table::new(&titles.map(Column::new));
    for one in findings {
        let says = match one.verdict {
            RuleVerdict::Approves => "would approve",
            RuleVerdict::Denies => "would deny",
            RuleVerdict::NoMatch => "does not match",
            RuleVerdict::Notifies => "would notify",
            RuleVerdict::OutOfHours => "matches, but not at that hour",
        };
        table.row([
            one.request.as_deref().unwrap_or("(made up)"),
            &one.user,
            &one.roles.join(","),
            &one.at.strftime("%Y-%m-%d %H:%M").to_string(),
            says,
        ]);
    }
    table.write(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::text;

    #[test]
    fn what_the_rule_would_have_done_is_told_in_words() {
        let finding = |request: Option<&str>, verdict| RuleFinding {
            request: request.map(str::to_owned),
            user: "alice".to_owned(),
            roles: vec!["dba".to_owned()],
            at: "2026-11-07T19:38:00Z".parse().unwrap(),
            verdict,
        };
        let findings = [
            finding(Some("bc8ca931-fec9-4b15"), RuleVerdict::Approves),
            finding(None, RuleVerdict::OutOfHours),
        ];
        expect_test::expect![[r#"
            Request            User  Roles Made (UTC)       The rule
            ------------------ ----- ----- ---------------- -----------------------------
            bc8ca931-fec9-4b15 alice dba   2026-11-07 19:38 would approve
            (made up)          alice dba   2026-11-07 19:38 matches, but not at that hour
        "#]]
        .assert_eq(&text(|out| table(out, &findings)));
    }
}
