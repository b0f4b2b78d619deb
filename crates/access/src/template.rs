//! Templates: `{{internal.logins}}`, `{{external.team}}`, `{{email.local(external.email)}}`,
//! `{{regexp.replace(external.name, "^ext-(.*)$", "$1")}}`, with text before and behind (the law, §9).
//!
//! A template stands for as many texts as the trait has values, also none. What a trait says is taken by
//! the letter: a `*` from an identity provider is a star, not a pattern.

use crate::{
    expr::{
        eval::local_part,
        guard::{self, Tree, ast, operators},
    },
    identity::Traits,
    pattern::{Pattern, Replacement},
};
use ast::Expr as Syntax;
use std::{borrow::Cow, collections::BTreeSet};

/// Texts as a role lists them: patterns, and templates that become texts for one user.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Fixed(Pattern),
    Template(Template),
}

/// One compiled template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    before: Box<str>,
    source: Source,
    behind: Box<str>,
}

#[derive(Clone, Debug)]
enum Source {
    EmailLocal(Box<Source>),
    Nothing,
    Replace(Box<Source>, Replacement),
    Trait(Box<str>),
}

/// The traits `internal.…` may name: those the house itself gives a meaning to.
const INTERNAL: &[&str] = &[
    "aws_role_arns",
    "azure_identities",
    "db_names",
    "db_roles",
    "db_users",
    "gcp_service_accounts",
    "github_orgs",
    "host_user_gid",
    "host_user_uid",
    "jwt",
    "kubernetes_groups",
    "kubernetes_users",
    "logins",
    "user",
    "windows_logins",
];

impl Entry {
    /// Compiles one entry.
    ///
    /// # Errors
    /// What is wrong with it, for a problem (a pattern) or a warning (a template, which is dropped).
    pub(crate) fn parse(text: &str) -> Result<Self, EntryError> {
        let Some((before, rest)) = text.split_once("{{") else {
            return Pattern::parse(text)
                .map(Self::Fixed)
                .map_err(|error| EntryError::Pattern(error.to_string()));
        };
        let broken = |cause: &str| EntryError::Template(format!("`{text}`: {cause}"));
        let Some((inside, behind)) = rest.split_once("}}") else {
            return Err(broken("`{{` without `}}`"));
        };
        if behind.contains("{{") {
            return Err(broken("one `{{…}}` per entry"));
        }
        let (tree, _) = guard::parse(inside.trim()).map_err(|error| broken(&error.to_string()))?;
        let source = source(&tree).map_err(|error| broken(&error))?;
        Ok(Self::Template(Template { before: before.into(), source, behind: behind.into() }))
    }

    /// An entry that stands for no text.
    pub(crate) fn nothing() -> Self {
        Self::Template(Template { before: "".into(), source: Source::Nothing, behind: "".into() })
    }

    /// Whether the entry matches `text` for someone with these traits.
    pub(crate) fn matches(&self, text: &str, traits: &Traits) -> bool {
        match self {
            Self::Fixed(pattern) => pattern.matches(text),
            Self::Template(template) => template.texts(traits).iter().any(|own| *own == text),
        }
    }

    /// The entry as texts: a pattern as written, a template filled in.
    pub(crate) fn texts<'a>(&'a self, traits: &'a Traits) -> Vec<Cow<'a, str>> {
        match self {
            Self::Fixed(pattern) => vec![Cow::Borrowed(pattern.as_str())],
            Self::Template(template) => {
                template.texts(traits).into_iter().map(Cow::Owned).collect()
            }
        }
    }

    pub(crate) const fn fixed(&self) -> Option<&Pattern> {
        match self {
            Self::Fixed(pattern) => Some(pattern),
            Self::Template(_) => None,
        }
    }
}

/// A text that may hold one template, and stands for one text: a header's value.
#[derive(Clone, Debug)]
pub struct Filled(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Plain(Box<str>),
    Template(Template),
}

impl Filled {
    /// Reads the text.
    ///
    /// # Errors
    /// What is wrong with its template.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.contains("{{") {
            return Ok(Self(Kind::Plain(text.into())));
        }
        match Entry::parse(text) {
            Ok(Entry::Template(template)) => Ok(Self(Kind::Template(template))),
            Ok(Entry::Fixed(_)) => Ok(Self(Kind::Plain(text.into()))),
            Err(EntryError::Pattern(why) | EntryError::Template(why)) => Err(why),
        }
    }

    /// The text for someone with these traits, several values divided by commas; `None` where the trait has none.
    #[must_use]
    pub fn fill(&self, traits: &Traits) -> Option<String> {
        match &self.0 {
            Kind::Plain(text) => Some(text.to_string()),
            Kind::Template(template) => {
                let values = template.source.values(traits);
                let values: Vec<_> = values.into_iter().filter(|value| !value.is_empty()).collect();
                let joined = values.join(",");
                (!values.is_empty())
                    .then(|| format!("{}{joined}{}", template.before, template.behind))
            }
        }
    }
}

/// Why an entry is not one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum EntryError {
    /// A pattern that does not compile: the document is refused.
    Pattern(String),
    /// A template that does not: the entry is dropped, with a warning.
    Template(String),
}

impl Template {
    fn texts(&self, traits: &Traits) -> Vec<String> {
        let values = self.source.values(traits);
        let values = values.into_iter().filter(|value| !value.is_empty());
        values.map(|value| format!("{}{value}{}", self.before, self.behind)).collect()
    }
}

impl Source {
    fn values<'a>(&'a self, traits: &'a Traits) -> Vec<Cow<'a, str>> {
        match self {
            Self::EmailLocal(inner) => {
                let addresses = inner.values(traits);
                addresses
                    .iter()
                    .filter_map(|text| local_part(text).map(|local| Cow::Owned(local.to_owned())))
                    .collect()
            }
            Self::Nothing => Vec::new(),
            Self::Replace(inner, replacement) => {
                let texts = inner.values(traits);
                texts.iter().filter_map(|text| replacement.apply(text).map(Cow::Owned)).collect()
            }
            Self::Trait(name) => traits
                .get(&**name)
                .into_iter()
                .flatten()
                .map(|value| Cow::Borrowed(value.as_str()))
                .collect(),
        }
    }
}

fn source(tree: &Tree) -> Result<Source, String> {
    if let Syntax::Call(call) = &tree.expr
        && call.func_name != operators::INDEX
    {
        let Some(Syntax::Ident(space)) = call.target.as_ref().map(|target| &target.expr) else {
            return Err(format!("no function `{}`", call.func_name));
        };
        return match (space.as_str(), call.func_name.as_str(), call.args.as_slice()) {
            ("email", "local", [inner]) => Ok(Source::EmailLocal(Box::new(source(inner)?))),
            ("regexp", "replace", [inner, expression, with]) => {
                let replacement = Replacement::parse(written(expression)?, written(with)?)
                    .map_err(|error| error.to_string())?;
                Ok(Source::Replace(Box::new(source(inner)?), replacement))
            }
            ("email", "local", args) => {
                Err(format!("email.local takes 1 argument, not {}", args.len()))
            }
            ("regexp", "replace", args) => {
                Err(format!("regexp.replace takes 3 arguments, not {}", args.len()))
            }
            (space, name, _) => {
                Err(format!("no function `{space}.{name}`; there are email.local, regexp.replace"))
            }
        };
    }
    let (space, name) =
        name(tree).ok_or("a template is `internal.…`, `external.…` or a function of these")?;
    match space {
        "external" => Ok(Source::Trait(name.into())),
        "internal" if INTERNAL.contains(&name) => Ok(Source::Trait(name.into())),
        "internal" => Err(format!(
            "no trait `internal.{name}`; write `external.{name}` for a trait of your own"
        )),
        other => Err(format!("no namespace `{other}`; there are internal, external")),
    }
}

/// `external.team` or `external["team"]`.
fn name(tree: &Tree) -> Option<(&str, &str)> {
    let (space, name) = match &tree.expr {
        Syntax::Select(select) if !select.test => (select.operand.as_ref(), select.field.as_str()),
        Syntax::Call(call) => match call.args.as_slice() {
            [space, name] => (space, written(name).ok()?),
            _ => return None,
        },
        Syntax::Comprehension(_)
        | Syntax::Ident(_)
        | Syntax::List(_)
        | Syntax::Literal(_)
        | Syntax::Map(_)
        | Syntax::Select(_)
        | Syntax::Struct(_)
        | Syntax::Unspecified => return None,
    };
    match &space.expr {
        Syntax::Ident(space) => Some((space, name)),
        Syntax::Call(_)
        | Syntax::Comprehension(_)
        | Syntax::List(_)
        | Syntax::Literal(_)
        | Syntax::Map(_)
        | Syntax::Select(_)
        | Syntax::Struct(_)
        | Syntax::Unspecified => None,
    }
}

fn written(tree: &Tree) -> Result<&str, String> {
    guard::written(tree).ok_or_else(|| "a text must be written out as \"…\"".to_owned())
}

impl Patterns {
    pub(crate) const fn from_entries(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// A list of these patterns, without templates.
    #[must_use]
    pub fn fixed(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        Self { entries: patterns.into_iter().map(Entry::Fixed).collect() }
    }

    /// Whether any entry matches `text` for someone with these traits.
    #[must_use]
    pub fn matches(&self, text: &str, traits: &Traits) -> bool {
        self.entries.iter().any(|entry| entry.matches(text, traits))
    }

    /// Whether `text` is one of the entries as texts: patterns count as written, not as patterns.
    #[must_use]
    pub fn spells(&self, text: &str, traits: &Traits) -> bool {
        self.entries.iter().any(|entry| entry.texts(traits).iter().any(|own| own == text))
    }

    /// The entries as texts, each once, in the order written: patterns as written, templates filled in.
    #[must_use]
    pub fn texts<'a>(&'a self, traits: &'a Traits) -> Vec<Cow<'a, str>> {
        let mut seen = BTreeSet::new();
        let mut texts: Vec<Cow<'a, str>> =
            self.entries.iter().flat_map(|entry| entry.texts(traits)).collect();
        texts.retain(|text| seen.insert(text.clone()));
        texts
    }

    /// Every text the entries match, where all of them are written out or filled in; `None` where a pattern is among them.
    pub(crate) fn written<'a>(&'a self, traits: &'a Traits) -> Option<Vec<Cow<'a, str>>> {
        let plain = |entry: &Entry| entry.fixed().is_none_or(Pattern::is_literal);
        let texts = || self.entries.iter().flat_map(|entry| entry.texts(traits)).collect();
        self.entries.iter().all(plain).then(texts)
    }

    /// Whether nothing is listed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether `*` is listed.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.entries.iter().any(|entry| entry.fixed().is_some_and(Pattern::is_any))
    }
}
