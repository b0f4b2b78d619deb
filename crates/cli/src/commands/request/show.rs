//! `request show`: one request with everything on it.

use std::io::{self, Write};

use api::endpoints::requests::SHOW;
use api::request::{Decision, RequestState, RequestView};
use jiff::Timestamp;

use super::{find, list};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{Output, one_line};
use crate::when;

/// Show one request: reason, reviews, what is missing, its sessions
///
///     tsh request show bc8ca931
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// The id, or its unique beginning
    id: String,
}

/// Shows a request.
///
/// # Errors
/// There is none, or it may not be seen.
pub fn run(cx: &mut Context, args: ShowArgs) -> Result<Exit, Error> {
    let api = cx.api()?;
    let id = find::id(&api, &args.id)?;
    let request: RequestView = api.read(&SHOW, &[&id], &[])?;
    let now = cx.now();
    cx.show(&request, |out| page(out, &request, now))?;
    Ok(Exit::Done)
}

/// The page of one request, as text.
pub(crate) fn page(out: &mut Output, request: &RequestView, now: Timestamp) -> io::Result<()> {
    writeln!(out, "Request    {}", one_line(&request.id))?;
    writeln!(out, "State      {}", request.state.as_str().to_uppercase())?;
    writeln!(out, "User       {}", one_line(&request.user))?;
    writeln!(out, "Asks for   {}", one_line(&list::metadata(request)))?;
    if !request.reason.is_empty() {
        let reason = access::display::shown_lines(&request.reason).into_owned();
        writeln!(out, "Reason     {}", reason.replace('\n', "\n           "))?;
    }
    writeln!(out, "Created    {}", when::relative(request.created, now))?;
    let cut = request.duration_cut_by.as_deref();
    let cut = cut.map_or(String::new(), |limit| format!(" (cut by {})", one_line(limit)));
    writeln!(out, "Duration   {}{cut}", request.duration)?;
    window(out, request, now)?;
    if let Some(extends) = &request.extends {
        writeln!(out, "Extends    {}", one_line(extends))?;
    }
    if !request.suggested_reviewers.is_empty() {
        writeln!(out, "Suggested  {}", one_line(&request.suggested_reviewers.join(", ")))?;
    }
    if let Some(missing) = &request.missing {
        writeln!(out, "Missing    {}", one_line(&missing.sentence))?;
    }
    for review in &request.reviews {
        let word = match review.decision {
            Decision::Approve => "Approved",
            Decision::Deny => "Denied",
        };
        let reason = match review.reason.as_str() {
            "" => String::new(),
            reason => format!(": {}", one_line(reason)),
        };
        let shorter = review.duration.map_or(String::new(), |duration| format!(", for {duration}"));
        writeln!(
            out,
            "{word:<10} {} by {}{shorter}{reason}",
            when::exact(review.time),
            one_line(&review.author)
        )?;
    }
    if !request.timeline.is_empty() {
        writeln!(out, "\nTimeline")?;
    }
    for moment in &request.timeline {
        writeln!(out, "  {}  {}", when::exact(moment.time), one_line(&moment.text))?;
    }
    if !request.sessions.is_empty() {
        writeln!(out, "\nSessions")?;
    }
    for session in &request.sessions {
        let end = session
            .ended
            .map_or("live".to_owned(), |ended| format!("until {}", when::exact(ended)));
        writeln!(
            out,
            "  {}  {}@{}  {} {end}",
            one_line(&session.id),
            one_line(&session.login),
            one_line(&session.target),
            when::exact(session.started)
        )?;
    }
    Ok(())
}

fn window(out: &mut Output, request: &RequestView, now: Timestamp) -> io::Result<()> {
    match request.state {
        RequestState::Pending => {
            writeln!(out, "Answer by  {}", when::relative(request.answer_by, now))?;
            if let Some(start) = request.assume_start {
                writeln!(out, "Starts     {}", when::relative(start, now))?;
            }
        }
        RequestState::Approved
        | RequestState::Cancelled
        | RequestState::Denied
        | RequestState::Expired
        | RequestState::Promoted
        | RequestState::Released
        | RequestState::Revoked => {
            if let Some(start) = request.start {
                writeln!(out, "Starts     {}", when::relative(start, now))?;
            }
            if let Some(until) = request.until {
                writeln!(out, "Until      {}", when::relative(until, now))?;
            }
            if let Some(by) = &request.decided_by {
                let reason = request.decision_reason.as_deref().filter(|reason| !reason.is_empty());
                let reason =
                    reason.map_or(String::new(), |reason| format!(": {}", one_line(reason)));
                writeln!(out, "Decided    by {}{reason}", one_line(by))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::commands::tests::text;
    use api::request::{MissingView, ReviewView};
    use expect_test::expect;
    use jiff::SignedDuration;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The request of the story.
    pub(crate) fn request() -> RequestView {
        RequestView {
            id: "bc8ca931-fec9-4b15".into(),
            user: "alice".into(),
            roles: vec!["dba".into()],
            resources: vec![],
            reason: "ticket #1234".into(),
            state: RequestState::Pending,
            created: time("2019-11-07T19:38:00Z"),
            answer_by: time("2019-11-08T19:38:00Z"),
            duration: SignedDuration::from_hours(8).into(),
            duration_cut_by: None,
            assume_start: None,
            start: None,
            until: None,
            reviews: vec![],
            missing: Some(MissingView {
                sentence: "1 more approval from: bob, carol".into(),
                reviewers: vec!["bob".into(), "carol".into()],
            }),
            suggested_reviewers: vec![],
            annotations: Default::default(),
            extends: None,
            decided_by: None,
            decision_reason: None,
            timeline: vec![],
            sessions: vec![],
            revision: 7,
        }
    }

    #[test]
    fn a_pending_request_says_what_is_missing() {
        expect![[r"
            Request    bc8ca931-fec9-4b15
            State      PENDING
            User       alice
            Asks for   roles=dba
            Reason     ticket #1234
            Created    2019-11-07 19:38 UTC (2m ago)
            Duration   8h
            Answer by  2019-11-08 19:38 UTC (in 23h 58m)
            Missing    1 more approval from: bob, carol
        "]]
        .assert_eq(&text(|out| page(out, &request(), time("2019-11-07T19:40:00Z"))));
    }

    #[test]
    fn an_approved_request_says_until_when_and_by_whom() {
        let mut request = request();
        request.state = RequestState::Approved;
        request.missing = None;
        request.start = Some(time("2019-11-07T19:40:00Z"));
        request.until = Some(time("2019-11-07T20:40:00Z"));
        request.reason = "two\nlines \u{1b}[31m".into();
        request.reviews.push(ReviewView {
            author: "bob".into(),
            decision: Decision::Approve,
            reason: "fine".into(),
            time: time("2019-11-07T19:40:00Z"),
            duration: Some(SignedDuration::from_hours(1).into()),
            assume_start: None,
        });
        expect![[r"
            Request    bc8ca931-fec9-4b15
            State      APPROVED
            User       alice
            Asks for   roles=dba
            Reason     two
                       lines \x1b[31m
            Created    2019-11-07 19:38 UTC (3m ago)
            Duration   8h
            Starts     2019-11-07 19:40 UTC (1m ago)
            Until      2019-11-07 20:40 UTC (in 59m)
            Approved   2019-11-07 19:40:00 UTC by bob, for 1h: fine
        "]]
        .assert_eq(&text(|out| page(out, &request, time("2019-11-07T19:41:00Z"))));
    }
}
