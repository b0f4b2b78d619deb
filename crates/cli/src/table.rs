//! Tables in plain text: a header, dashes under it, columns as wide as their widest cell.

use std::io::{self, Write};

use crate::output::one_line;

/// One column: its title, the least width of its dashes, and the blanks after it.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    least: usize,
    gap: usize,
}

impl Column {
    /// A column as wide as its title, or its widest cell.
    #[must_use]
    pub const fn new(title: &'static str) -> Self {
        Self { title, least: 0, gap: 1 }
    }

    /// The least width, in characters.
    #[must_use]
    pub const fn at_least(mut self, width: usize) -> Self {
        self.least = width;
        self
    }

    /// The blanks between this column and the next.
    #[must_use]
    pub const fn gap(mut self, blanks: usize) -> Self {
        self.gap = blanks;
        self
    }
}

/// Rows under a header.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; line ends and control characters in cells are made visible.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.iter().map(|cell| one_line(cell)).collect());
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes the table; nothing stands behind the last cell of a line.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.columns.len()).map(|at| self.width(at)).collect();
        let titles: Vec<&str> = self.columns.iter().map(|column| column.title).collect();
        let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        self.line(out, &widths, titles.into_iter())?;
        self.line(out, &widths, dashes.iter().map(String::as_str))?;
        for row in &self.rows {
            self.line(out, &widths, row.iter().map(String::as_str))?;
        }
        Ok(())
    }

    fn width(&self, at: usize) -> usize {
        let column = self.columns.get(at);
        let title = column.map_or(0, |column| width(column.title).max(column.least));
        let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
        cells.max().unwrap_or(0).max(title)
    }

    fn line<'a>(
        &self,
        out: &mut dyn Write,
        widths: &[usize],
        cells: impl Iterator<Item = &'a str>,
    ) -> io::Result<()> {
        let mut line = String::new();
        for ((cell, wide), column) in cells.zip(widths).zip(&self.columns) {
            line.push_str(cell);
            let blanks = wide.saturating_sub(width(cell)) + column.gap;
            line.extend(std::iter::repeat_n(' ', blanks));
        }
        writeln!(out, "{}", line.trim_end())
    }
}

/// Columns of a terminal that `text` takes.
fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_grow_with_their_content_only() {
        let mut table = Table::new(&[Column::new("Name").at_least(6), Column::new("What")]);
        table.row(["a", "日本"]);
        table.row(["much longer", "x\ny"]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        expect_test::expect![[r"
            Name        What
            ----------- ----
            a           日本
            much longer x\ny
        "]]
        .assert_eq(std::str::from_utf8(&out).unwrap());
    }
}
