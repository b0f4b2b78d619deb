//! The help of both programs, as people see it. A change here is a change for them: look at the diff.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use cli::context::Context;
use cli::exit::Exit;
use cli::output::Output;
use expect_test::expect_file;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Program = fn(&mut Context, &[OsString]) -> Exit;

/// What a program says on both outputs, and how it ends.
fn said(program: Program, words: &str) -> (String, String, Exit) {
    let (out, err) = (Sink::default(), Sink::default());
    let home = tempfile::tempdir().unwrap();
    let mut cx = Context::of_parts(
        Output::to(Box::new(out.clone())),
        Output::to(Box::new(err.clone())),
        &home.path().join("tsh"),
        Box::new(io::empty()),
        Box::new(|_| None),
        Box::new(|| "2019-11-07T19:38:00Z".parse().unwrap()),
    );
    let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    let exit = program(&mut cx, &words);
    let text = |sink: Sink| String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    (text(out), text(err), exit)
}

/// The help of a command and of all below it, one after the other.
fn all(command: &clap::Command, path: &str, program: Program, text: &mut String) {
    let (out, err, exit) = said(program, &format!("{path} --help"));
    assert_eq!((err.as_str(), exit), ("", Exit::Done), "{path}");
    text.push_str(&format!("===== {path} --help\n{out}\n"));
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        all(inner, &format!("{path} {}", inner.get_name()), program, text);
    }
}

#[test]
fn the_help_of_tsh() {
    let command = cli::tsh::command();
    command.clone().debug_assert();
    let mut text = String::new();
    all(&command, "tsh", cli::tsh::run, &mut text);
    expect_file!["golden/tsh.txt"].assert_eq(&text);
}

#[test]
fn the_help_of_tctl() {
    let command = cli::tctl::command();
    command.clone().debug_assert();
    let mut text = String::new();
    all(&command, "tctl", cli::tctl::run, &mut text);
    expect_file!["golden/tctl.txt"].assert_eq(&text);
}

#[test]
fn every_command_has_an_example() {
    fn walk(command: &clap::Command, path: &str, missing: &mut Vec<String>) {
        let mut inner = command.get_subcommands().filter(|inner| !inner.is_hide_set()).peekable();
        if inner.peek().is_none() {
            let long = command.get_long_about().map(ToString::to_string).unwrap_or_default();
            if !["tsh", "tctl", "ssh", "TSH_HOME"]
                .iter()
                .any(|word| long.contains(&format!("    {word}")))
            {
                missing.push(path.to_owned());
            }
        }
        for inner in inner {
            walk(inner, &format!("{path} {}", inner.get_name()), missing);
        }
    }
    let mut missing = Vec::new();
    walk(&cli::tsh::command(), "tsh", &mut missing);
    walk(&cli::tctl::command(), "tctl", &mut missing);
    assert!(missing.is_empty(), "without an example: {missing:?}");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for words in [
        "tsh",
        "tsh reqest",
        "tsh request review abcd",
        "tsh request new --duration 3x",
        "tsh why ssh",
    ] {
        let (out, err, exit) = said(cli::tsh::run, words);
        assert_eq!((out.as_str(), exit), ("", Exit::Usage), "{words}");
        assert!(!err.is_empty(), "{words}");
    }
}

#[test]
fn without_a_login_every_command_says_how_to_log_in() {
    for words in [
        "tsh status",
        "tsh ls",
        "tsh request ls",
        "tsh request new --roles dba",
        "tsh config",
        "tsh ssh root@x",
        "tsh mfa ls",
        "tsh proxy ssh x",
    ] {
        let (_, err, exit) = said(cli::tsh::run, words);
        assert_eq!(exit, Exit::NotLoggedIn, "{words}: {err}");
        assert_eq!(
            err,
            "error: you are not logged in\nhint: log in with: tsh login --proxy HOST:PORT --user NAME\n"
        );
    }
}

#[test]
fn words_people_type_are_understood() {
    for words in [
        "tsh requests list",
        "tsh request create --role=dba --roles=ops,web",
        "tsh requests approve bc8ca931 ed41",
        "tsh approve bc8ca931",
        "tsh request review --approve bc8ca931",
        "tsh request get bc8ca931",
    ] {
        let (_, err, exit) = said(cli::tsh::run, words);
        assert_eq!(exit, Exit::NotLoggedIn, "{words}: {err}");
    }
    for words in [
        "tctl requests approve bc8c --proxy gw:3080",
        "tctl get roles --proxy gw:3080",
        "tctl user ls --proxy gw:3080",
    ] {
        let (_, err, exit) = said(cli::tctl::run, words);
        assert_eq!(exit, Exit::NotLoggedIn, "{words}: {err}");
    }
}

#[test]
fn completion_and_manual_pages_are_made_for_both() {
    for (program, name) in [(cli::tsh::run as Program, "tsh"), (cli::tctl::run, "tctl")] {
        for shell in ["bash", "zsh", "fish"] {
            let (out, _, exit) = said(program, &format!("{name} completion {shell}"));
            assert!(
                exit == Exit::Done && out.contains(name) && out.contains("request"),
                "{name} {shell}"
            );
        }
        let (out, _, exit) = said(program, &format!("{name} man"));
        assert!(exit == Exit::Done && out.contains(".TH"), "{name}");
    }
}
