//! A configuration file as written: a tree of scalars that remember their lines.
//!
//! serde stops at the first key it does not know; an operator wants every problem at once. So the file
//! is read twice: here as a tree in which nothing is wrong yet, and in [`super`] as meant, where each
//! problem is collected with its key path and line.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;
use std::str::FromStr;

/// One problem of a configuration file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The key path, such as `limits.connections`; empty for the file as a whole.
    pub path: String,
    /// The line it stands on, counted from 1; 0 where it comes from a flag or the environment.
    pub line: u64,
    /// What is wrong and what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.path.as_str()) {
            (0, "") => write!(f, "{}", self.what),
            (0, path) => write!(f, "{path}: {}", self.what),
            (line, "") => write!(f, "line {line}: {}", self.what),
            (line, path) => write!(f, "line {line}: {path}: {}", self.what),
        }
    }
}

/// A node of the file.
#[derive(Debug)]
pub(super) enum Node {
    Empty,
    Scalar(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

/// Reads one map of the tree: each key is taken once, what is left over is unknown.
#[derive(Debug)]
pub(super) struct Reader {
    path: String,
    line: u64,
    entries: Vec<(Spanned<String>, Spanned<Node>)>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Parses a whole file.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let root: Spanned<Node> = serde_saphyr::from_str(text).map_err(|error| Problem {
            path: String::new(),
            line: error.location().map_or(0, |location| location.line()),
            what: first_line(&error.to_string()),
        })?;
        let line = root.referenced.line();
        let mut reader = Self {
            path: String::new(),
            line,
            entries: Vec::new(),
            known: Vec::new(),
            problems: Vec::new(),
        };
        match root.value {
            Node::Empty => {}
            Node::Map(entries) => reader.entries = entries,
            Node::Scalar(_) | Node::List(_) => {
                reader.problem_here("the file must be a map of keys")
            }
        }
        Ok(reader)
    }

    /// The map under `key`, empty if it is absent.
    pub(super) fn map(&mut self, key: &'static str) -> Self {
        let path = self.path_of(key);
        let mut inner = Self {
            path,
            line: self.line,
            entries: Vec::new(),
            known: Vec::new(),
            problems: Vec::new(),
        };
        if let Some(node) = self.take(key) {
            inner.line = node.referenced.line();
            match node.value {
                Node::Empty => {}
                Node::Map(entries) => inner.entries = entries,
                Node::Scalar(_) | Node::List(_) => inner.problem_here("must be a map of keys"),
            }
        }
        inner
    }

    /// The value under `key` in its type, or `None` if it is absent or wrong (which is then a problem).
    pub(super) fn value<T>(&mut self, key: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let node = self.take(key)?;
        let line = node.referenced.line();
        let path = self.path_of(key);
        self.typed(node.value, path, line)
    }

    /// The list under `key`, one typed value each.
    pub(super) fn list<T>(&mut self, key: &'static str) -> Option<Vec<T>>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let node = self.take(key)?;
        let (line, path) = (node.referenced.line(), self.path_of(key));
        match node.value {
            Node::Empty => Some(Vec::new()),
            Node::List(items) => {
                let mut values = Vec::new();
                for (index, item) in items.into_iter().enumerate() {
                    let line = item.referenced.line();
                    values.extend(self.typed(item.value, format!("{path}[{index}]"), line));
                }
                Some(values)
            }
            Node::Scalar(_) | Node::Map(_) => {
                self.problems.push(Problem { path, line, what: "must be a list".to_owned() });
                None
            }
        }
    }

    /// Ends this map: unknown keys become problems, all of which are returned.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let known = self.known.join(", ");
        for (key, _) in std::mem::take(&mut self.entries) {
            let path = self.path_of(&key.value);
            let what = format!("unknown key; known here: {known}");
            self.problems.push(Problem { path, line: key.referenced.line(), what });
        }
        self.problems
    }

    fn typed<T>(&mut self, node: Node, path: String, line: u64) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let what = match node {
            Node::Empty => return None,
            Node::Scalar(text) => match text.parse() {
                Ok(value) => return Some(value),
                Err(error) => format!("`{text}`: {error}"),
            },
            Node::List(_) | Node::Map(_) => "must be a single value".to_owned(),
        };
        self.problems.push(Problem { path, line, what });
        None
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<Node>> {
        self.known.push(key);
        let index = self.entries.iter().position(|(name, _)| name.value == key)?;
        Some(self.entries.remove(index).1)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn problem_here(&mut self, what: &str) {
        self.problems.push(Problem {
            path: self.path.clone(),
            line: self.line,
            what: what.to_owned(),
        });
    }
}

/// The parser's message without its picture of the source.
fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("not YAML").to_owned()
}
