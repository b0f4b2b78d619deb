//! Statements that take a parser, and what each kind of statement that it knows does.

use sqlparser::ast::{Query, SetExpr, Statement};
use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;

use super::lex::Token;
use super::scan::is;
use super::words::holds;
use super::{Class, Classes, Dialect, render};

/// How deep the parser goes into itself.
const MAX_RECURSION: usize = 40;
/// How deep a query is looked into.
const MAX_QUERIES: u32 = 64;

/// The classes of a statement; unknown where the parser does not understand it.
pub(super) fn classes(dialect: Dialect, tokens: &[Token<'_>]) -> Classes {
    let Some(text) = render::render(&known(tokens)) else { return Classes::of(Class::Unknown) };
    let dialect: &dyn sqlparser::dialect::Dialect = match dialect {
        Dialect::MySql => &MySqlDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
    };
    let parser = Parser::new(dialect).with_recursion_limit(MAX_RECURSION);
    let parsed = parser.try_with_sql(&text).and_then(|mut parser| parser.parse_statements());
    match parsed.as_deref() {
        Ok([only]) => {
            let classes = statement(only);
            let reads = tokens.iter().any(|token| is(Some(token), "SELECT"));
            if reads { classes.with(Class::Read) } else { classes }
        }
        Ok(_) | Err(_) => Classes::of(Class::Unknown),
    }
}

/// The tokens without what the parser does not know and the scan does: other ways to lock rows.
fn known<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let tail: Option<&[Token<'_>; 4]> = tokens.last_chunk();
    let old = tail.is_some_and(|tail| holds(tail, &["LOCK", "IN", "SHARE", "MODE"]));
    let length = if old { tokens.len().saturating_sub(4) } else { tokens.len() };
    let mut kept: Vec<Token<'_>> = Vec::with_capacity(length);
    let mut rest = tokens.get(..length).unwrap_or(tokens);
    while let Some((first, behind)) = rest.split_first() {
        kept.push(*first);
        rest = behind;
        let next = |words: &[&str]| {
            rest.get(..words.len()).is_some_and(|next| is(Some(first), "FOR") && holds(next, words))
        };
        // What is left, `FOR UPDATE` or `FOR SHARE`, is for the parser to see.
        let gone = if next(&["NO", "KEY", "UPDATE"]) {
            2
        } else if next(&["KEY", "SHARE"]) {
            1
        } else {
            0
        };
        rest = rest.get(gone..).unwrap_or_default();
    }
    kept
}

/// What a kind of statement does. Kinds of other databases are unknown, and so is what first words decide: it does not
/// come here.
#[expect(
    clippy::too_many_lines,
    reason = "a line for each kind, so that a new one is thought about"
)]
fn statement(statement: &Statement) -> Classes {
    match statement {
        Statement::Query(inner) => query(inner, 0),
        Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Merge(_) => Classes::of(Class::Write),
        Statement::Declare { .. } => Classes::of(Class::Session),
        Statement::ExplainTable { .. } => Classes::of(Class::Read),
        Statement::AlterCollation(_)
        | Statement::AlterConnector { .. }
        | Statement::AlterFunction(_)
        | Statement::AlterIndex { .. }
        | Statement::AlterOperator(_)
        | Statement::AlterOperatorClass(_)
        | Statement::AlterOperatorFamily(_)
        | Statement::AlterPolicy(_)
        | Statement::AlterRole { .. }
        | Statement::AlterSchema(_)
        | Statement::AlterSession { .. }
        | Statement::AlterTable(_)
        | Statement::AlterTextSearch(_)
        | Statement::AlterType(_)
        | Statement::AlterUser(_)
        | Statement::AlterView { .. }
        | Statement::Analyze(_)
        | Statement::Assert { .. }
        | Statement::AttachDatabase { .. }
        | Statement::AttachDuckDBDatabase { .. }
        | Statement::Cache { .. }
        | Statement::Call(_)
        | Statement::Case(_)
        | Statement::Close { .. }
        | Statement::Comment { .. }
        | Statement::Commit { .. }
        | Statement::Copy { .. }
        | Statement::CopyIntoSnowflake { .. }
        | Statement::CreateCollation(_)
        | Statement::CreateConnector(_)
        | Statement::CreateDatabase { .. }
        | Statement::CreateDomain(_)
        | Statement::CreateExtension(_)
        | Statement::CreateFileFormat { .. }
        | Statement::CreateFunction(_)
        | Statement::CreateIndex(_)
        | Statement::CreateMacro { .. }
        | Statement::CreateOperator(_)
        | Statement::CreateOperatorClass(_)
        | Statement::CreateOperatorFamily(_)
        | Statement::CreatePolicy(_)
        | Statement::CreateProcedure { .. }
        | Statement::CreateRole(_)
        | Statement::CreateSchema { .. }
        | Statement::CreateSecret { .. }
        | Statement::CreateSequence { .. }
        | Statement::CreateServer(_)
        | Statement::CreateStage { .. }
        | Statement::CreateTable(_)
        | Statement::CreateTextSearch(_)
        | Statement::CreateTrigger(_)
        | Statement::CreateType { .. }
        | Statement::CreateUser(_)
        | Statement::CreateView(_)
        | Statement::CreateVirtualTable { .. }
        | Statement::CreateWarehouse(_)
        | Statement::Deallocate { .. }
        | Statement::Deny(_)
        | Statement::DetachDuckDBDatabase { .. }
        | Statement::Directory { .. }
        | Statement::Discard { .. }
        | Statement::Drop { .. }
        | Statement::DropConnector { .. }
        | Statement::DropDomain(_)
        | Statement::DropExtension(_)
        | Statement::DropFunction(_)
        | Statement::DropOperator(_)
        | Statement::DropOperatorClass(_)
        | Statement::DropOperatorFamily(_)
        | Statement::DropPolicy(_)
        | Statement::DropProcedure { .. }
        | Statement::DropSecret { .. }
        | Statement::DropTrigger(_)
        | Statement::Execute { .. }
        | Statement::Explain { .. }
        | Statement::ExportData(_)
        | Statement::Fetch { .. }
        | Statement::Flush { .. }
        | Statement::Grant(_)
        | Statement::If(_)
        | Statement::Install { .. }
        | Statement::Kill { .. }
        | Statement::LISTEN { .. }
        | Statement::List(_)
        | Statement::Load { .. }
        | Statement::LoadData { .. }
        | Statement::Lock(_)
        | Statement::LockTables { .. }
        | Statement::Msck(_)
        | Statement::NOTIFY { .. }
        | Statement::Open(_)
        | Statement::OptimizeTable { .. }
        | Statement::Pragma { .. }
        | Statement::Prepare { .. }
        | Statement::Print(_)
        | Statement::Put { .. }
        | Statement::RaisError { .. }
        | Statement::Raise(_)
        | Statement::ReleaseSavepoint { .. }
        | Statement::Remove(_)
        | Statement::RenameTable(_)
        | Statement::Reset(_)
        | Statement::Return(_)
        | Statement::Revoke(_)
        | Statement::Rollback { .. }
        | Statement::Savepoint { .. }
        | Statement::Set(_)
        | Statement::ShowCatalogs { .. }
        | Statement::ShowCharset(_)
        | Statement::ShowCollation { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowCreate { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowFunctions { .. }
        | Statement::ShowObjects(_)
        | Statement::ShowProcessList { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowStatus { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowVariable { .. }
        | Statement::ShowVariables { .. }
        | Statement::ShowViews { .. }
        | Statement::StartTransaction { .. }
        | Statement::Throw(_)
        | Statement::Truncate(_)
        | Statement::UNCache { .. }
        | Statement::UNLISTEN { .. }
        | Statement::Unload { .. }
        | Statement::UnlockTables
        | Statement::Use(_)
        | Statement::Vacuum(_)
        | Statement::WaitFor(_)
        | Statement::While(_) => Classes::of(Class::Unknown),
    }
}

fn query(query: &Query, depth: u32) -> Classes {
    if depth > MAX_QUERIES || query.for_clause.is_some() || query.settings.is_some() {
        return Classes::of(Class::Unknown);
    }
    let mut classes = body(&query.body, depth);
    if let Some(with) = &query.with {
        for table in &with.cte_tables {
            classes = classes.union(self::query(&table.query, depth.saturating_add(1)));
        }
    }
    if !query.locks.is_empty() {
        classes = classes.with(Class::Write);
    }
    classes
}

fn body(set: &SetExpr, depth: u32) -> Classes {
    if depth > MAX_QUERIES {
        return Classes::of(Class::Unknown);
    }
    let deeper = depth.saturating_add(1);
    match set {
        SetExpr::Select(select) => {
            let read = Classes::of(Class::Read);
            // A table is made of what is selected.
            if select.into.is_some() { read.with(Class::Ddl).with(Class::Write) } else { read }
        }
        SetExpr::Query(inner) => query(inner, deeper),
        SetExpr::SetOperation { left, right, .. } => body(left, deeper).union(body(right, deeper)),
        SetExpr::Table(_) | SetExpr::Values(_) => Classes::of(Class::Read),
        SetExpr::Insert(inner)
        | SetExpr::Update(inner)
        | SetExpr::Delete(inner)
        | SetExpr::Merge(inner) => statement(inner).with(Class::Write),
    }
}
