//! Results as text: aligned tables, CSV, JSON, NDJSON, Markdown.
//!
//! Invariant: every format prints every row exactly once, and CSV and JSON can be read back.

use std::io::{self, Write};

use arena_tr::{DataType, Rows, Schema, Value};
use unicode_width::UnicodeWidthStr;

use crate::args::Format;

/// How to print.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) header: bool,
    /// Text for NULL; `None`: the format's own.
    pub(crate) null: Option<String>,
}

/// Prints a result.
pub(crate) fn rows(out: &mut impl Write, rows: &Rows, style: &Style) -> io::Result<()> {
    let cells = rows.to_vec();
    match style.format {
        Format::Table => table(out, rows.schema(), &cells, style),
        Format::Csv => csv(out, rows.schema(), &cells, style),
        Format::Json => json(out, rows.schema(), &cells),
        Format::Ndjson => ndjson(out, rows.schema(), &cells),
        Format::Markdown => markdown(out, rows.schema(), &cells, style),
    }
}

fn is_right(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// A value as a line of a table: no control characters.
fn line(value: &Value, null: &str) -> String {
    if value.is_null() {
        return null.to_owned();
    }
    let text = value.to_string();
    if text.contains(|c: char| c.is_control()) {
        text.chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
            .collect()
    } else {
        text
    }
}

fn table(
    out: &mut impl Write,
    schema: &Schema,
    rows: &[Vec<Value>],
    style: &Style,
) -> io::Result<()> {
    let null = style.null.as_deref().unwrap_or("NULL");
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|v| line(v, null)).collect()).collect();
    let mut widths: Vec<usize> =
        schema.fields.iter().map(|f| if style.header { f.name.width() } else { 0 }).collect();
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    if style.header {
        let names: Vec<String> = schema.fields.iter().map(|f| f.name.to_string()).collect();
        let centred: Vec<String> = names.iter().zip(&widths).map(|(n, w)| centre(n, *w)).collect();
        writeln!(out, " {}", centred.join(" | ").trim_end())?;
        let rule: Vec<String> = widths.iter().map(|w| "-".repeat(w + 2)).collect();
        writeln!(out, "{}", rule.join("+"))?;
    }
    for row in &cells {
        let mut text = String::new();
        for (i, cell) in row.iter().enumerate() {
            text.push_str(if i == 0 { " " } else { " | " });
            let pad = " ".repeat(widths[i].saturating_sub(cell.width()));
            if is_right(&schema.fields[i].data_type) {
                text.push_str(&pad);
                text.push_str(cell);
            } else {
                text.push_str(cell);
                text.push_str(&pad);
            }
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    if style.header {
        let s = if rows.len() == 1 { "" } else { "s" };
        writeln!(out, "({} row{s})", rows.len())?;
    }
    Ok(())
}

fn centre(text: &str, width: usize) -> String {
    let free = width.saturating_sub(text.width());
    let left = free / 2;
    format!("{}{text}{}", " ".repeat(left), " ".repeat(free - left))
}

fn csv(
    out: &mut impl Write,
    schema: &Schema,
    rows: &[Vec<Value>],
    style: &Style,
) -> io::Result<()> {
    if style.header {
        let names: Vec<String> = schema.fields.iter().map(|f| csv_field(&f.name)).collect();
        write!(out, "{}\r\n", names.join(","))?;
    }
    for row in rows {
        let fields: Vec<String> = row
            .iter()
            .map(|value| match value {
                Value::Null => style.null.clone().unwrap_or_default(),
                // An empty string is quoted, so that it differs from NULL.
                Value::Text(text) if text.is_empty() => "\"\"".to_owned(),
                value => csv_field(&value.to_string()),
            })
            .collect();
        write!(out, "{}\r\n", fields.join(","))?;
    }
    Ok(())
}

/// RFC 4180: quoted when it holds a comma, a quote or a line break.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn json(out: &mut impl Write, schema: &Schema, rows: &[Vec<Value>]) -> io::Result<()> {
    write!(out, "[")?;
    for (i, row) in rows.iter().enumerate() {
        write!(out, "{}{}", if i == 0 { "\n  " } else { ",\n  " }, object(schema, row))?;
    }
    writeln!(out, "{}", if rows.is_empty() { "]" } else { "\n]" })
}

fn ndjson(out: &mut impl Write, schema: &Schema, rows: &[Vec<Value>]) -> io::Result<()> {
    for row in rows {
        writeln!(out, "{}", object(schema, row))?;
    }
    Ok(())
}

fn object(schema: &Schema, row: &[Value]) -> String {
    let members: Vec<String> = schema
        .fields
        .iter()
        .zip(row)
        .map(|(f, v)| {
            format!(
                "{}:{}",
                arena_tr::json::quote(&f.name),
                arena_tr::json::of_value(v, &f.data_type)
            )
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

fn markdown(
    out: &mut impl Write,
    schema: &Schema,
    rows: &[Vec<Value>],
    style: &Style,
) -> io::Result<()> {
    let null = style.null.as_deref().unwrap_or("NULL");
    let escape = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|");
    if style.header {
        let names: Vec<String> = schema.fields.iter().map(|f| escape(&f.name)).collect();
        writeln!(out, "| {} |", names.join(" | "))?;
        let rules: Vec<&str> = schema
            .fields
            .iter()
            .map(|f| if is_right(&f.data_type) { "---:" } else { "---" })
            .collect();
        writeln!(out, "| {} |", rules.join(" | "))?;
    }
    for row in rows {
        let cells: Vec<String> = row.iter().map(|v| escape(&line(v, null))).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}
