//! The reason that a client gives in advance, since PostgreSQL's protocol has no way to ask for one.
//!
//! It is a setting of its own, `countersign.reason`: as a start-up parameter where a driver can send one, or within
//! `options`, which every client can (`PGOPTIONS='-c countersign.reason=ticket\ #1234'`). It is taken out before the
//! database sees it.

use wire::postgres::Startup;

/// The setting's name.
const REASON: &str = "countersign.reason";

/// Takes the reason out of `startup`.
pub(super) fn take(startup: &mut Startup) -> Option<String> {
    let own = startup.get(REASON).map(str::to_owned);
    startup.remove(REASON);
    let within = startup.get("options").and_then(split);
    let within = within.map(|(reason, rest)| {
        startup.remove("options");
        if !rest.is_empty() {
            startup.set("options", &rest);
        }
        reason
    });
    own.or(within).map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty())
}

/// Splits `options` as PostgreSQL does (`pg_split_opts`: at white space, a backslash takes the next character as it
/// is) into the reason and the rest as it was written. `None` when no reason is there.
fn split(options: &str) -> Option<(String, String)> {
    let (mut reason, mut rest) = (None, Vec::<&str>::new());
    let mut awaited = None;
    for raw in words(options) {
        let word = unescape(raw);
        if let Some(flag) = awaited.take() {
            match setting(&word) {
                Some(value) => reason = Some(value),
                None => rest.extend([flag, raw]),
            }
        } else if word == "-c" {
            awaited = Some(raw);
        } else if let Some(value) =
            word.strip_prefix("-c").or_else(|| word.strip_prefix("--")).and_then(setting)
        {
            reason = Some(value);
        } else {
            rest.push(raw);
        }
    }
    rest.extend(awaited);
    reason.map(|reason| (reason, rest.join(" ")))
}

fn setting(word: &str) -> Option<String> {
    let (name, value) = word.split_once('=')?;
    name.trim().eq_ignore_ascii_case(REASON).then(|| value.to_owned())
}

/// The words of `options` as they were written.
fn words(options: &str) -> impl Iterator<Item = &str> {
    let mut rest = options;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let mut escaped = false;
        let end = rest.find(|c: char| {
            let ends = !escaped && c.is_ascii_whitespace();
            escaped = !escaped && c == '\\';
            ends
        });
        let (word, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

fn unescape(word: &str) -> String {
    let mut letters = word.chars();
    let mut plain = String::with_capacity(word.len());
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(options: &str) -> (Option<String>, Option<String>) {
        let mut startup = Startup::new("app", "orders");
        startup.set("options", options);
        (take(&mut startup), startup.get("options").map(str::to_owned))
    }

    #[test]
    fn a_reason_is_taken_out_and_the_rest_stays_as_it_was_written() {
        let reason = Some("ticket #1234".to_owned());
        for (options, expected) in [
            (r"-c countersign.reason=ticket\ #1234", (reason.clone(), None)),
            (r"-ccountersign.reason=ticket\ #1234", (reason.clone(), None)),
            (r"--countersign.reason=ticket\ #1234", (reason.clone(), None)),
            (
                r"-c search_path=a\ b  -c COUNTERSIGN.reason=ticket\ #1234 -c geqo=off",
                (reason, Some(r"-c search_path=a\ b -c geqo=off".to_owned())),
            ),
            ("-c geqo=off  -c", (None, Some("-c geqo=off  -c".to_owned()))),
            ("-c countersign.reason=", (None, None)),
            ("", (None, Some(String::new()))),
            (r"\", (None, Some(r"\".to_owned()))),
        ] {
            assert_eq!(taken(options), expected, "{options}");
        }
    }

    #[test]
    fn a_driver_says_it_as_a_parameter() {
        let mut startup = Startup::new("app", "orders");
        startup.set(REASON, " ticket #1234 ");
        assert_eq!(take(&mut startup).as_deref(), Some("ticket #1234"));
        assert_eq!(startup, Startup::new("app", "orders"));
    }
}
