//! COPY between tables and the standard streams.
//!
//! The rows of `COPY t FROM STDIN` follow the statement in a script, up to a line `\\.`; behind
//! `-c` they come from standard input. `COPY ... TO STDOUT` prints PostgreSQL's text format, or
//! what FORMAT says.
//! Invariant: text and CSV that were printed can be read back by COPY.

use std::io::{Read, Write};

use arena_tr::{Rows, Value};

use crate::Stop;
use crate::args::Format;
use crate::render::{self, Style};

/// The lines of a script behind a statement that ends at `end`, and where the script goes on.
pub(crate) fn inline(text: &str, end: usize) -> (&str, usize) {
    let Some(line) = text[end..].find('\n') else { return ("", text.len()) };
    let start = end + line + 1;
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        if line.trim_end_matches(['\r', '\n']) == "\\." {
            return (&text[start..at], at + line.len());
        }
        at += line.len();
    }
    (&text[start..], text.len())
}

/// The rest of standard input.
pub(crate) fn rest_of_input() -> Result<String, Stop> {
    let mut text = String::new();
    match std::io::stdin().read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => {
            eprintln!("error: cannot read stdin: {error}");
            Err(Stop::Io)
        }
    }
}

/// How the rows of COPY ... TO STDOUT are written.
struct Shape {
    csv: bool,
    delimiter: String,
    null: String,
    header: bool,
}

/// Prints the rows of COPY ... TO STDOUT.
pub(crate) fn print(
    out: &mut impl Write,
    rows: &Rows,
    options: &[(String, String)],
) -> Result<(), Stop> {
    let option = |key: &str| options.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let csv = match option("format").map(str::to_lowercase).as_deref() {
        None | Some("text") => false,
        Some("csv") => true,
        Some("json" | "ndjson" | "jsonl") => {
            let style = Style { format: Format::Ndjson, header: false, null: None };
            return Ok(render::rows(out, rows, &style)?);
        }
        Some(other) => return Err(refused(&format!("FORMAT {other}"))),
    };
    const KNOWN: &[&str] = &["format", "delimiter", "null", "header"];
    if let Some((other, _)) = options.iter().find(|(key, _)| !KNOWN.contains(&key.as_str())) {
        return Err(refused(&other.to_uppercase()));
    }
    let shape = Shape {
        csv,
        delimiter: option("delimiter").unwrap_or(if csv { "," } else { "\t" }).to_owned(),
        null: option("null").unwrap_or(if csv { "" } else { "\\N" }).to_owned(),
        header: option("header") == Some("true"),
    };
    Ok(shape.write(out, rows)?)
}

fn refused(what: &str) -> Stop {
    eprintln!("error: COPY TO STDOUT with {what} is not supported yet");
    Stop::Failed(arena_tr::ErrorKind::Unsupported)
}

impl Shape {
    fn write(&self, out: &mut impl Write, rows: &Rows) -> std::io::Result<()> {
        if self.header {
            let names = rows.schema().fields.iter().map(|f| self.field(&f.name));
            writeln!(out, "{}", names.collect::<Vec<_>>().join(&self.delimiter))?;
        }
        for row in rows.to_vec() {
            let fields: Vec<String> = row
                .iter()
                .map(|value| match value {
                    Value::Null => self.null.clone(),
                    value => self.field(&value.to_string()),
                })
                .collect();
            writeln!(out, "{}", fields.join(&self.delimiter))?;
        }
        Ok(())
    }

    /// A value that is not NULL.
    fn field(&self, text: &str) -> String {
        if self.csv {
            let special = text.contains(['"', '\n', '\r']) || text.contains(&self.delimiter);
            // What would read as NULL, or as the end of the data, is quoted.
            return match special || text == self.null || text == "\\." {
                true => format!("\"{}\"", text.replace('"', "\"\"")),
                false => text.to_owned(),
            };
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{b}' => out.push_str("\\v"),
                '\u{c}' => out.push_str("\\f"),
                c if self.delimiter.contains(c) => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        out
    }
}
