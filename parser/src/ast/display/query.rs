//! Queries as SQL.
//!
//! Invariant: set operations print flat, in the order that parsing puts them together again.

use std::fmt::{self, Display, Formatter};

use super::{commas, separated};
use crate::ast::query::SetExpr;
use crate::ast::{
    AsOf, Cte, Distinct, Emit, From, GroupBy, Join, JoinConstraint, JoinKind, Query, Select,
    SelectItem, SetOp, SetQuantifier, TableAlias, TimeWindowCall, TimeWindowKind,
};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.ctes.is_empty() {
            f.write_str(if self.recursive.is_some() { "WITH RECURSIVE " } else { "WITH " })?;
            commas(f, &self.ctes)?;
            f.write_str(" ")?;
        }
        self.body.fmt(f)?;
        if !self.order_by.is_empty() {
            f.write_str(" ORDER BY ")?;
            commas(f, &self.order_by)?;
        }
        if let Some(limit) = &self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        if let Some(offset) = &self.offset {
            write!(f, " OFFSET {offset}")?;
        }
        match &self.emit {
            Some(Emit::Changes(_)) => f.write_str(" EMIT CHANGES"),
            Some(Emit::OnWindowClose(_)) => f.write_str(" EMIT ON WINDOW CLOSE"),
            Some(Emit::Every(interval, _)) => write!(f, " EMIT EVERY {interval}"),
            None => Ok(()),
        }
    }
}

impl Display for Cte {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} AS ({})", self.alias, self.query)
    }
}

impl Display for TableAlias {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if !self.columns.is_empty() {
            f.write_str(" (")?;
            commas(f, &self.columns)?;
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl Display for SetExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(select) => select.fmt(f),
            Self::Values(rows, _) => {
                f.write_str("VALUES ")?;
                for (i, row) in rows.iter().enumerate() {
                    f.write_str(if i > 0 { ", (" } else { "(" })?;
                    commas(f, row)?;
                    f.write_str(")")?;
                }
                Ok(())
            }
            Self::Query(query) => write!(f, "({query})"),
            Self::SetOperation { op, quantifier, left, right, .. } => {
                let word = match op {
                    SetOp::Union => "UNION",
                    SetOp::Intersect => "INTERSECT",
                    SetOp::Except => "EXCEPT",
                };
                let all = if *quantifier == SetQuantifier::All { " ALL" } else { "" };
                write!(f, "{left} {word}{all} {right}")
            }
        }
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT")?;
        match &self.distinct {
            Some(Distinct::All) => f.write_str(" DISTINCT")?,
            Some(Distinct::On(exprs)) => {
                f.write_str(" DISTINCT ON (")?;
                commas(f, exprs)?;
                f.write_str(")")?;
            }
            None => {}
        }
        if !self.items.is_empty() {
            f.write_str(" ")?;
            commas(f, &self.items)?;
        }
        if !self.from.is_empty() {
            f.write_str(" FROM ")?;
            commas(f, &self.from)?;
        }
        if let Some(selection) = &self.selection {
            write!(f, " WHERE {selection}")?;
        }
        if let Some(group_by) = &self.group_by {
            write!(f, " GROUP BY {group_by}")?;
        }
        if let Some(having) = &self.having {
            write!(f, " HAVING {having}")?;
        }
        for (i, (name, spec)) in self.windows.iter().enumerate() {
            write!(f, "{} {name} AS ({spec})", if i > 0 { "," } else { " WINDOW" })?;
        }
        match &self.qualify {
            Some(qualify) => write!(f, " QUALIFY {qualify}"),
            None => Ok(()),
        }
    }
}

impl Display for SelectItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wildcard(_) => f.write_str("*"),
            Self::QualifiedWildcard(name) => write!(f, "{name}.*"),
            Self::Expr { expr, alias: Some(alias) } => write!(f, "{expr} AS {alias}"),
            Self::Expr { expr, alias: None } => expr.fmt(f),
        }
    }
}

impl Display for GroupBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) => f.write_str("ALL"),
            Self::Exprs(exprs) => commas(f, exprs),
            Self::Sets(sets, _) => {
                f.write_str("GROUPING SETS (")?;
                for (i, set) in sets.iter().enumerate() {
                    f.write_str(if i > 0 { ", (" } else { "(" })?;
                    commas(f, set)?;
                    f.write_str(")")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// Writes ` AS alias`.
fn with_alias(f: &mut Formatter<'_>, alias: Option<&TableAlias>) -> fmt::Result {
    match alias {
        Some(alias) => write!(f, " AS {alias}"),
        None => Ok(()),
    }
}

impl Display for From {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { name, as_of, alias } => {
                name.fmt(f)?;
                match as_of.as_deref() {
                    Some(AsOf::Epoch(n)) => write!(f, " FOR SYSTEM_TIME AS OF EPOCH {n}")?,
                    Some(AsOf::Timestamp(at)) => write!(f, " FOR SYSTEM_TIME AS OF {at}")?,
                    None => {}
                }
                with_alias(f, alias.as_ref())
            }
            Self::Derived { lateral, query, alias, .. } => {
                write!(f, "{}({query})", if *lateral { "LATERAL " } else { "" })?;
                with_alias(f, alias.as_ref())
            }
            Self::TimeWindow { call, alias } => {
                call.fmt(f)?;
                with_alias(f, alias.as_ref())
            }
            Self::Function { lateral, call, with_ordinality, alias } => {
                write!(f, "{}{call}", if *lateral { "LATERAL " } else { "" })?;
                f.write_str(if *with_ordinality { " WITH ORDINALITY" } else { "" })?;
                with_alias(f, alias.as_ref())
            }
            Self::Join(join) => join.fmt(f),
            Self::Unsupported { what, .. } => write!(f, "/* {what} */"),
        }
    }
}

impl Display for Join {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let natural = if self.constraint == JoinConstraint::Natural { "NATURAL " } else { "" };
        let kind = match self.kind {
            JoinKind::Inner => "",
            JoinKind::Left => "LEFT ",
            JoinKind::Right => "RIGHT ",
            JoinKind::Full => "FULL ",
            JoinKind::Cross => "CROSS ",
            JoinKind::Semi => "LEFT SEMI ",
            JoinKind::Anti => "LEFT ANTI ",
        };
        write!(f, "{} {natural}{kind}JOIN ", self.left)?;
        match &self.right {
            From::Join(join) => write!(f, "({join})")?,
            right => right.fmt(f)?,
        }
        match &self.constraint {
            JoinConstraint::On(condition) => write!(f, " ON {condition}"),
            JoinConstraint::Using(columns) => {
                f.write_str(" USING (")?;
                commas(f, columns)?;
                f.write_str(")")
            }
            JoinConstraint::Natural | JoinConstraint::None => Ok(()),
        }
    }
}

impl Display for TimeWindowCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            TimeWindowKind::Tumble => "TUMBLE",
            TimeWindowKind::Hop => "HOP",
            TimeWindowKind::Cumulate => "CUMULATE",
            TimeWindowKind::Session => "SESSION",
        };
        write!(f, "{name}({}", self.input)?;
        if !self.partition_by.is_empty() {
            f.write_str(" PARTITION BY (")?;
            commas(f, &self.partition_by)?;
            f.write_str(")")?;
        }
        write!(f, ", {}", self.time)?;
        if !self.args.is_empty() {
            f.write_str(", ")?;
            separated(f, &self.args, ", ")?;
        }
        f.write_str(")")
    }
}
