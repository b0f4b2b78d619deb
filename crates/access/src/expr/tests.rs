//! The language at work, and at its limits.

use super::*;
use crate::identity::Traits;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn traits(key: &str, values: &[&str]) -> Traits {
    Traits::from([(key.to_owned(), values.iter().map(|&value| value.to_owned()).collect())])
}

fn review(text: &str) -> bool {
    let squads = traits("squads", &["blue-lead"]);
    let values = Values::new()
        .list(Field::ReviewerRoles, ["eng", "lead"])
        .lists(Field::ReviewerTraits, &squads)
        .text(Field::RequestReason, "Case 77");
    Expr::parse(text, Scope::Review).unwrap().holds(&values)
}

fn refused(text: &str, expected: Expect) {
    expected.assert_eq(&Expr::parse(text, Scope::Review).unwrap_err().to_string());
}

#[test]
fn functions_do_what_they_say() {
    assert!(review(r#"contains(reviewer.roles, "eng")"#));
    assert!(review(r#"reviewer.roles.contains("eng") && !reviewer.roles.contains("qa")"#));
    assert!(review(r#"contains(reviewer.traits.squads, "blue-lead")"#));
    assert!(review(r#"contains_any(reviewer.roles, set("eng", "qa"))"#));
    assert!(review(r#"contains_all(reviewer.roles, ["eng", "lead"])"#));
    assert!(!review(r#"contains_all(reviewer.roles, set("eng", "qa"))"#));
    assert!(!review("contains_all(reviewer.roles, set())"), "all of nothing approves nothing");
    assert!(review(r#"regexp.match(request.reason, "^Case [0-9]+$")"#));
    assert!(review(r#"regexp.match(request.reason, "case*") == false"#));
    assert!(review(r#"regexp.match(strings.lower(request.reason), "case*")"#));
    assert!(review(r#"email.local("mia@corp.test") == "mia""#));
    assert!(review(r#"email.local("Mia <mia@corp.test>") != "Mia""#));
    assert!(review(r#"regexp.replace(request.reason, "^Case ([0-9]+)$", "$1") == "77""#));
    assert!(review(r#"reviewer.roles == set("lead", "eng")"#));
}

#[test]
fn missing_keys_are_empty() {
    assert!(review(r#"is_empty(reviewer.traits["none"])"#));
    assert!(review(r#"is_empty(review.reason) && review.reason == """#));
    assert!(!review(r#"contains(reviewer.traits["none"], "x")"#));
    assert!(!review(r#"regexp.match(request.roles, "*")"#));
}

#[test]
fn what_has_no_meaning_never_gets_in_and_the_message_says_where() {
    refused(
        r#"equals(no.such.field, "x")"#,
        expect![
            "parse error at column 8: unknown name `no`; there are request.roles, request.reason, request.system_annotations, reviewer.roles, reviewer.traits, review.reason, review.annotations"
        ],
    );
    refused(
        r#"frobnicate(reviewer.roles, "x")"#,
        expect![
            "parse error at column 11: no function or operator `frobnicate`; there are contains, contains_all, contains_any, email.local, equals, is_empty, labels_matching, regexp.match, regexp.replace, set, strings.lower, strings.upper"
        ],
    );
    refused(
        r#"equals("a", "b", "c")"#,
        expect!["parse error at column 7: `equals` does not take 3 arguments here"],
    );
    refused(
        r#"contains("eng", reviewer.roles)"#,
        expect!["parse error at column 10: a list is needed here, this is a text"],
    );
    refused(
        r#"reviewer.roles == "eng""#,
        expect![
            "parse error at column 19: a list never equals a text; to look into a list write contains(list, text)"
        ],
    );
    refused(
        "reviewer.roles",
        expect!["parse error at column 9: true or false is needed here, this is a list"],
    );
    refused(
        "reviewer.traits",
        expect![[
            r#"parse error at column 9: `reviewer.traits` needs a key: `reviewer.traits["…"]`"#
        ]],
    );
    refused("reviewer", expect!["parse error at column 1: `reviewer` is not a value by itself"]);
    refused(
        r#"regexp.match(request.reason, request.reason)"#,
        expect![[r#"parse error at column 37: the pattern must be written out as "…""#]],
    );
    refused(
        r#"regexp.match(request.reason, "^(x$")"#,
        expect![[r#"parse error at column 30: bad regular expression "(x": unclosed group"#]],
    );
    refused(
        r#"regexp.match(request.reason, "\d")"#,
        expect![[r#"parse error at column 31: `\d` is not an escape; for a backslash write `\\`"#]],
    );
    refused(
        "1 == 1",
        expect!["parse error at column 1: only texts, true and false can be written"],
    );
    refused("1 + 1 == 2", expect!["parse error at column 3: '+' has no meaning here"]);
    refused(
        r#"reviewer.roles.exists(r, r == "x")"#,
        expect![
            "parse error at column 22: loops, maps and structures are not part of this language"
        ],
    );
    refused(
        r#""a" in reviewer.roles"#,
        expect![
            "parse error at column 5: no function or operator `in`; there are contains, contains_all, contains_any, email.local, equals, is_empty, labels_matching, regexp.match, regexp.replace, set, strings.lower, strings.upper"
        ],
    );
    refused("!", expect!["parse error at line 1, column 2: unexpected the end"]);
    refused("&& x", expect!["parse error at line 1, column 1: unexpected '&&'"]);
    refused("equals(", expect!["parse error at line 1, column 8: unexpected the end"]);
    refused("", expect!["parse error at line 1, column 1: unexpected the end"]);
    refused(
        r#"request.reason == "x"#,
        expect!["parse error at column 19: this text has no closing quote"],
    );
    refused(
        r#"request.reason == r"x""#,
        expect![[r#"parse error at column 20: a text is written "…", without a prefix"#]],
    );
}

#[test]
fn names_of_other_scopes_are_unknown() {
    assert!(Expr::parse(r#"labels["env"] == "prod""#, Scope::Labels).is_ok());
    assert!(Expr::parse(r#"labels["env"] == "prod""#, Scope::Review).is_err());
    assert!(Expr::parse(r#"contains(user.roles, "mod")"#, Scope::Join).is_ok());
    assert!(Expr::parse(r#"contains(labels_matching("team-*"), "x")"#, Scope::Labels).is_ok());
    assert!(Expr::parse(r#"contains(labels_matching("team-*"), "x")"#, Scope::Rule).is_err());
}

#[test]
fn the_deepest_and_longest_fit_a_small_stack() {
    let texts = [
        format!("{}true", "!".repeat(24)),
        format!("{}true{}", "(".repeat(8), ")".repeat(8)),
        ["true"; 190].join(" && "),
        ["true == true"; 90].join(" || "),
        format!("true{}", " == true".repeat(19)),
        format!("set(\"x\").contains(\"x\"){}", " == true".repeat(15)),
        format!("contains({}reviewer.roles{}, \"x\")", "strings.lower(".repeat(7), ")".repeat(7)),
    ];
    // The thread of a test has 2 MiB, like those of the daemon.
    for text in texts {
        let parsed = Expr::parse(&text, Scope::Review);
        assert!(parsed.is_ok(), "{text}: {parsed:?}");
        let _ = parsed.unwrap().holds(&Values::new());
    }
}

#[test]
fn what_would_exhaust_the_stack_is_refused_before_it_is_parsed() {
    for text in [
        "!".repeat(4000),
        "(".repeat(4000),
        "[".repeat(4000),
        ["true"; 600].join("=="),
        format!("a{}", ".b".repeat(2000)),
        format!("a{}", "[\"b\"]".repeat(700)),
        format!("a{}", "()".repeat(2000)),
        format!("r\"\\\" {}", "==1".repeat(1000)),
        format!("\"\"\" \"{}", "==1".repeat(1000)),
        format!("\"\\d\" {}", "==1".repeat(1000)),
        "x".repeat(4097),
    ] {
        assert!(Expr::parse(&text, Scope::Review).is_err());
    }
}

#[test]
fn what_is_left_over_is_a_filter() {
    let left = |text: &str| {
        let labels = std::collections::BTreeMap::from([("auditor".to_owned(), "yes".to_owned())]);
        let values = Values::new().text(Field::UserName, "alice").texts(Field::UserLabels, &labels);
        match Expr::parse(text, Scope::Rule).unwrap().residual(&values) {
            Residual::Known(truth) => truth.to_string(),
            Residual::Depends(filter) => filter.to_string(),
        }
    };
    assert_eq!(
        left("contains(session.participants, user.metadata.name)"),
        "participants contains alice"
    );
    assert_eq!(
        left("contains(session.participants, \"x\") && user.metadata.labels.auditor == \"yes\""),
        "participants contains x"
    );
    assert_eq!(
        left("contains(session.participants, \"x\") && user.metadata.labels.auditor == \"no\""),
        "false"
    );
    assert_eq!(left("!(session.login == \"root\")"), "NOT login==root");
    assert_eq!(left("session.login == \"root\" || user.metadata.name == \"alice\""), "true");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = Expr::parse(&text, Scope::Review).map(|expr| expr.holds(&Values::new()));
    }

    #[test]
    fn no_likely_text_makes_it_panic(
        words in proptest::collection::vec(prop::sample::select(vec![
            "reviewer", ".", "roles", "traits", "[", "]", "\"x\"", "(", ")", "contains", "set", ",", "!", "&&",
            "||", "==", "regexp", "match", "request", "reason", "true", " ", "'", "\"", "\\", "email.local",
        ]), 0..24)
    ) {
        let _ = Expr::parse(&words.concat(), Scope::Review).map(|expr| expr.holds(&Values::new()));
    }

    #[test]
    fn a_filter_and_the_expression_agree(role in "[ab]", user in "[ab]", inside in "[ab]") {
        let text = "contains(session.participants, user.metadata.name) || session.login == \"a\"";
        let expr = Expr::parse(text, Scope::Rule).unwrap();
        let known = Values::new().text(Field::UserName, &user);
        let all = known.clone().list(Field::SessionParticipants, [inside.as_str()]).text(Field::SessionLogin, &role);
        match expr.residual(&known) {
            Residual::Known(truth) => prop_assert_eq!(truth, expr.holds(&all)),
            Residual::Depends(filter) => prop_assert_eq!(filter.holds(&all), expr.holds(&all)),
        }
    }
}
