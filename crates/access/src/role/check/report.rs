//! What was found while checking, and the checks every list needs.

use super::LIST_MAX;
use crate::{
    expr::{Expr, Scope},
    label::{Key, LabelSelector},
    pattern::Pattern,
    role::{RoleProblem, Warning, spec::LabelsSpec},
    template::{Entry, EntryError, Patterns},
};

pub(super) const SIDE_ALLOW: &str = "allow";
pub(super) const SIDE_DENY: &str = "deny";

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) problems: Vec<RoleProblem>,
    pub(super) warnings: Vec<Warning>,
    /// Set while `deny` is read: a template dropped there would deny less than was meant.
    pub(super) refuse_broken_templates: bool,
}

impl Report {
    pub(super) fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(RoleProblem { path: path.to_owned(), message: message.into() });
    }

    pub(super) fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.warnings.push(Warning { path: path.to_owned(), message: message.into() });
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
        Expr::parse(text, scope).map_err(|error| self.problem(path, error.to_string())).ok()
    }
}
