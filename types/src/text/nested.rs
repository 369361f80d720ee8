//! Reading and printing of arrays (`{1,2,NULL}`) and rows (`(1,"a b",)`).
//!
//! Invariant: nesting is bounded by [`limits::TREE_DEPTH`], because reading recurses.

use super::print::push_value;
use super::read::parse_value;
use crate::data_type::DataType;
use crate::error::{SqlError, SqlState};
use crate::limits;
use crate::schema::Field;
use crate::value::Value;

/// Appends an array.
pub(super) fn push_list(out: &mut String, items: &[Value]) {
    out.push('{');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        match item {
            Value::Null => out.push_str("NULL"),
            Value::List(inner) => push_list(out, inner),
            Value::Bool(v) => out.push(if *v { 't' } else { 'f' }),
            _ => push_quoted(out, item, false),
        }
    }
    out.push('}');
}

/// Appends a row.
pub(super) fn push_row(out: &mut String, items: &[Value]) {
    out.push('(');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        match item {
            Value::Null => {}
            Value::Bool(v) => out.push(if *v { 't' } else { 'f' }),
            _ => push_quoted(out, item, true),
        }
    }
    out.push(')');
}

fn list_needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case("null")
        || text.contains(|c: char| matches!(c, '{' | '}' | '"' | '\\' | ',' | ' ' | '\t'..='\r'))
}

fn row_needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.contains(|c: char| matches!(c, '(' | ')' | '"' | '\\' | ',' | ' ' | '\t'..='\r'))
}

/// Appends an item, in quotes if it needs them: a row doubles quotes and backslashes, an array
/// escapes them.
fn push_quoted(out: &mut String, item: &Value, in_row: bool) {
    let mut text = String::new();
    push_value(&mut text, item);
    let needs_quotes = if in_row { row_needs_quotes(&text) } else { list_needs_quotes(&text) };
    if !needs_quotes {
        return out.push_str(&text);
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' if in_row => out.push(c),
            '"' | '\\' => out.push('\\'),
            _ => {}
        }
        out.push(c);
    }
    out.push('"');
}

/// Reads an array.
pub(super) fn parse_list(text: &str, element: &DataType) -> Result<Value, SqlError> {
    let mut reader = Reader { whole: text, rest: super::trim(text), what: "array" };
    let value = reader.list(element, 0)?;
    if !super::trim(reader.rest).is_empty() {
        return Err(reader.malformed());
    }
    Ok(value)
}

/// Reads a row.
pub(super) fn parse_row(text: &str, fields: &[Field]) -> Result<Value, SqlError> {
    let mut reader = Reader { whole: text, rest: super::trim(text), what: "record" };
    let values = reader.row(fields)?;
    if !super::trim(reader.rest).is_empty() {
        return Err(reader.malformed());
    }
    Ok(values)
}

struct Reader<'a> {
    whole: &'a str,
    rest: &'a str,
    what: &'static str,
}

impl Reader<'_> {
    fn malformed(&self) -> SqlError {
        SqlError::new(
            SqlState::INVALID_TEXT,
            format!("malformed {} literal: \"{}\"", self.what, self.whole),
        )
    }

    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| matches!(c, ' ' | '\t'..='\r'));
    }

    fn list(&mut self, element: &DataType, depth: usize) -> Result<Value, SqlError> {
        if depth > limits::TREE_DEPTH || !self.eat('{') {
            return Err(self.malformed());
        }
        let mut items = Vec::new();
        self.skip_blanks();
        if self.eat('}') {
            return Ok(Value::List(items.into()));
        }
        loop {
            self.skip_blanks();
            let item = match element {
                DataType::List(inner) if self.rest.starts_with('{') => {
                    self.list(inner, depth + 1)?
                }
                _ => self.list_item(element)?,
            };
            items.push(item);
            self.skip_blanks();
            if self.eat('}') {
                return Ok(Value::List(items.into()));
            }
            if !self.eat(',') {
                return Err(self.malformed());
            }
        }
    }

    fn list_item(&mut self, element: &DataType) -> Result<Value, SqlError> {
        let mut text = String::new();
        if self.eat('"') {
            loop {
                let mut chars = self.rest.chars();
                let c = chars.next().ok_or_else(|| self.malformed())?;
                self.rest = chars.as_str();
                match c {
                    '"' => return parse_value(&text, element),
                    '\\' => text.push(self.escaped()?),
                    _ => text.push(c),
                }
            }
        }
        // Blanks at the end of a bare item do not count, escaped ones do.
        let mut kept = 0;
        while let Some(c) = self.rest.chars().next() {
            if matches!(c, ',' | '}') {
                break;
            }
            if matches!(c, '{' | '"') {
                return Err(self.malformed());
            }
            self.rest = &self.rest[c.len_utf8()..];
            if c == '\\' {
                text.push(self.escaped()?);
                kept = text.len();
                continue;
            }
            text.push(c);
            if !matches!(c, ' ' | '\t'..='\r') {
                kept = text.len();
            }
        }
        text.truncate(kept);
        if text.is_empty() {
            return Err(self.malformed());
        }
        if text.eq_ignore_ascii_case("null") {
            return Ok(Value::Null);
        }
        parse_value(&text, element)
    }

    fn escaped(&mut self) -> Result<char, SqlError> {
        let mut chars = self.rest.chars();
        let c = chars.next().ok_or_else(|| self.malformed())?;
        self.rest = chars.as_str();
        Ok(c)
    }

    fn row(&mut self, fields: &[Field]) -> Result<Value, SqlError> {
        if !self.eat('(') {
            return Err(self.malformed());
        }
        let mut items = Vec::with_capacity(fields.len());
        for (i, field) in fields.iter().enumerate() {
            if i > 0 && !self.eat(',') {
                return Err(self.malformed());
            }
            items.push(match self.row_item()? {
                Some(text) => parse_value(&text, &field.data_type)?,
                None => Value::Null,
            });
        }
        if !self.eat(')') {
            return Err(self.malformed());
        }
        Ok(Value::Struct(items.into()))
    }

    /// The text of one field; `None` if nothing stands there.
    fn row_item(&mut self) -> Result<Option<String>, SqlError> {
        let mut text = String::new();
        let mut quoted = false;
        let mut any = false;
        loop {
            let c = self.rest.chars().next().ok_or_else(|| self.malformed())?;
            if !quoted && matches!(c, ',' | ')') {
                return Ok(any.then_some(text));
            }
            any = true;
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '\\' => text.push(self.escaped()?),
                '"' if quoted && self.eat('"') => text.push('"'),
                '"' => quoted = !quoted,
                _ => text.push(c),
            }
        }
    }
}
