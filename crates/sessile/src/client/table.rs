//! Columns that line up.

use std::iter::repeat_n;

const GAP: usize = 2;
/// No column is squeezed below this, so that a narrow terminal still shows something.
const NARROWEST: usize = 12;

/// A table of text. A cell may hold several lines; the last column is not padded.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as lines. Where `width` is known, the column `squeezed` gives way so that lines fit into it.
    pub(crate) fn render(&self, width: Option<usize>, squeezed: usize) -> String {
        let mut widths = self.widths();
        if let Some(width) = width {
            let wanted = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
            let over = wanted.saturating_sub(width);
            if let Some(column) = widths.get_mut(squeezed) {
                *column = column.saturating_sub(over).max(NARROWEST.min(*column));
            }
        }
        let mut lines = Vec::new();
        let head: Vec<String> = self.head.iter().map(|&title| title.to_owned()).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            render_row(row, &widths, &mut lines);
        }
        lines.join("\n")
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.head.iter().map(|title| title.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                let widest = cell.lines().map(|line| line.chars().count()).max().unwrap_or(0);
                *width = (*width).max(widest);
            }
        }
        widths
    }
}

fn render_row(row: &[String], widths: &[usize], lines: &mut Vec<String>) {
    let height = row.iter().map(|cell| cell.lines().count()).max().unwrap_or(0).max(1);
    for index in 0..height {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
            if column > 0 {
                line.extend(repeat_n(' ', GAP));
            }
            let part = cut(cell.lines().nth(index).unwrap_or(""), width);
            let fill = width.saturating_sub(part.chars().count());
            line.push_str(&part);
            line.extend(repeat_n(' ', fill));
        }
        lines.push(line.trim_end().to_owned());
    }
}

/// `text` in at most `width` characters, with `…` at its end when it was longer.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let short: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests;
