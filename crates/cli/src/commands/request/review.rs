//! `request review`, `approve`, `deny`: the second signature.

use std::io::Write;

use api::endpoints::requests::REVIEW;
use api::request::{Decision, NewReview, RequestState, RequestView};
use api::span::Span;

use super::{find, new::Start};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::one_line;
use crate::when;

/// Approve or deny a request
///
/// A reviewer may shorten the grant or let it begin later, never lengthen it.
///
///     tsh request review --approve bc8ca931
///     tsh request review --deny --reason "not during the freeze" bc8ca931
///     tsh request review --approve --duration 30m bc8ca931
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct ReviewArgs {
    /// Say yes
    #[arg(long, conflicts_with = "deny", required_unless_present = "deny")]
    approve: bool,
    /// Say no
    #[arg(long)]
    deny: bool,
    #[command(flatten)]
    answer: AnswerArgs,
}

/// Say yes or no to requests.
#[derive(clap::Args, Debug)]
pub struct AnswerArgs {
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Grant it for a shorter time, such as 30m
    #[arg(long, value_name = "LENGTH")]
    duration: Option<Span>,
    /// Let it begin later: a time (2026-11-07T19:38Z) or how long from now (2h)
    #[arg(long, value_name = "WHEN")]
    start: Option<Start>,
    /// The ids, or their unique beginnings
    #[arg(required = true, value_name = "ID", value_delimiter = ',')]
    ids: Vec<String>,
}

/// Reviews requests, one after the other.
///
/// # Errors
/// The first refusal; those before it are done.
pub fn run(cx: &mut Context, args: ReviewArgs) -> Result<Exit, Error> {
    let decision = if args.approve { Decision::Approve } else { Decision::Deny };
    answer(cx, args.answer, decision)
}

/// Says yes.
///
/// # Errors
/// As [`run`].
pub fn approve(cx: &mut Context, args: AnswerArgs) -> Result<Exit, Error> {
    answer(cx, args, Decision::Approve)
}

/// Says no.
///
/// # Errors
/// As [`run`].
pub fn deny(cx: &mut Context, args: AnswerArgs) -> Result<Exit, Error> {
    answer(cx, args, Decision::Deny)
}

fn answer(cx: &mut Context, args: AnswerArgs, decision: Decision) -> Result<Exit, Error> {
    let api = cx.api()?;
    // All ids are read before the first is answered: a mistyped one stops the whole.
    let ids = args.ids.iter().map(|id| find::id(&api, id)).collect::<Result<Vec<_>, _>>()?;
    let review = NewReview {
        decision,
        reason: args.reason,
        duration: args.duration,
        assume_start: args.start.map(|start| start.moment(cx.now())),
    };
    let mut answered = Vec::new();
    for id in &ids {
        let request: RequestView =
            api.tell(&REVIEW, &[id], &review).map_err(|error| match ids.len() {
                1 => error,
                _ => error.hint(format!("this was {id}; those before it are answered")),
            })?;
        if cx.format == crate::output::Format::Text {
            writeln!(cx.out, "{}", outcome(&request, decision))?;
        }
        answered.push(request);
    }
    if cx.format != crate::output::Format::Text {
        cx.show(&answered, |_| Ok(()))?;
    }
    Ok(Exit::Done)
}

/// What a review led to, in one line.
pub(crate) fn outcome(request: &RequestView, decision: Decision) -> String {
    let word = match decision {
        Decision::Approve => "Approved",
        Decision::Deny => "Denied",
    };
    let ask = format!("{} ({} for {})", request.id, super::list::metadata(request), request.user);
    let ask = one_line(&ask);
    match (request.state, &request.missing, request.until) {
        (RequestState::Pending, Some(missing), _) => {
            format!("{word} {ask}; still pending: {}", one_line(&missing.sentence))
        }
        (RequestState::Approved, _, Some(until)) => {
            format!("{word} {ask}; granted until {}", when::long(until))
        }
        (state, _, _) => format!("{word} {ask}; now {}", state.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::request::show::tests::request;

    #[test]
    fn a_review_says_what_it_led_to() {
        let mut request = request();
        let mut lines = vec![outcome(&request, Decision::Approve)];
        request.state = RequestState::Approved;
        request.until = Some("2019-11-07T20:38:00Z".parse().unwrap());
        lines.push(outcome(&request, Decision::Approve));
        request.state = RequestState::Denied;
        lines.push(outcome(&request, Decision::Deny));
        expect_test::expect![[r"
            Approved bc8ca931-fec9-4b15 (roles=dba for alice); still pending: 1 more approval from: bob, carol
            Approved bc8ca931-fec9-4b15 (roles=dba for alice); granted until 2019-11-07 20:38 UTC
            Denied bc8ca931-fec9-4b15 (roles=dba for alice); now denied"]]
        .assert_eq(&lines.join("\n"));
    }
}
