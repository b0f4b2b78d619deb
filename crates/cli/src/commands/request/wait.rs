//! Waiting for the answer to a request: a live line, events that resume, and an exit code for every end.

use std::io::{self, Write};
use std::time::Duration;

use api::endpoints::events::REQUEST_EVENTS;
use api::endpoints::requests::SHOW;
use api::request::{RequestState, RequestView};
use jiff::Timestamp;

use crate::client::Api;
use crate::client::events::News;
use crate::commands::config;
use crate::context::{Context, Way};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Format, one_line};
use crate::profile::Profile;
use crate::when;

/// How often the request is read again even if nothing is heard: an expiry is no event.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What ended one wait.
enum Woken {
    Changed(Box<RequestView>),
    Interrupted,
    LookAgain,
    LostConnection,
}

/// Waits until `request` is no longer pending, and says how it ended.
///
/// # Errors
/// The server refuses to be asked; a broken connection is waited out.
pub fn wait(cx: &mut Context, api: &Api, mut request: RequestView) -> Result<Exit, Error> {
    let mut events = api.events(&REQUEST_EVENTS, &[&request.id], Some(request.revision));
    let mut line = LiveLine::default();
    while request.state == RequestState::Pending {
        line.show(cx, &request)?;
        let pause = pause(request.answer_by, cx.now());
        let woken = api.run(async {
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted.map(|()| Woken::Interrupted).map_err(|error| Error::internal("cannot wait for Ctrl-C").because(error))
                }
                news = events.next() => news.map(|news| match news {
                    News::Change(change) => change.request.map_or(Woken::LookAgain, |request| Woken::Changed(Box::new(request))),
                    News::Interrupted => Woken::LostConnection,
                }),
                () = tokio::time::sleep(pause) => Ok(Woken::LookAgain),
            }
        })?;
        match woken {
            Woken::Changed(changed) if changed.id == request.id => request = *changed,
            Woken::Changed(_) => {}
            Woken::Interrupted => {
                line.end(cx)?;
                return leave(cx, &request);
            }
            Woken::LookAgain | Woken::LostConnection => {
                match api.read(&SHOW, &[&request.id], &[]) {
                    Ok(seen) => request = seen,
                    Err(error) if error.exit() == Exit::Network => line.lost(cx)?,
                    Err(error) => return Err(error),
                }
            }
        }
    }
    line.end(cx)?;
    if request.state == RequestState::Approved {
        refresh(cx, api);
    }
    ended(cx, &request)
}

/// Until the request could have expired, but not longer than [`LOOK_AGAIN`].
fn pause(answer_by: Timestamp, now: Timestamp) -> Duration {
    let left = Duration::try_from(answer_by.duration_since(now)).unwrap_or_default();
    (left + Duration::from_millis(200)).min(LOOK_AGAIN)
}

/// A grant may open logins that ssh_config does not know yet. That it stays as it was is no failure of the request.
fn refresh(cx: &Context, api: &Api) {
    if cx.way == Way::Login
        && let Ok(mut profile) = Profile::logged_in(&cx.home, cx.now())
    {
        let _refreshed = config::refresh(&cx.home, &mut profile, api);
    }
}

fn leave(cx: &mut Context, request: &RequestView) -> Result<Exit, Error> {
    writeln!(cx.err, "{} stays pending; nothing was taken back", one_line(&request.id))?;
    writeln!(cx.err, "hint: wait again with: tsh request new --wait {}", one_line(&request.id))?;
    writeln!(cx.err, "hint: take it back with: tsh request cancel {}", one_line(&request.id))?;
    Ok(Exit::Interrupted)
}

/// Says how the request ended.
fn ended(cx: &mut Context, request: &RequestView) -> Result<Exit, Error> {
    let now = cx.now();
    cx.show(request, |out| writeln!(out, "{}", sentence(request, now)))?;
    if cx.format == Format::Text && request.state == RequestState::Expired {
        writeln!(cx.err, "hint: ask again, perhaps with --reviewers: tsh request new")?;
    }
    Ok(exit(request.state))
}

/// The exit code of an answered request.
fn exit(state: RequestState) -> Exit {
    match state {
        RequestState::Approved | RequestState::Promoted => Exit::Done,
        RequestState::Cancelled
        | RequestState::Denied
        | RequestState::Pending
        | RequestState::Released
        | RequestState::Revoked => Exit::Denied,
        RequestState::Expired => Exit::Expired,
    }
}

fn sentence(request: &RequestView, now: Timestamp) -> String {
    let by =
        request.decided_by.as_deref().map_or(String::new(), |by| format!(" by {}", one_line(by)));
    let reason = request.decision_reason.as_deref().filter(|reason| !reason.is_empty());
    let reason = reason.map_or(String::new(), |reason| format!(": {}", one_line(reason)));
    let id = one_line(&request.id);
    match (request.state, request.start, request.until) {
        (RequestState::Approved, Some(start), Some(until)) if start > now => format!(
            "Approved{by}{reason}. {id} begins {} and ends {}",
            when::relative(start, now),
            when::long(until)
        ),
        (RequestState::Approved, _, Some(until)) => {
            format!("Approved{by}{reason}. {id} ends {}", when::relative(until, now))
        }
        (RequestState::Expired, _, _) => format!("Nobody answered {id} in time; it has expired"),
        (state, _, _) => {
            let mut word = state.as_str().to_owned();
            if let Some(first) = word.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            format!("{word}{by}{reason} ({id})")
        }
    }
}

/// Who was asked and what is missing: one line, rewritten on a terminal, said once per change elsewhere.
#[derive(Default)]
struct LiveLine {
    said: String,
}

impl LiveLine {
    fn show(&mut self, cx: &mut Context, request: &RequestView) -> io::Result<()> {
        let left = when::length(request.answer_by.duration_since(cx.now()));
        let missing =
            request.missing.as_ref().map_or("an answer", |missing| missing.sentence.as_str());
        let id = one_line(&request.id);
        let missing = access::display::shown_short(missing, 160).into_owned();
        if cx.terminal.error {
            let text = format!("{id} waits for {missing} ({left} left)");
            return self.paint(cx, &text);
        }
        self.say(cx, format!("{id} waits for {missing}"))
    }

    fn lost(&mut self, cx: &mut Context) -> io::Result<()> {
        let text = "the server is out of reach; the request stands, trying again …";
        if cx.terminal.error { self.paint(cx, text) } else { self.say(cx, text.to_owned()) }
    }

    fn say(&mut self, cx: &mut Context, text: String) -> io::Result<()> {
        if self.said != text && cx.format == Format::Text {
            writeln!(cx.err, "{text}")?;
            self.said = text;
        }
        Ok(())
    }

    /// Carriage return, the text cut to the line, erase what is left of the old one (ECMA-48 EL).
    fn paint(&mut self, cx: &mut Context, text: &str) -> io::Result<()> {
        let columns = cx.terminal.columns.saturating_sub(1);
        let text = access::display::shown_short(text, columns).into_owned();
        write!(cx.err.raw(), "\r{text}\u{1b}[K")?;
        cx.err.flush()?;
        self.said = text;
        Ok(())
    }

    fn end(&mut self, cx: &mut Context) -> io::Result<()> {
        if cx.terminal.error && !self.said.is_empty() {
            write!(cx.err.raw(), "\r\u{1b}[K")?;
            cx.err.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::request::show::tests::request;
    use expect_test::expect;

    #[test]
    fn every_end_has_a_sentence_and_an_exit_code() {
        let now: Timestamp = "2019-11-07T19:40:00Z".parse().unwrap();
        let mut lines = Vec::new();
        for state in [
            RequestState::Approved,
            RequestState::Denied,
            RequestState::Cancelled,
            RequestState::Expired,
            RequestState::Revoked,
        ] {
            let mut request = request();
            request.state = state;
            request.decided_by = Some("bob".into());
            request.decision_reason = Some("see \u{1b}[2J".into());
            request.until = Some("2019-11-07T20:40:00Z".parse().unwrap());
            lines.push(format!("{} {}", exit(state).code(), sentence(&request, now)));
        }
        expect![[r"
            0 Approved by bob: see \x1b[2J. bc8ca931-fec9-4b15 ends 2019-11-07 20:40 UTC (in 1h)
            3 Denied by bob: see \x1b[2J (bc8ca931-fec9-4b15)
            3 Cancelled by bob: see \x1b[2J (bc8ca931-fec9-4b15)
            4 Nobody answered bc8ca931-fec9-4b15 in time; it has expired
            3 Revoked by bob: see \x1b[2J (bc8ca931-fec9-4b15)"]]
        .assert_eq(&lines.join("\n"));
    }

    #[test]
    fn the_expiry_is_looked_at_when_it_comes() {
        let now: Timestamp = "2019-11-07T19:40:00Z".parse().unwrap();
        let at = |text: &str| pause(text.parse().unwrap(), now);
        assert_eq!(at("2019-11-07T19:40:01Z"), Duration::from_millis(1200));
        assert_eq!(at("2019-11-07T19:39:00Z"), Duration::from_millis(200));
        assert_eq!(at("2019-11-08T19:40:00Z"), LOOK_AGAIN);
    }
}
