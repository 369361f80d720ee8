//! The name of a select list column that was given none: PostgreSQL's choice.
//!
//! Invariant: total; an expression without a better name is `?column?`.

use arena_tr_parser::ast::query::SetExpr;
use arena_tr_parser::ast::{Expr, ExprKind, Query, SelectItem};

/// The column's name.
pub(crate) fn column_name(expr: &Expr) -> String {
    named(expr).map_or_else(|| "?column?".to_owned(), |(name, _)| name)
}

/// A name, and whether it is good enough that a CASE or a cast around it keeps it.
fn named(expr: &Expr) -> Option<(String, bool)> {
    let weak = |name: &str| Some((name.to_owned(), false));
    match &expr.kind {
        ExprKind::Column(parts) => parts.last().map(|p| (p.name.clone(), true)),
        ExprKind::Field(_, field) => Some((field.name.clone(), true)),
        ExprKind::Call(call) => {
            let name = call.name.parts.last()?.name.to_lowercase();
            Some((name, true))
        }
        ExprKind::Extract { .. } => Some(("extract".to_owned(), true)),
        ExprKind::AtTimeZone(..) => Some(("timezone".to_owned(), true)),
        ExprKind::Index(base, _) | ExprKind::Slice(base, ..) | ExprKind::Collate(base, _) => {
            named(base)
        }
        ExprKind::Cast { expr, to, .. } => match named(expr) {
            Some((name, true)) => Some((name, true)),
            _ => weak(type_label(&to.name)),
        },
        ExprKind::TypedString { data_type, .. } => weak(type_label(&data_type.name)),
        ExprKind::Case { otherwise, .. } => match otherwise.as_deref().and_then(named) {
            Some((name, true)) => Some((name, true)),
            _ => weak("case"),
        },
        ExprKind::Array(_) => Some(("array".to_owned(), true)),
        ExprKind::Row(_) => Some(("row".to_owned(), true)),
        ExprKind::Exists { .. } => Some(("exists".to_owned(), true)),
        ExprKind::Literal(arena_tr_parser::ast::Literal::Bool(_)) => weak("bool"),
        ExprKind::Literal(arena_tr_parser::ast::Literal::Interval { .. }) => weak("interval"),
        ExprKind::Subquery(query) => first_column(query),
        _ => None,
    }
}

/// The name of a subquery's first column.
fn first_column(query: &Query) -> Option<(String, bool)> {
    match &query.body {
        SetExpr::Select(select) => match select.items.first()? {
            SelectItem::Expr { alias: Some(alias), .. } => Some((alias.name.clone(), true)),
            SelectItem::Expr { expr, alias: None } => named(expr),
            _ => None,
        },
        SetExpr::Values(..) => Some(("column1".to_owned(), true)),
        _ => None,
    }
}

/// The system's own name of a type.
fn type_label(name: &str) -> &str {
    match name {
        "integer" | "int" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "real" => "float4",
        "double precision" | "double" | "float" => "float8",
        "boolean" => "bool",
        "decimal" | "dec" => "numeric",
        "character varying" | "char varying" => "varchar",
        "character" | "char" => "bpchar",
        "timestamp without time zone" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        "time without time zone" => "time",
        "string" => "text",
        "json" => "jsonb",
        other => other,
    }
}
