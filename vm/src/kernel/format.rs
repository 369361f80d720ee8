//! concat, concat_ws, format and quoting.
//!
//! Invariant: these see NULLs: concat skips them, format prints nothing (or NULL where asked for a
//! literal).

use arena_tr_types::{DataType, Func, SqlError, SqlState};

use super::Kernel;
use super::out::TextOut;
use super::print::push_output;
use super::row::{Row, RowResult, text, text_lenient};
use super::text::char_count;

/// The kernel of a function that joins or quotes values of any type.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    let types: Vec<DataType> = args.to_vec();
    Some(match func {
        Func::ConcatAll => text_lenient(move |r, out| {
            for (k, ty) in types.iter().enumerate().filter(|(k, _)| !r.is_null(*k)) {
                push_output(r, k, ty, out);
                out.reserve(0)?;
            }
            Ok(Some(()))
        }),
        Func::ConcatWs => text_lenient(move |r, out| {
            if r.is_null(0) {
                return Ok(None);
            }
            let mut first = true;
            for (k, ty) in types.iter().enumerate().skip(1).filter(|(k, _)| !r.is_null(*k)) {
                if !std::mem::take(&mut first) {
                    out.push(r.str(0));
                }
                push_output(r, k, ty, out);
                out.reserve(0)?;
            }
            Ok(Some(()))
        }),
        Func::Format => text_lenient(move |r, out| format(r, &types, out)),
        Func::QuoteLiteral | Func::QuoteNullable => {
            let ty = types.into_iter().next()?;
            text_lenient(move |r, out| {
                if r.is_null(0) {
                    let nullable = func == Func::QuoteNullable;
                    return Ok(nullable.then(|| out.push("NULL")));
                }
                if ty == DataType::Bool {
                    // Cast to text here, where everything else prints it as `t` or `f`.
                    out.push(if r.bool(0) { "'true'" } else { "'false'" });
                    return Ok(Some(()));
                }
                push_literal(r, 0, &ty, out)?;
                Ok(Some(()))
            })
        }
        Func::QuoteIdent => text(|r, out| {
            push_ident(r.str(0), out);
            Ok(())
        }),
        _ => return None,
    })
}

/// What argument `k` prints, as a string of its own.
fn printed(r: Row<'_>, k: usize, ty: &DataType, out: &mut TextOut) -> String {
    let start = out.current().len();
    push_output(r, k, ty, out);
    let written = String::from_utf8_lossy(&out.current()[start..]).into_owned();
    out.cut(start);
    written
}

fn push_literal(r: Row<'_>, k: usize, ty: &DataType, out: &mut TextOut) -> Result<(), SqlError> {
    let value = printed(r, k, ty, out);
    out.reserve(value.len().saturating_mul(2))?;
    // A string with a backslash is written so that it means the same under either quoting rule.
    if value.contains('\\') {
        out.push("E");
    }
    out.push("'");
    for c in value.chars() {
        if matches!(c, '\'' | '\\') {
            out.push_char(c);
        }
        out.push_char(c);
    }
    out.push("'");
    Ok(())
}

/// Words that cannot name a column without quotes (PostgreSQL's reserved words and those it may not
/// use as function names).
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

fn push_ident(name: &str, out: &mut TextOut) {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if starts && plain && RESERVED.binary_search(&name).is_err() {
        return out.push(name);
    }
    out.push("\"");
    for c in name.chars() {
        if c == '"' {
            out.push("\"");
        }
        out.push_char(c);
    }
    out.push("\"");
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

/// One `%` specifier.
#[derive(Debug, Default)]
struct Specifier {
    /// `n$`: which argument, from 1.
    position: Option<usize>,
    left: bool,
    width: Width,
    kind: char,
}

#[derive(Debug, Default, Clone, Copy)]
enum Width {
    #[default]
    None,
    Fixed(i32),
    /// The next argument.
    Next,
    /// Argument number, from 1.
    Argument(usize),
}

fn format(r: Row<'_>, types: &[DataType], out: &mut TextOut) -> RowResult<()> {
    if r.is_null(0) {
        return Ok(None);
    }
    let mut rest = r.str(0);
    // The argument that a specifier without a position takes next.
    let mut next = 1;
    while let Some(at) = rest.find('%') {
        out.push(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push("%");
            rest = after;
            continue;
        }
        let (specifier, after) = specifier(rest)?;
        rest = after;
        let mut width = match specifier.width {
            Width::None => 0,
            Width::Fixed(n) => n,
            Width::Next => {
                next += 1;
                width_argument(r, next - 1, types)?
            }
            Width::Argument(n) => {
                next = n + 1;
                width_argument(r, n, types)?
            }
        };
        let left = specifier.left || width < 0;
        width = width.saturating_abs();
        let argument = specifier.position.unwrap_or(next);
        next = argument + 1;
        let value = converted(r, argument, types, specifier.kind, out)?;
        let missing = (width as usize).saturating_sub(char_count(&value));
        out.reserve(value.len() + missing)?;
        let pad = |out: &mut TextOut| (0..missing).for_each(|_| out.push(" "));
        if !left {
            pad(out);
        }
        out.push(&value);
        if left {
            pad(out);
        }
    }
    out.push(rest);
    Ok(Some(()))
}

fn number(text: &str) -> Result<(Option<usize>, &str), SqlError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Ok((None, text));
    }
    let value: i32 = text[..digits].parse().map_err(|_| invalid("number is out of range"))?;
    Ok((Some(value as usize), &text[digits..]))
}

/// Reads what follows a `%`: `[n$][-][width]type`.
fn specifier(text: &str) -> Result<(Specifier, &str), SqlError> {
    let mut found = Specifier::default();
    let (first, mut rest) = number(text)?;
    match first {
        Some(position) if rest.starts_with('$') => {
            found.position = Some(nonzero(position)?);
            rest = &rest[1..];
        }
        Some(width) => found.width = Width::Fixed(width as i32),
        None => {}
    }
    while let Some(after) = rest.strip_prefix('-') {
        found.left = true;
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('*') {
        let (position, behind) = number(after)?;
        (found.width, rest) = match (position, behind.strip_prefix('$')) {
            (Some(position), Some(behind)) => (Width::Argument(nonzero(position)?), behind),
            (Some(_), None) => {
                return Err(invalid("width argument position must be ended by \"$\""));
            }
            (None, _) => (Width::Next, after),
        };
    } else if let (Some(width), after) = number(rest)? {
        (found.width, rest) = (Width::Fixed(width as i32), after);
    }
    let kind = rest.chars().next().ok_or_else(|| {
        invalid("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\".")
    })?;
    if !matches!(kind, 's' | 'I' | 'L') {
        let error = invalid(format!("unrecognized format() type specifier \"{kind}\""));
        return Err(error.with_hint("For a single \"%\" use \"%%\"."));
    }
    found.kind = kind;
    Ok((found, &rest[1..]))
}

fn nonzero(position: usize) -> Result<usize, SqlError> {
    if position == 0 {
        return Err(invalid("format specifies argument 0, but arguments are numbered from 1"));
    }
    Ok(position)
}

fn check_argument(argument: usize, types: &[DataType]) -> Result<&DataType, SqlError> {
    types.get(argument).ok_or_else(|| invalid("too few arguments for format()"))
}

fn width_argument(r: Row<'_>, argument: usize, types: &[DataType]) -> Result<i32, SqlError> {
    let ty = check_argument(argument, types)?;
    if r.is_null(argument) {
        return Ok(0);
    }
    let text = r.value(argument, ty).to_text();
    arena_tr_types::text::parse_i32(&text)
}

fn converted(
    r: Row<'_>,
    argument: usize,
    types: &[DataType],
    kind: char,
    out: &mut TextOut,
) -> Result<String, SqlError> {
    let ty = check_argument(argument, types)?;
    if r.is_null(argument) {
        return match kind {
            's' => Ok(String::new()),
            'L' => Ok("NULL".into()),
            _ => Err(SqlError::new(
                SqlState("22004"),
                "null values cannot be formatted as an SQL identifier",
            )),
        };
    }
    let start = out.current().len();
    match kind {
        's' => return Ok(printed(r, argument, ty, out)),
        'L' => push_literal(r, argument, ty, out)?,
        _ => {
            let name = printed(r, argument, ty, out);
            push_ident(&name, out);
        }
    }
    let written = String::from_utf8_lossy(&out.current()[start..]).into_owned();
    out.cut(start);
    Ok(written)
}

#[cfg(test)]
mod tests;
