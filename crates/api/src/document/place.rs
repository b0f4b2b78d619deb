//! Where in a text a key path stands.
//!
//! What a document means is judged on its values, which know their key paths and not their lines. The
//! text is then read once more, for its places alone, and each path is followed as far as it leads: a
//! field that is missing is told by the line of what it is missing from.

use crate::problem::FieldProblem;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A value of which only the places are kept.
enum Tree {
    /// Keys, where they stand, and what stands behind them.
    Map(Vec<(Spanned<String>, Tree)>),
    /// Items, and where they stand.
    List(Vec<Spanned<Tree>>),
    /// Anything else.
    Leaf,
}

/// Gives line and column to the problems of this text that have a key path and no line yet.
pub fn place(text: &str, problems: &mut [FieldProblem]) {
    let unplaced = |problem: &FieldProblem| problem.line.is_none();
    if !problems.iter().any(unplaced) {
        return;
    }
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    // A text that cannot be read has told its place already.
    let Ok(tree) = serde_saphyr::from_str_with_options::<Spanned<Tree>>(text, options) else {
        return;
    };
    for problem in problems.iter_mut().filter(|problem| unplaced(problem)) {
        let at = tree.value.find(&problem.path, tree.referenced);
        problem.line = Some(at.line());
        problem.column = Some(at.column());
    }
}

impl Tree {
    /// Where the path leads from here; `here` where it leads nowhere.
    fn find(&self, path: &str, here: Location) -> Location {
        match self {
            Self::Map(entries) => {
                let rest = path.strip_prefix('.').unwrap_or(path);
                // Keys may hold dots and brackets themselves, so the longest that fits is meant.
                let behind = |key: &str| rest.strip_prefix(key).filter(|rest| ends_key(rest));
                let fitting =
                    entries.iter().filter_map(|(key, tree)| Some((key, tree, behind(&key.value)?)));
                match fitting.max_by_key(|(key, ..)| key.value.len()) {
                    Some((key, tree, rest)) => tree.find(rest, key.referenced),
                    None => here,
                }
            }
            Self::List(items) => {
                match item(path).and_then(|(at, rest)| Some((items.get(at)?, rest))) {
                    Some((item, rest)) => item.value.find(rest, item.referenced),
                    None => here,
                }
            }
            Self::Leaf => here,
        }
    }
}

/// Whether a key of a path ends before this.
fn ends_key(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

/// `[3]…`: the number, and what follows.
fn item(path: &str) -> Option<(usize, &str)> {
    let (number, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((number.parse().ok()?, rest))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Places)
    }
}

struct Places;

impl<'de> Visitor<'de> for Places {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Tree, D::Error> {
        IgnoredAny::deserialize(inner).map(|_| Tree::Leaf)
    }
}
