//! Printing and parsing of what programs are made of: one trait, both directions.
//!
//! Whatever a program holds implements [`Text`], so the printed form and the parsed form cannot
//! drift apart: a type's two functions stand next to each other, and structs derive both from one
//! list of fields.
//! Invariant: `T::parse(print(t)) == t` for every value of every type here.

use std::fmt::Write as _;
use std::sync::Arc;

use arena_tr_types::{DataType, Field, PhysicalType, RelationId, Schema, Value};

use super::asm::{AsmError, Parser};
use super::lexer::{Token, is_plain, quote};
use super::program::Constant;

/// What has a text form.
pub(super) trait Text: Sized {
    /// Appends the text form.
    fn print(&self, out: &mut String);
    /// Reads the text form.
    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError>;
}

/// A plain name, or any name in quotes.
pub(super) fn print_name(name: &str, out: &mut String) {
    if is_plain(name) { out.push_str(name) } else { quote(name, out) }
}

macro_rules! text_int {
    ($($t:ty),*) => {$(
        impl Text for $t {
            fn print(&self, out: &mut String) {
                let _ = write!(out, "{self}");
            }

            fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
                p.int()
            }
        }
    )*};
}
text_int!(usize, u64, i64, u32, u16, u8, i32, i16);

impl Text for bool {
    fn print(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        p.one_of("true or false", &[("true", true), ("false", false)])
    }
}

impl Text for String {
    fn print(&self, out: &mut String) {
        print_name(self, out);
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        p.name()
    }
}

impl<T: Text> Text for Option<T> {
    fn print(&self, out: &mut String) {
        match self {
            Some(inner) => inner.print(out),
            None => out.push_str("none"),
        }
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        if p.accept_word("none") { Ok(None) } else { T::parse(p).map(Some) }
    }
}

impl<T: Text> Text for Vec<T> {
    fn print(&self, out: &mut String) {
        out.push('[');
        for (i, item) in self.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            item.print(out);
        }
        out.push(']');
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        p.list(&Token::OpenList, &Token::CloseList, T::parse)
    }
}

impl Text for RelationId {
    fn print(&self, out: &mut String) {
        let _ = write!(out, "{}", self.0);
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        p.int().map(Self)
    }
}

const PHYSICAL: &[(&str, PhysicalType)] = &[
    ("bool", PhysicalType::Bool),
    ("i16", PhysicalType::I16),
    ("i32", PhysicalType::I32),
    ("i64", PhysicalType::I64),
    ("f32", PhysicalType::F32),
    ("f64", PhysicalType::F64),
    ("dec", PhysicalType::Decimal),
    ("i128", PhysicalType::I128),
    ("str", PhysicalType::Str),
];

impl Text for PhysicalType {
    fn print(&self, out: &mut String) {
        let word = PHYSICAL.iter().find(|(_, ty)| ty == self).map_or("?", |(word, _)| word);
        out.push_str(word);
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        p.one_of("a register type", PHYSICAL)
    }
}

/// SQL types without parameters.
const PLAIN_TYPES: &[(&str, DataType)] = &[
    ("unknown", DataType::Unknown),
    ("bool", DataType::Bool),
    ("int2", DataType::Int2),
    ("int4", DataType::Int4),
    ("int8", DataType::Int8),
    ("float4", DataType::Float4),
    ("float8", DataType::Float8),
    ("text", DataType::Text),
    ("bytea", DataType::Bytea),
    ("date", DataType::Date),
    ("time", DataType::Time),
    ("timestamp", DataType::Timestamp),
    ("timestamptz", DataType::TimestampTz),
    ("interval", DataType::Interval),
    ("uuid", DataType::Uuid),
    ("jsonb", DataType::Jsonb),
];

impl Text for DataType {
    fn print(&self, out: &mut String) {
        if let Some((word, _)) = PLAIN_TYPES.iter().find(|(_, ty)| ty == self) {
            out.push_str(word);
            return;
        }
        let _ = match self {
            Self::Numeric(None) => write!(out, "numeric"),
            Self::Numeric(Some((p, s))) => write!(out, "numeric({p}, {s})"),
            Self::Varchar(None) => write!(out, "varchar"),
            Self::Varchar(Some(n)) => write!(out, "varchar({n})"),
            Self::Char(n) => write!(out, "char({n})"),
            Self::List(item) => {
                item.print(out);
                write!(out, "[]")
            }
            Self::Struct(fields) => {
                out.push_str("row");
                print_fields(fields, out);
                Ok(())
            }
            other => write!(out, "{other}"),
        };
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        let word = p.word("a type")?;
        let mut ty = match word.as_str() {
            "numeric" if p.accept(&Token::Open) => {
                let precision = p.int()?;
                p.expect(&Token::Comma)?;
                let scale = p.int()?;
                p.expect(&Token::Close)?;
                Self::Numeric(Some((precision, scale)))
            }
            "numeric" => Self::Numeric(None),
            "varchar" if p.accept(&Token::Open) => {
                let n = p.int()?;
                p.expect(&Token::Close)?;
                Self::Varchar(Some(n))
            }
            "varchar" => Self::Varchar(None),
            "char" => {
                p.expect(&Token::Open)?;
                let n = p.int()?;
                p.expect(&Token::Close)?;
                Self::Char(n)
            }
            "row" => Self::Struct(parse_fields(p)?.into()),
            word => match PLAIN_TYPES.iter().find(|(name, _)| *name == word) {
                Some((_, ty)) => ty.clone(),
                None => return Err(p.error("a type")),
            },
        };
        while p.accept(&Token::OpenList) {
            p.expect(&Token::CloseList)?;
            ty = Self::List(Box::new(ty));
        }
        Ok(ty)
    }
}

impl Text for Field {
    fn print(&self, out: &mut String) {
        print_name(&self.name, out);
        out.push(' ');
        self.data_type.print(out);
        if self.nullable {
            out.push('?');
        }
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        let name = p.name()?;
        let data_type = DataType::parse(p)?;
        let nullable = p.accept(&Token::Question);
        Ok(Self::new(name, data_type, nullable))
    }
}

fn print_fields(fields: &[Field], out: &mut String) {
    out.push('(');
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        field.print(out);
    }
    out.push(')');
}

fn parse_fields(p: &mut Parser<'_>) -> Result<Vec<Field>, AsmError> {
    p.list(&Token::Open, &Token::Close, Field::parse)
}

impl Text for Schema {
    fn print(&self, out: &mut String) {
        print_fields(&self.fields, out);
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        Ok(Self::new(Arc::from(parse_fields(p)?)))
    }
}

/// A value whose type is known from elsewhere.
pub(super) fn print_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => b.print(out),
        Value::Int2(i) => i.print(out),
        Value::Int4(i) => i.print(out),
        Value::Int8(i) => i.print(out),
        other => quote(&other.to_text(), out),
    }
}

/// The value of type `ty` that was printed by [`print_value`].
pub(super) fn parse_value(p: &mut Parser<'_>, ty: &DataType) -> Result<Value, AsmError> {
    if p.accept_word("null") {
        return Ok(Value::Null);
    }
    Ok(match ty {
        DataType::Bool => Value::Bool(bool::parse(p)?),
        DataType::Int2 => Value::Int2(p.int()?),
        DataType::Int4 => Value::Int4(p.int()?),
        DataType::Int8 => Value::Int8(p.int()?),
        _ => {
            let text = p.string()?;
            Value::parse(&text, ty).map_err(|_| p.error("a value of the constant's type"))?
        }
    })
}

impl Text for Constant {
    fn print(&self, out: &mut String) {
        self.ty.print(out);
        out.push(' ');
        print_value(&self.value, out);
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        let ty = DataType::parse(p)?;
        let value = parse_value(p, &ty)?;
        Ok(Self { ty, value })
    }
}

/// A struct as `{field: value, ...}`.
macro_rules! text_struct {
    ($t:ty { $($field:ident),* $(,)? }) => {
        impl $crate::bytecode::text::Text for $t {
            fn print(&self, out: &mut String) {
                use $crate::bytecode::text::{Text, print_struct};
                print_struct(
                    out,
                    &[$((stringify!($field), &|out| Text::print(&self.$field, out))),*],
                );
            }

            fn parse(
                p: &mut $crate::bytecode::asm::Parser<'_>,
            ) -> Result<Self, $crate::bytecode::asm::AsmError> {
                p.expect(&$crate::bytecode::lexer::Token::OpenStruct)?;
                $(let $field = p.field(stringify!($field))?;)*
                p.expect(&$crate::bytecode::lexer::Token::CloseStruct)?;
                Ok(Self { $($field),* })
            }
        }
    };
}

/// An enum without data as a word.
macro_rules! text_words {
    ($t:ty, $what:literal { $($word:literal => $variant:ident),* $(,)? }) => {
        impl $crate::bytecode::text::Text for $t {
            fn print(&self, out: &mut String) {
                out.push_str(match self { $(<$t>::$variant => $word),* });
            }

            fn parse(
                p: &mut $crate::bytecode::asm::Parser<'_>,
            ) -> Result<Self, $crate::bytecode::asm::AsmError> {
                p.one_of($what, &[$(($word, <$t>::$variant)),*])
            }
        }
    };
}

pub(super) use {text_struct, text_words};

/// One field's name and how to print it.
pub(super) type FieldPrinter<'a> = (&'a str, &'a dyn Fn(&mut String));

/// Prints `{field: value, ...}`.
pub(super) fn print_struct(out: &mut String, fields: &[FieldPrinter<'_>]) {
    out.push('{');
    for (i, (name, print)) in fields.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(name);
        out.push_str(": ");
        print(out);
    }
    out.push('}');
}
