//! From syntax tree to our own small, typed expression.

use super::{
    ExprError,
    field::{Field, Scope, Shape},
    guard::{self, Places, Tree, ast, operators},
};
use crate::pattern::{Pattern, Replacement};
use ast::{CallExpr, Expr as Syntax, LiteralValue};

/// A node: what it is, not how it is written.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    // True or false.
    All(Vec<Node>),
    Any(Vec<Node>),
    Contains(Box<Node>, Box<Node>),
    ContainsAll(Box<Node>, Box<Node>),
    ContainsAny(Box<Node>, Box<Node>),
    Equal(Box<Node>, Box<Node>),
    IsEmpty(Box<Node>),
    Matches(Box<Node>, Pattern),
    Not(Box<Node>),
    Truth(bool),
    // Texts and lists of texts.
    EmailLocal(Box<Node>),
    LabelsMatching(Pattern),
    Lower(Box<Node>),
    Name(Field, Option<Box<str>>),
    Replace(Box<Node>, Replacement),
    Set(Vec<Node>),
    Text(Box<str>),
    Upper(Box<Node>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Type {
    List,
    Text,
    Truth,
}

impl Type {
    const fn words(self) -> &'static str {
        match self {
            Self::List => "a list",
            Self::Text => "a text",
            Self::Truth => "true or false",
        }
    }
}

type Typed = (Node, Type);

pub(crate) struct Lowering<'a> {
    pub(crate) scope: Scope,
    pub(crate) places: &'a Places,
}

/// Lowers a whole expression, which must be true or false.
pub(crate) fn condition(tree: &Tree, cx: &Lowering<'_>) -> Result<Node, ExprError> {
    cx.truth(tree)
}

impl Lowering<'_> {
    fn error<T>(&self, tree: &Tree, message: impl Into<String>) -> Result<T, ExprError> {
        Err(ExprError::Meaning { column: self.places.column(tree.id), message: message.into() })
    }

    fn node(&self, tree: &Tree) -> Result<Typed, ExprError> {
        match &tree.expr {
            Syntax::Literal(LiteralValue::Boolean(truth)) => {
                Ok((Node::Truth(*truth.inner()), Type::Truth))
            }
            Syntax::Literal(LiteralValue::String(text)) => {
                Ok((Node::Text(text.inner().into()), Type::Text))
            }
            Syntax::Literal(_) => self.error(tree, "only texts, true and false can be written"),
            Syntax::Ident(_) | Syntax::Select(_) => self.name(tree),
            Syntax::List(list) => self.set(&list.elements),
            Syntax::Call(call) if call.func_name == operators::INDEX => self.name(tree),
            Syntax::Call(call) => self.call(tree, call),
            Syntax::Comprehension(_) | Syntax::Map(_) | Syntax::Struct(_) | Syntax::Unspecified => {
                self.error(tree, "loops, maps and structures are not part of this language")
            }
        }
    }

    fn of(&self, tree: &Tree, wanted: Type) -> Result<Node, ExprError> {
        let (node, found) = self.node(tree)?;
        if found == wanted {
            return Ok(node);
        }
        self.error(tree, format!("{} is needed here, this is {}", wanted.words(), found.words()))
    }

    fn truth(&self, tree: &Tree) -> Result<Node, ExprError> {
        self.of(tree, Type::Truth)
    }

    /// A text, or a list of texts.
    fn texts(&self, tree: &Tree) -> Result<Typed, ExprError> {
        match self.node(tree)? {
            (_, Type::Truth) => {
                self.error(tree, "a text or a list is needed here, this is true or false")
            }
            typed => Ok(typed),
        }
    }

    fn set(&self, elements: &[Tree]) -> Result<Typed, ExprError> {
        let texts: Result<_, _> =
            elements.iter().map(|element| self.of(element, Type::Text)).collect();
        Ok((Node::Set(texts?), Type::List))
    }

    fn pattern(&self, tree: &Tree) -> Result<Pattern, ExprError> {
        Pattern::parse(self.written(tree, "the pattern")?)
            .or_else(|error| self.error(tree, error.to_string()))
    }

    /// A text that stands in the expression itself.
    fn written<'t>(&self, tree: &'t Tree, what: &str) -> Result<&'t str, ExprError> {
        guard::written(tree)
            .map_or_else(|| self.error(tree, format!("{what} must be written out as \"…\"")), Ok)
    }

    fn call(&self, tree: &Tree, call: &CallExpr) -> Result<Typed, ExprError> {
        let args = call.args.as_slice();
        if call.target.is_none()
            && let Some(node) = self.operator(&call.func_name, args)?
        {
            return Ok((node, Type::Truth));
        }
        let Some(target) = &call.target else { return self.function(tree, &call.func_name, args) };
        // `regexp.match(x, y)` is a function with a dot in its name; `list.contains(x)` a method.
        if let Syntax::Ident(space) = &target.expr {
            let name = format!("{space}.{}", call.func_name);
            if NAMES.contains(&name.as_str()) || Field::find(self.scope, space).is_none() {
                return self.function(tree, &name, args);
            }
        }
        if !METHODS.contains(&call.func_name.as_str()) {
            return self.unknown_function(tree, &call.func_name);
        }
        let mut all = vec![target.as_ref().clone()];
        all.extend_from_slice(args);
        self.function(tree, &call.func_name, &all)
    }

    fn operator(&self, name: &str, args: &[Tree]) -> Result<Option<Node>, ExprError> {
        let all =
            |args: &[Tree]| args.iter().map(|arg| self.truth(arg)).collect::<Result<Vec<_>, _>>();
        Ok(Some(match (name, args) {
            (operators::LOGICAL_AND, args) => Node::All(all(args)?),
            (operators::LOGICAL_OR, args) => Node::Any(all(args)?),
            (operators::LOGICAL_NOT, [one]) => Node::Not(Box::new(self.truth(one)?)),
            (operators::EQUALS, [one, other]) => self.equal(one, other)?,
            (operators::NOT_EQUALS, [one, other]) => Node::Not(Box::new(self.equal(one, other)?)),
            _ => return Ok(None),
        }))
    }

    fn equal(&self, one: &Tree, other: &Tree) -> Result<Node, ExprError> {
        let ((left, left_type), (right, right_type)) = (self.node(one)?, self.node(other)?);
        if left_type != right_type {
            let message = format!(
                "{} never equals {}; to look into a list write contains(list, text)",
                left_type.words(),
                right_type.words()
            );
            return self.error(other, message);
        }
        Ok(Node::Equal(Box::new(left), Box::new(right)))
    }

    fn function(&self, tree: &Tree, name: &str, args: &[Tree]) -> Result<Typed, ExprError> {
        let two_lists = |one, other| -> Result<_, ExprError> {
            Ok((Box::new(self.of(one, Type::List)?), Box::new(self.of(other, Type::List)?)))
        };
        match (name, args) {
            ("contains", [list, item]) => {
                let list = Box::new(self.of(list, Type::List)?);
                Ok((Node::Contains(list, Box::new(self.of(item, Type::Text)?)), Type::Truth))
            }
            ("contains_all", [list, items]) => {
                let (list, items) = two_lists(list, items)?;
                Ok((Node::ContainsAll(list, items), Type::Truth))
            }
            ("contains_any", [list, items]) => {
                let (list, items) = two_lists(list, items)?;
                Ok((Node::ContainsAny(list, items), Type::Truth))
            }
            ("equals", [one, other]) => Ok((self.equal(one, other)?, Type::Truth)),
            ("is_empty", [one]) => Ok((Node::IsEmpty(Box::new(self.texts(one)?.0)), Type::Truth)),
            ("regexp.match", [texts, pattern]) => {
                let texts = Box::new(self.texts(texts)?.0);
                Ok((Node::Matches(texts, self.pattern(pattern)?), Type::Truth))
            }
            ("set", elements) => self.set(elements),
            ("email.local", [one]) => self.mapped(one, Node::EmailLocal),
            ("strings.lower", [one]) => self.mapped(one, Node::Lower),
            ("strings.upper", [one]) => self.mapped(one, Node::Upper),
            ("regexp.replace", [one, expression, replacement]) => {
                let source = self.written(expression, "the expression")?;
                let with = self.written(replacement, "the replacement")?;
                let replacement = Replacement::parse(source, with)
                    .or_else(|error| self.error(expression, error.to_string()))?;
                self.mapped(one, |inner| Node::Replace(inner, replacement))
            }
            ("labels_matching", [pattern]) if self.scope == Scope::Labels => {
                Ok((Node::LabelsMatching(self.pattern(pattern)?), Type::List))
            }
            _ if NAMES.contains(&name) => {
                self.error(tree, format!("`{name}` does not take {} arguments here", args.len()))
            }
            _ => self.unknown_function(tree, name),
        }
    }

    fn mapped(&self, one: &Tree, make: impl FnOnce(Box<Node>) -> Node) -> Result<Typed, ExprError> {
        let (node, shape) = self.texts(one)?;
        Ok((make(Box::new(node)), shape))
    }

    fn unknown_function<T>(&self, tree: &Tree, name: &str) -> Result<T, ExprError> {
        let shown: String = name.trim_matches(['_', '@']).chars().take(64).collect();
        self.error(
            tree,
            format!("no function or operator `{shown}`; there are {}", NAMES.join(", ")),
        )
    }

    fn name(&self, tree: &Tree) -> Result<Typed, ExprError> {
        let mut path = String::new();
        match self.walk(tree, &mut path)? {
            (Found::Field(field, Shape::List), None) => Ok((Node::Name(field, None), Type::List)),
            (Found::Field(field, Shape::Text), None) => Ok((Node::Name(field, None), Type::Text)),
            (Found::Field(field, Shape::Lists), Some(key)) => {
                Ok((Node::Name(field, Some(key)), Type::List))
            }
            (Found::Field(field, Shape::Texts), Some(key)) => {
                Ok((Node::Name(field, Some(key)), Type::Text))
            }
            (Found::Field(_, Shape::Lists | Shape::Texts), None) => {
                self.error(tree, format!("`{path}` needs a key: `{path}[\"…\"]`"))
            }
            (Found::Field(_, Shape::List | Shape::Text), Some(_)) => {
                self.error(tree, format!("`{path}` has no keys"))
            }
            (Found::Way, _) => self.error(tree, format!("`{path}` is not a value by itself")),
        }
    }

    /// Follows `a.b.c["key"]` from the left: as far as a field, then at most one key.
    fn walk(&self, tree: &Tree, path: &mut String) -> Result<(Found, Option<Box<str>>), ExprError> {
        let (operand, step) = match &tree.expr {
            Syntax::Ident(name) => {
                path.push_str(name);
                return self.found(tree, path);
            }
            Syntax::Select(select) if !select.test => {
                (select.operand.as_ref(), select.field.as_str())
            }
            Syntax::Call(call) if call.func_name == operators::INDEX => {
                match call.args.as_slice() {
                    [operand, key] => (operand, self.written(key, "the key")?),
                    _ => return self.error(tree, "a key is written `[\"…\"]`"),
                }
            }
            Syntax::Call(_)
            | Syntax::Comprehension(_)
            | Syntax::List(_)
            | Syntax::Literal(_)
            | Syntax::Map(_)
            | Syntax::Select(_)
            | Syntax::Struct(_)
            | Syntax::Unspecified => return self.error(tree, "only names have fields"),
        };
        match self.walk(operand, path)? {
            (found @ Found::Field(..), None) => Ok((found, Some(step.into()))),
            (Found::Field(..), Some(_)) => {
                self.error(tree, format!("`{path}` has only one level of keys"))
            }
            (Found::Way, _) => {
                path.push('.');
                path.push_str(step);
                self.found(tree, path)
            }
        }
    }

    fn found(&self, tree: &Tree, path: &str) -> Result<(Found, Option<Box<str>>), ExprError> {
        if let Some((field, shape)) = Field::find(self.scope, path) {
            return Ok((Found::Field(field, shape), None));
        }
        if Field::leads_somewhere(self.scope, path) {
            return Ok((Found::Way, None));
        }
        let known: Vec<_> = Field::names(self.scope).collect();
        let shown: String = path.chars().take(64).collect();
        self.error(tree, format!("unknown name `{shown}`; there are {}", known.join(", ")))
    }
}

enum Found {
    /// A name with a value.
    Field(Field, Shape),
    /// The beginning of one.
    Way,
}

/// Every function (the law, §5), for error messages.
const NAMES: &[&str] = &[
    "contains",
    "contains_all",
    "contains_any",
    "email.local",
    "equals",
    "is_empty",
    "labels_matching",
    "regexp.match",
    "regexp.replace",
    "set",
    "strings.lower",
    "strings.upper",
];

/// Functions that may also be written behind their first argument: `list.contains("x")`.
const METHODS: &[&str] = &["contains", "contains_all", "contains_any", "is_empty"];
