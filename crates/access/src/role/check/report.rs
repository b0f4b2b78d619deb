//! What was found while checking, and the checks every list needs.

use super::LIST_MAX;
use crate::{
    expr::{Expr, Scope},
    label::{Key, LabelSelector},
    pattern::{self, Pattern},
    role::{RoleProblem, Warning, spec::LabelsSpec},
    template::{Entry, EntryError, Patterns},
};

pub(super) const SIDE_ALLOW: &str = "allow";
pub(super) const SIDE_DENY: &str = "deny";

/// The most patterns and templates of one role, over all its lists: each is tried for each ask.
const MATCHERS_MAX: usize = 5000;
/// The most expressions of one role: conditions, filters and those of labels.
const EXPRESSIONS_MAX: usize = 200;
/// The most regular expressions of one role, wherever they stand. Compiled, one may take
/// [`Pattern::COMPILED_MAX`] bytes of memory.
const REGEXES_MAX: usize = 100;

/// What was compiled so far.
#[derive(Debug, Default)]
struct Spent {
    matchers: usize,
    expressions: usize,
    regexes: usize,
    /// The role has too much, and was told so.
    told: bool,
}

/// What is to be compiled.
#[derive(Clone, Copy, Debug)]
enum Sort {
    Expression,
    Matcher,
}

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) problems: Vec<RoleProblem>,
    pub(super) warnings: Vec<Warning>,
    /// Set while `deny` is read: a template dropped there would deny less than was meant.
    pub(super) refuse_broken_templates: bool,
    spent: Spent,
}

impl Report {
    pub(super) fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(RoleProblem { path: path.to_owned(), message: message.into() });
    }

    pub(super) fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Warning { path: path.to_owned(), message: message.into() });
    }

    /// Whether one more may be compiled. The first that is too many is told with its place, and nothing is compiled after
    /// it: what a document costs is known before it is paid.
    fn has_room(&mut self, path: &str, sort: Sort, text: &str) -> bool {
        let spent = &mut self.spent;
        match sort {
            Sort::Expression => spent.expressions += 1,
            Sort::Matcher => spent.matchers += 1,
        }
        spent.regexes += pattern::regexes(text);
        let over = [
            (spent.matchers, MATCHERS_MAX, "patterns and templates"),
            (spent.expressions, EXPRESSIONS_MAX, "expressions"),
            (spent.regexes, REGEXES_MAX, "regular expressions"),
        ];
        let Some((_, most, what)) = over.into_iter().find(|(count, most, _)| count > most) else {
            return true;
        };
        if !core::mem::replace(&mut spent.told, true) {
            let why = format!(
                "one too many: a role has at most {most} {what} in all; divide it into several"
            );
            self.problem(path, why);
        }
        false
    }

    /// Compiles a list of patterns and templates.
    pub(super) fn patterns(&mut self, path: &str, texts: &[String]) -> Patterns {
        if texts.len() > LIST_MAX {
            self.problem(path, format!("has at most {LIST_MAX} entries"));
            return Patterns::default();
        }
        let entries = texts.iter().enumerate().filter_map(|(n, text)| {
            let path = if texts.len() == 1 { path.to_owned() } else { format!("{path}[{n}]") };
            self.entry(&path, text)
        });
        Patterns::from_entries(entries.collect())
    }

    fn entry(&mut self, path: &str, text: &str) -> Option<Entry> {
        if !self.has_room(path, Sort::Matcher, text) {
            return None;
        }
        match Entry::parse(text) {
            Ok(entry) => {
                if entry.fixed().is_some_and(Pattern::changed_by_anchoring) {
                    let inside = text.trim_start_matches('^').trim_end_matches('$');
                    self.warning(path, format!("is read as `^(?:{inside})$`: each alternative must match the whole text"));
                }
                Some(entry)
            }
            Err(EntryError::Pattern(message)) => {
                self.problem(path, message);
                None
            }
            Err(EntryError::Template(message)) => {
                if self.refuse_broken_templates {
                    self.problem(path, message);
                } else {
                    self.warning(path, format!("{message}; the entry is ignored"));
                }
                None
            }
        }
    }

    pub(super) fn pattern(&mut self, path: &str, text: &str) -> Option<Pattern> {
        if !self.has_room(path, Sort::Matcher, text) {
            return None;
        }
        Pattern::parse(text).map_err(|error| self.problem(path, error.to_string())).ok()
    }

    /// Compiles a label selector. `"*"` as a key selects everything, and takes no other value than `"*"`.
    pub(super) fn labels(&mut self, path: &str, spec: &LabelsSpec) -> LabelSelector {
        let mut selector = LabelSelector::default();
        if spec.len() > LIST_MAX {
            self.problem(path, format!("has at most {LIST_MAX} keys"));
            return selector;
        }
        for (key, values) in spec {
            let at = format!("{path}.{key}");
            if key == "*" {
                if values.iter().all(|value| value == "*") && !values.is_empty() {
                    selector.everything = true;
                } else {
                    self.problem(&at, "selector *:<value> is not supported; write `\"*\": \"*\"`, or name the label");
                }
                continue;
            }
            if key.is_empty() {
                self.problem(&at, "a label has a name");
                continue;
            }
            let key = if key.contains("{{") {
                // A key that cannot be read selects nothing, rather than making the selector wider.
                let entry = self.entry(&at, key);
                Key::Template(entry.unwrap_or_else(Entry::nothing))
            } else {
                Key::Exact(key.as_str().into())
            };
            selector.entries.push((key, self.patterns(&at, values)));
        }
        selector
    }

    pub(super) fn expression(
        &mut self,
        path: &str,
        text: Option<&str>,
        scope: Scope,
    ) -> Option<Expr> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        if !self.has_room(path, Sort::Expression, text) {
            return None;
        }
        Expr::parse(text, scope).map_err(|error| self.problem(path, error.to_string())).ok()
    }
}
