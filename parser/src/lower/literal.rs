//! Constants: numbers, strings, typed strings, intervals.
//!
//! Invariant: a literal keeps what was written; only its quoting and escapes are gone.

use sqlparser::ast as lib;

use super::{Lower, types, unexpected};
use crate::ast::{Expr, ExprKind, Literal, TypeName};
use crate::error::{ParseError, ParseErrorKind};
use crate::span::Span;

impl Lower<'_, '_> {
    /// A value.
    pub(super) fn value(&self, value: lib::ValueWithSpan) -> Result<Expr, ParseError> {
        let span = self.span(value.span);
        let kind = match value.value {
            lib::Value::Null => ExprKind::Literal(Literal::Null),
            lib::Value::Boolean(b) => ExprKind::Literal(Literal::Bool(b)),
            lib::Value::Number(digits, _) => ExprKind::Literal(Literal::Number(digits)),
            lib::Value::HexStringLiteral(digits) => self.hex(&digits, span)?,
            lib::Value::SingleQuotedByteStringLiteral(_)
            | lib::Value::DoubleQuotedByteStringLiteral(_) => {
                ExprKind::Unsupported("a bit string".to_owned())
            }
            lib::Value::Placeholder(name) => self.parameter(&name, span)?,
            other => match string_of(other) {
                Some(text) => ExprKind::Literal(Literal::String(text)),
                None => ExprKind::Unsupported("this literal".to_owned()),
            },
        };
        Ok(Expr { kind, span })
    }

    /// `X'1F'` is bytes, `0x1F` is a number.
    fn hex(&self, digits: &str, span: Span) -> Result<ExprKind, ParseError> {
        if self.src.text[span.start as usize..].starts_with('0') {
            return match i128::from_str_radix(digits, 16) {
                Ok(n) => Ok(ExprKind::Literal(Literal::Number(n.to_string()))),
                Err(_) => Err(ParseError::syntax(span, "invalid hexadecimal number")),
            };
        }
        let bad = |digit: char| {
            let message = format!("\"{digit}\" is not a valid hexadecimal digit");
            ParseError::constant(ParseErrorKind::InvalidText, span, message)
        };
        let digit = |c: char| c.to_digit(16).map(|d| d as u8).ok_or_else(|| bad(c));
        let nibbles = digits.chars().map(digit).collect::<Result<Vec<u8>, _>>()?;
        if !nibbles.len().is_multiple_of(2) {
            return Ok(ExprKind::Unsupported("a bit string".to_owned()));
        }
        let bytes = nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        Ok(ExprKind::Literal(Literal::Bytes(bytes)))
    }

    /// `$1`.
    fn parameter(&self, name: &str, span: Span) -> Result<ExprKind, ParseError> {
        match name.strip_prefix('$').and_then(|n| n.parse().ok()) {
            Some(n) if n > 0 => Ok(ExprKind::Param(n)),
            _ => Err(ParseError::syntax(span, format!("\"{name}\" is not a parameter"))
                .with_hint("Parameters are $1, $2 and so on.")),
        }
    }

    /// `DATE '2024-01-01'`.
    pub(super) fn typed_string(&self, typed: lib::TypedString) -> Result<Expr, ParseError> {
        let value_span = self.span(typed.value.span);
        let Some(value) = string_of(typed.value.value) else {
            // `date 5`: the library takes any value, PostgreSQL only a string.
            let at = self.src.index_at(value_span.start as usize);
            return Err(unexpected(self.src, at, self.src.len()));
        };
        let span = self.with_type_before(value_span);
        let type_span = Span::new(span.start as usize, value_span.start as usize);
        let data_type = self.type_name(&typed.data_type, type_span)?;
        Ok(Expr { kind: ExprKind::TypedString { data_type, value }, span })
    }

    /// A literal's span with the type name before it.
    fn with_type_before(&self, literal: Span) -> Span {
        const INNER: &[&str] = &["zone", "time", "with", "without", "varying", "precision"];
        let mut first = self.src.index_at(literal.start as usize);
        while let Some(before) = first.checked_sub(1) {
            if let Some(open) = self.src.partner(before).filter(|&o| o < before) {
                first = open;
                continue;
            }
            first = before;
            // The words of a name like `timestamp with time zone`, but `time` alone is a name.
            let inner = INNER.iter().any(|w| self.src.is_word(first, w));
            let alone = self.src.is_word(first, "time") && !self.src.is_word(first + 1, "zone");
            if !inner || alone {
                break;
            }
        }
        Span::new(self.src.start(first), literal.end as usize)
    }

    /// The meaning of a library type at a place: read from the text if it is there.
    pub(super) fn type_name(
        &self,
        data_type: &lib::DataType,
        span: Span,
    ) -> Result<TypeName, ParseError> {
        types::from_text(&data_type.to_string(), span)
    }

    /// `INTERVAL '1' DAY`.
    pub(super) fn interval(&self, interval: lib::Interval) -> Result<Expr, ParseError> {
        let value = self.expr(*interval.value)?;
        let text = match value.kind {
            ExprKind::Literal(Literal::String(text) | Literal::Number(text)) => text,
            ExprKind::Unary(crate::ast::UnaryOp::Minus, inner) => match inner.kind {
                ExprKind::Literal(Literal::Number(text)) => format!("-{text}"),
                _ => return Ok(unsupported("INTERVAL of an expression", value.span)),
            },
            _ => return Ok(unsupported("INTERVAL of an expression", value.span)),
        };
        let precise = interval.leading_precision.is_some()
            || interval.fractional_seconds_precision.is_some()
            || !self.src.is_word(self.before(value.span), "INTERVAL");
        let span = self.with_words_before(value.span, &["INTERVAL"]);
        let leading = interval.leading_field.as_ref().map(field_name);
        let last = interval.last_field.as_ref().map(field_name);
        let span = match (&interval.leading_field, &interval.last_field) {
            (None, None) => span,
            (first, second) => {
                let first = first.as_ref().map(ToString::to_string).unwrap_or_default();
                let second = second.as_ref().map(ToString::to_string).unwrap_or_default();
                self.with_words_behind(span, &[&first, "TO", &second])
            }
        };
        if precise {
            return Ok(unsupported("an interval's precision", span));
        }
        Ok(Expr { kind: ExprKind::Literal(Literal::Interval { value: text, leading, last }), span })
    }

    /// The token before a span.
    pub(super) fn before(&self, span: Span) -> usize {
        self.src.index_at(span.start as usize).saturating_sub(1)
    }
}

/// A named construct that is not built.
pub(super) fn unsupported(what: &str, span: Span) -> Expr {
    Expr { kind: ExprKind::Unsupported(what.to_owned()), span }
}

/// A unit of time, in lower case and singular.
pub(super) fn field_name(field: &lib::DateTimeField) -> String {
    let name = match field {
        lib::DateTimeField::Custom(ident) => ident.value.to_lowercase(),
        other => other.to_string().to_lowercase(),
    };
    match name.as_str() {
        "years" | "months" | "weeks" | "days" | "hours" | "minutes" | "seconds" => {
            name[..name.len() - 1].to_owned()
        }
        _ => name,
    }
}

/// The text of any of the string literals.
fn string_of(value: lib::Value) -> Option<String> {
    match value {
        lib::Value::SingleQuotedString(s)
        | lib::Value::EscapedStringLiteral(s)
        | lib::Value::UnicodeStringLiteral(s)
        | lib::Value::NationalStringLiteral(s) => Some(s),
        lib::Value::DollarQuotedString(s) => Some(s.value),
        _ => None,
    }
}
