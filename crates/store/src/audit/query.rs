//! Asking the log.

use api::audit::{AuditEvent, AuditOrder, AuditPage, AuditQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::{AuditError, PAGE_EVENTS, PAGE_EVENTS_MOST, TEXT_SCANNED, tree};
use crate::sqlite::micros;

/// A condition in SQL and its values, built from constants and `?` only: nothing of a query becomes SQL.
#[derive(Default)]
struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    fn equals(&mut self, sql: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.and(sql, [Value::Text(text.clone())]);
        }
    }
}

fn conditions(query: &AuditQuery) -> Where {
    let mut all = Where::default();
    if let Some(since) = query.since {
        all.and("time >= ?", [Value::Integer(micros(since))]);
    }
    if let Some(until) = query.until {
        all.and("time < ?", [Value::Integer(micros(until))]);
    }
    all.equals("user = ?", query.user.as_ref());
    all.equals("login = ?", query.login.as_ref());
    all.equals("session = ?", query.session.as_ref());
    all.equals("target = ?", query.target.as_ref());
    all.equals("seq IN (SELECT seq FROM mention WHERE request = ?)", query.request.as_ref());
    if !query.codes.is_empty() {
        let mut any = Vec::new();
        let mut values = Vec::new();
        for code in &query.codes {
            if let Some(subject) = code.strip_suffix('*') {
                any.push("(code >= ? AND code < ?)");
                values.push(Value::Text(subject.to_owned()));
                values.push(Value::Text(format!("{subject}\u{10ffff}")));
            } else {
                any.push("code = ?");
                values.push(Value::Text(code.clone()));
            }
        }
        all.and(&format!("({})", any.join(" OR ")), values);
    }
    if let Some(text) = &query.text {
        all.and("leaf LIKE ? ESCAPE '\\'", [Value::Text(like(text))]);
    }
    if let Some(cursor) = query.cursor {
        let beyond = match query.order {
            AuditOrder::Newest => "seq < ?",
            AuditOrder::Oldest => "seq > ?",
        };
        all.and(beyond, [Value::Integer(i64::try_from(cursor).unwrap_or(i64::MAX))]);
    }
    all
}

/// The text as it stands inside JSON, as a pattern of `LIKE`.
fn like(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inside =
        quoted.strip_prefix('"').and_then(|inside| inside.strip_suffix('"')).unwrap_or(text);
    let mut pattern = String::from("%");
    for c in inside.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

pub(super) fn page(connection: &Connection, query: &AuditQuery) -> Result<AuditPage, AuditError> {
    let limit =
        query.limit.map_or(PAGE_EVENTS, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let limit = limit.clamp(1, PAGE_EVENTS_MOST);
    let mut conditions = conditions(query);
    // No index finds text: what one page reads is bounded instead.
    let window = if query.text.is_some() { window(query, tree::size(connection)?) } else { None };
    if let Some(edge) = window {
        let within = match query.order {
            AuditOrder::Newest => "seq >= ?",
            AuditOrder::Oldest => "seq <= ?",
        };
        conditions.and(within, [Value::Integer(edge.cast_signed())]);
    }
    let order = match query.order {
        AuditOrder::Newest => "DESC",
        AuditOrder::Oldest => "ASC",
    };
    // One more than asked for tells whether there is another page.
    let sql = format!(
        "SELECT leaf FROM event{} ORDER BY seq {order} LIMIT {}",
        conditions.sql,
        limit + 1
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values))?;
    let mut page = AuditPage { events: Vec::new(), next: window };
    while let Some(row) = rows.next()? {
        if page.events.len() == limit {
            page.next = page.events.last().map(|event| event.seq);
            break;
        }
        page.events.push(read(&row.get::<_, String>(0)?)?);
    }
    Ok(page)
}

/// The last event that is looked at for a page, if there are more beyond it.
fn window(query: &AuditQuery, size: u64) -> Option<u64> {
    match query.order {
        AuditOrder::Newest => {
            let start = query.cursor.map_or(size, |cursor| cursor.min(size));
            start.checked_sub(TEXT_SCANNED).filter(|edge| *edge > 0)
        }
        AuditOrder::Oldest => {
            let edge = query
                .cursor
                .map_or(0, |cursor| cursor.saturating_add(1))
                .saturating_add(TEXT_SCANNED - 1);
            Some(edge).filter(|edge| edge.saturating_add(1) < size)
        }
    }
}

pub(super) fn event(connection: &Connection, seq: u64) -> Result<Option<AuditEvent>, AuditError> {
    let leaf: Option<String> = connection
        .prepare_cached("SELECT leaf FROM event WHERE seq = ?1")?
        .query_row([seq.cast_signed()], |row| row.get(0))
        .optional()?;
    leaf.map(|leaf| read(&leaf)).transpose()
}

fn read(leaf: &str) -> Result<AuditEvent, AuditError> {
    serde_json::from_str(leaf)
        .map_err(|error| AuditError::Damaged(format!("an event cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(order: AuditOrder, cursor: Option<u64>) -> AuditQuery {
        AuditQuery { order, cursor, ..AuditQuery::default() }
    }

    #[test]
    fn windows_follow_each_other_until_the_end_of_the_log() {
        let size = TEXT_SCANNED * 2 + 10;
        let newest = |cursor| window(&query(AuditOrder::Newest, cursor), size);
        assert_eq!(newest(None), Some(TEXT_SCANNED + 10));
        assert_eq!(newest(newest(None)), Some(10));
        assert_eq!(newest(Some(10)), None);
        assert_eq!(newest(Some(u64::MAX)), newest(None));
        let oldest = |cursor| window(&query(AuditOrder::Oldest, cursor), size);
        assert_eq!(oldest(None), Some(TEXT_SCANNED - 1));
        assert_eq!(oldest(oldest(None)), Some(2 * TEXT_SCANNED - 1));
        assert_eq!(oldest(Some(2 * TEXT_SCANNED - 1)), None);
        assert_eq!(oldest(Some(u64::MAX)), None);
        assert_eq!(window(&query(AuditOrder::Newest, None), 0), None);
    }
}
