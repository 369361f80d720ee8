//! The tree as SQL again: `parse(display(t))` is `t`, spans aside.
//!
//! Used to show statements, and to keep definitions as text. Operators get parentheses only where
//! PostgreSQL's precedences need them.
//! Invariant: a tree that the parser made and that names nothing unsupported reads back the same.

mod change;
mod durable;
mod expr;
mod query;
mod statement;
mod table;
mod transaction;

use std::fmt::{self, Display, Formatter};

use super::{Ident, ObjectName, TypeName};

/// Writes items with a separator between them.
fn separated<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// Writes items with commas between them.
fn commas<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    separated(f, items, ", ")
}

/// A string literal.
fn string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\'', "''"))
}

impl Display for Ident {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.quoted {
            write!(f, "\"{}\"", self.name.replace('"', "\"\""))
        } else {
            f.write_str(&self.name)
        }
    }
}

impl Display for ObjectName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        separated(f, &self.parts, ".")
    }
}

impl Display for TypeName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The arguments of a time type stand before its zone.
        let (head, tail) = match self.name.split_once(" with time zone") {
            Some((head, "")) => (head, " with time zone"),
            _ => (self.name.as_str(), ""),
        };
        f.write_str(head)?;
        if head == "map"
            && let [(_, key), (_, value)] = self.fields.as_slice()
        {
            write!(f, "<{key}, {value}>")?;
        } else if !self.fields.is_empty() {
            f.write_str("(")?;
            for (i, (name, data_type)) in self.fields.iter().enumerate() {
                write!(f, "{}{name} {data_type}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(")")?;
        }
        if !self.args.is_empty() {
            f.write_str("(")?;
            commas(f, &self.args)?;
            f.write_str(")")?;
        }
        f.write_str(tail)?;
        (0..self.array_dims).try_for_each(|_| f.write_str("[]"))
    }
}
