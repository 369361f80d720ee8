//! EXPLAIN (LOGICAL): a plan as an indented tree, expressions as SQL-like text over column names.
//!
//! Tests assert this form, so it is stable: it depends on the plan and the catalog only. A name
//! that two input columns share is followed by its position (`id#3`).
//! Invariant: every choice that the plan holds is visible in the text.

use std::fmt::{self, Write};

use arena_tr_types::{AggFunc, DataType, Func, Schema, Value};

use super::{
    AggCall, Expr, ExprKind, Frame, FrameBound, FrameUnits, JoinKind, Moment, Node, Plan, RankFunc,
    SetOp, SortKey, TimeWindow, WindowCall, WindowFunc,
};
use crate::catalog::Catalog;
use arena_tr_types::RelationId;

/// The text of EXPLAIN (LOGICAL).
pub fn explain(plan: &Plan, catalog: &Catalog) -> String {
    let mut out = String::new();
    write_plan(plan, catalog, 0, &mut out);
    out
}

fn write_plan(plan: &Plan, catalog: &Catalog, depth: usize, out: &mut String) {
    let _ = write!(out, "{:1$}", "", depth * 2);
    let _ = write_node(plan, catalog, out);
    out.push('\n');
    for child in plan.children() {
        write_plan(child, catalog, depth + 1, out);
    }
}

/// The relation's name, or its number when the catalog does not hold it.
pub fn relation_name(catalog: &Catalog, relation: RelationId) -> String {
    match catalog.relations.values().find(|r| r.id == relation) {
        Some(found) => found.name.clone(),
        None => relation.to_string(),
    }
}

/// The clause that says as of when a relation is read; nothing for the present.
pub(crate) fn as_of(moment: Option<&Moment>) -> String {
    let (word, expr) = match moment {
        None => return String::new(),
        Some(Moment::Epoch(expr)) => ("EPOCH ", expr),
        Some(Moment::Time(expr)) => ("", expr),
    };
    format!(" FOR SYSTEM_TIME AS OF {word}{}", Names::none().expr(expr))
}

fn write_node(plan: &Plan, catalog: &Catalog, out: &mut String) -> fmt::Result {
    match &plan.node {
        Node::Scan { relation, moment, .. } => {
            let name = relation_name(catalog, *relation);
            write!(out, "Scan {name}{}", as_of(moment.as_deref()))?;
            write_list(out, ": ", plan.schema.fields.iter().map(|f| f.name.to_string()))
        }
        Node::Values { rows } => {
            write!(out, "Values {} rows", rows.len())?;
            let names = Names::none();
            let text = |row: &Vec<Expr>| format!("({})", join(row.iter().map(|e| names.expr(e))));
            write_list(out, ": ", rows.iter().take(3).map(text))?;
            if rows.len() > 3 { out.write_str(", ...") } else { Ok(()) }
        }
        Node::Filter { input, predicate } => {
            write!(out, "Filter {}", Names::of(&[&input.schema]).expr(predicate))
        }
        Node::Project { input, exprs } => {
            let names = Names::of(&[&input.schema]);
            write!(out, "Project {}", named_exprs(&names, exprs, &plan.schema))
        }
        Node::Join { left, right, kind, on } => {
            write!(out, "{} Join", join_kind(*kind))?;
            match on {
                None => out.write_str(" cross"),
                Some(on) => {
                    write!(out, " on {}", Names::of(&[&left.schema, &right.schema]).expr(on))
                }
            }
        }
        Node::Aggregate { input, group, aggs } => {
            let names = Names::of(&[&input.schema]);
            let keys = Schema::new(plan.schema.fields[..group.len()].to_vec());
            write!(out, "Aggregate by [{}]", named_exprs(&names, group, &keys))?;
            write_list(out, " ", aggs.iter().map(|a| names.agg(a)))
        }
        Node::Union { .. } => out.write_str("Union"),
        Node::SetOp { op, all, .. } => {
            out.write_str(set_op(*op))?;
            out.write_str(if *all { " all" } else { "" })
        }
        Node::Distinct { .. } => out.write_str("Distinct"),
        Node::Sort { input, keys } => {
            write!(out, "Sort {}", Names::of(&[&input.schema]).keys(keys))
        }
        Node::Limit { limit, offset, .. } => write!(out, "Limit {}", limit_text(*limit, *offset)),
        _ => write_windowed(plan, out),
    }
}

fn write_windowed(plan: &Plan, out: &mut String) -> fmt::Result {
    match &plan.node {
        Node::TimeWindow { input, time, window } => {
            out.write_str(&window_text(&Names::of(&[&input.schema]), *time, window))
        }
        Node::TopN { input, partition, order, function, limit, offset, number } => {
            let names = Names::of(&[&input.schema]);
            let name = rank_func(*function);
            write!(out, "TopN {name} {}", limit_text(*limit, *offset))?;
            write!(out, " by [{}] order {}", names.columns(partition), names.keys(order))?;
            out.write_str(if *number { ", numbered" } else { "" })
        }
        Node::Over { input, partition, order, calls } => {
            let names = Names::of(&[&input.schema]);
            write!(out, "Over by [{}] order {}", names.columns(partition), names.keys(order))?;
            write_list(out, " ", calls.iter().map(|c| names.window_call(c)))
        }
        Node::Unnest { input, call, with_ordinality, outer } => {
            write!(out, "Unnest {}", Names::of(&[&input.schema]).expr(call))?;
            out.write_str(if *with_ordinality { " with ordinality" } else { "" })?;
            out.write_str(if *outer { " outer" } else { "" })
        }
        _ => Ok(()),
    }
}

fn write_list(out: &mut String, lead: &str, items: impl Iterator<Item = String>) -> fmt::Result {
    let text = join(items);
    if text.is_empty() { Ok(()) } else { write!(out, "{lead}{text}") }
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// Expressions, each with `AS name` unless it is a column of that name.
pub fn named_exprs(names: &Names<'_>, exprs: &[Expr], schema: &Schema) -> String {
    join(exprs.iter().zip(schema.fields.iter()).map(|(expr, field)| {
        let text = names.expr(expr);
        if expr.as_column().is_some_and(|c| names.bare(c) == Some(&field.name)) {
            text
        } else {
            format!("{text} AS {}", field.name)
        }
    }))
}

/// A join kind's word.
pub fn join_kind(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::Inner => "Inner",
        JoinKind::Left => "Left",
        JoinKind::Right => "Right",
        JoinKind::Full => "Full",
        JoinKind::Semi => "Semi",
        JoinKind::Anti => "Anti",
        JoinKind::NullAwareAnti => "NullAwareAnti",
    }
}

/// A set operation's word.
pub fn set_op(op: SetOp) -> &'static str {
    match op {
        SetOp::Intersect => "Intersect",
        SetOp::Except => "Except",
    }
}

/// A ranking function's name.
pub fn rank_func(function: RankFunc) -> &'static str {
    match function {
        RankFunc::RowNumber => "row_number",
        RankFunc::Rank => "rank",
        RankFunc::DenseRank => "dense_rank",
    }
}

/// `10`, `10 offset 5`, `all`.
pub fn limit_text(limit: Option<u64>, offset: u64) -> String {
    let limit = limit.map_or("all".to_string(), |n| n.to_string());
    if offset == 0 { limit } else { format!("{limit} offset {offset}") }
}

/// `Tumble ts size 10s`.
pub fn window_text(names: &Names<'_>, time: usize, window: &TimeWindow) -> String {
    let time = names.column(time);
    let at = |offset: &i64| match offset {
        0 => String::new(),
        _ => format!(" offset {}", duration(*offset)),
    };
    match window {
        TimeWindow::Tumble { size, offset } => {
            format!("Tumble {time} size {}{}", duration(*size), at(offset))
        }
        TimeWindow::Hop { slide, size, offset } => {
            let (slide, size) = (duration(*slide), duration(*size));
            format!("Hop {time} slide {slide} size {size}{}", at(offset))
        }
        TimeWindow::Cumulate { step, max, offset } => {
            let (step, max) = (duration(*step), duration(*max));
            format!("Cumulate {time} step {step} max {max}{}", at(offset))
        }
        TimeWindow::Session { gap, partition } => {
            format!("Session {time} gap {} by [{}]", duration(*gap), names.columns(partition))
        }
    }
}

/// Microseconds as the largest unit that divides them: `10s`, `90m`, `1500us`.
pub fn duration(micros: i64) -> String {
    const UNITS: [(i64, &str); 5] = [
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "m"),
        (1_000_000, "s"),
        (1_000, "ms"),
    ];
    let exact = UNITS.iter().find(|(n, _)| micros != 0 && micros % n == 0);
    match exact {
        Some((n, unit)) => format!("{}{unit}", micros / n),
        None => format!("{micros}us"),
    }
}

/// Names of the columns that an expression sees.
#[derive(Debug, Clone)]
pub struct Names<'a> {
    names: Vec<&'a str>,
}

/// How tightly an expression's text binds; operands that bind less tightly get parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Compare,
    Other,
    Sum,
    Product,
    Atom,
}

impl<'a> Names<'a> {
    /// The columns of these inputs, one after the other.
    pub fn of(schemas: &[&'a Schema]) -> Self {
        Self { names: schemas.iter().flat_map(|s| s.fields.iter()).map(|f| &*f.name).collect() }
    }

    /// No column at all.
    pub fn none() -> Self {
        Self { names: Vec::new() }
    }

    fn bare(&self, index: usize) -> Option<&str> {
        let name = *self.names.get(index)?;
        let unique = self.names.iter().filter(|n| **n == name).count() == 1;
        unique.then_some(name)
    }

    /// The column's name, followed by its position when that is needed to tell it apart.
    pub fn column(&self, index: usize) -> String {
        match (self.bare(index), self.names.get(index)) {
            (Some(name), _) if !name.is_empty() => name.to_string(),
            (_, Some(name)) => format!("{name}#{index}"),
            (_, None) => format!("#{index}"),
        }
    }

    /// Names of these columns.
    pub fn columns(&self, columns: &[usize]) -> String {
        join(columns.iter().map(|c| self.column(*c)))
    }

    /// An ORDER BY list; NULLs are mentioned when they are not where PostgreSQL puts them.
    pub fn keys(&self, keys: &[SortKey]) -> String {
        let text = |k: &SortKey| ordered(self.column(k.column), k.desc, k.nulls_first);
        format!("[{}]", join(keys.iter().map(text)))
    }

    /// An aggregate call.
    pub fn agg(&self, call: &AggCall) -> String {
        let mut text = String::from(agg_func(call.func));
        text.push('(');
        text.push_str(if call.distinct { "DISTINCT " } else { "" });
        if call.func == AggFunc::CountStar {
            text.push('*');
        }
        text.push_str(&join(call.args.iter().map(|e| self.expr(e))));
        if !call.order.is_empty() {
            let keys =
                call.order.iter().map(|k| ordered(self.expr(&k.expr), k.desc, k.nulls_first));
            let _ = write!(text, " ORDER BY {}", join(keys));
        }
        text.push(')');
        if let Some(filter) = &call.filter {
            let _ = write!(text, " FILTER ({})", self.expr(filter));
        }
        text
    }

    /// A window function call with its frame, if the frame is not PostgreSQL's default.
    pub fn window_call(&self, call: &WindowCall) -> String {
        let mut text =
            format!("{}({})", window_func(call.func), join(call.args.iter().map(|e| self.expr(e))));
        if let Some(filter) = &call.filter {
            let _ = write!(text, " FILTER ({})", self.expr(filter));
        }
        let default = Frame {
            units: FrameUnits::Range,
            start: FrameBound::UnboundedPreceding,
            end: FrameBound::CurrentRow,
        };
        if call.frame != default {
            let _ = write!(text, " {}", frame(&call.frame));
        }
        text
    }

    /// An expression as SQL-like text.
    pub fn expr(&self, expr: &Expr) -> String {
        self.bound(expr).0
    }

    fn operand(&self, expr: &Expr, least: Binding) -> String {
        let (text, binding) = self.bound(expr);
        if binding < least { format!("({text})") } else { text }
    }

    fn bound(&self, expr: &Expr) -> (String, Binding) {
        let list = |items: &[Expr]| join(items.iter().map(|e| self.expr(e)));
        let arms = |items: &[Expr], word: &str, least| {
            items.iter().map(|e| self.operand(e, least)).collect::<Vec<_>>().join(word)
        };
        match &expr.kind {
            ExprKind::Column(index) => (self.column(*index), Binding::Atom),
            ExprKind::Literal(value) => (literal(value, &expr.ty), Binding::Atom),
            ExprKind::Param(index) => (format!("${}", index + 1), Binding::Atom),
            ExprKind::Now => ("now()".into(), Binding::Atom),
            ExprKind::Call { func, args } => self.call(*func, args),
            ExprKind::And(items) => (arms(items, " AND ", Binding::Not), Binding::And),
            ExprKind::Or(items) => (arms(items, " OR ", Binding::And), Binding::Or),
            ExprKind::Not(input) => match &input.kind {
                ExprKind::IsNull(inner) => (
                    format!("{} IS NOT NULL", self.operand(inner, Binding::Other)),
                    Binding::Compare,
                ),
                _ => (format!("NOT {}", self.operand(input, Binding::Not)), Binding::Not),
            },
            ExprKind::IsNull(input) => {
                (format!("{} IS NULL", self.operand(input, Binding::Other)), Binding::Compare)
            }
            ExprKind::Case { branches, otherwise } => {
                (self.case(branches, otherwise), Binding::Atom)
            }
            ExprKind::Coalesce(items) => (format!("coalesce({})", list(items)), Binding::Atom),
            ExprKind::Cast { input, try_ } => {
                let word = if *try_ { "try_cast" } else { "cast" };
                (format!("{word}({} AS {})", self.expr(input), expr.ty), Binding::Atom)
            }
            ExprKind::InList { input, list: items } => {
                let text = format!("{} IN ({})", self.operand(input, Binding::Other), list(items));
                (text, Binding::Compare)
            }
        }
    }

    fn case(&self, branches: &[(Expr, Expr)], otherwise: &Option<Box<Expr>>) -> String {
        let mut text = String::from("CASE");
        for (when, then) in branches {
            let _ = write!(text, " WHEN {} THEN {}", self.expr(when), self.expr(then));
        }
        if let Some(otherwise) = otherwise {
            let _ = write!(text, " ELSE {}", self.expr(otherwise));
        }
        text.push_str(" END");
        text
    }

    fn call(&self, func: Func, args: &[Expr]) -> (String, Binding) {
        let symbol = match func {
            Func::IsDistinct => Some("IS DISTINCT FROM"),
            Func::IsNotDistinct => Some("IS NOT DISTINCT FROM"),
            _ => func.symbol(),
        };
        let binding = match func {
            Func::Eq | Func::NotEq | Func::Lt | Func::LtEq | Func::Gt | Func::GtEq => {
                Binding::Compare
            }
            Func::IsDistinct | Func::IsNotDistinct => Binding::Compare,
            Func::Add | Func::Sub => Binding::Sum,
            Func::Mul | Func::Div | Func::Mod => Binding::Product,
            _ => Binding::Other,
        };
        match (symbol, args) {
            (Some(symbol), [a, b]) => {
                // Left-associative: the right operand of the same strength needs parentheses.
                let tighter = match binding {
                    Binding::Compare => Binding::Other,
                    Binding::Other => Binding::Sum,
                    Binding::Sum => Binding::Product,
                    _ => Binding::Atom,
                };
                let left = if binding == Binding::Compare { tighter } else { binding };
                (
                    format!("{} {symbol} {}", self.operand(a, left), self.operand(b, tighter)),
                    binding,
                )
            }
            (Some(symbol), [a]) => {
                (format!("{symbol}{}", self.operand(a, Binding::Atom)), Binding::Product)
            }
            _ => (
                format!("{}({})", func.name(), join(args.iter().map(|e| self.expr(e)))),
                Binding::Atom,
            ),
        }
    }
}

fn ordered(text: String, desc: bool, nulls_first: bool) -> String {
    let direction = if desc { " DESC" } else { "" };
    let nulls = match (desc, nulls_first) {
        (true, false) => " NULLS LAST",
        (false, true) => " NULLS FIRST",
        _ => "",
    };
    format!("{text}{direction}{nulls}")
}

/// A constant: numbers and truth values bare, text quoted, others quoted after their type's name.
fn literal(value: &Value, ty: &DataType) -> String {
    let quoted = || format!("'{}'", value.to_text().replace('\'', "''"));
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(true) => "TRUE".into(),
        Value::Bool(false) => "FALSE".into(),
        Value::Int2(_) | Value::Int4(_) | Value::Int8(_) | Value::Numeric(_) => value.to_text(),
        Value::Float4(_) | Value::Float8(_) => value.to_text(),
        Value::Text(_) => quoted(),
        Value::Interval(_) => format!("INTERVAL {}", quoted()),
        _ => format!("{} {}", ty.to_string().to_uppercase(), quoted()),
    }
}

/// An aggregate's SQL name.
pub fn agg_func(func: AggFunc) -> &'static str {
    match func {
        AggFunc::CountStar | AggFunc::Count => "count",
        AggFunc::Sum => "sum",
        AggFunc::Avg => "avg",
        AggFunc::Min => "min",
        AggFunc::Max => "max",
        AggFunc::VarPop => "var_pop",
        AggFunc::VarSamp => "var_samp",
        AggFunc::StddevPop => "stddev_pop",
        AggFunc::StddevSamp => "stddev_samp",
        AggFunc::BoolAnd => "bool_and",
        AggFunc::BoolOr => "bool_or",
        AggFunc::FirstValue => "first_value",
        AggFunc::LastValue => "last_value",
        AggFunc::ArrayAgg => "array_agg",
        AggFunc::StringAgg => "string_agg",
        AggFunc::SingleValue => "single_value",
        _ => "aggregate",
    }
}

fn window_func(func: WindowFunc) -> &'static str {
    match func {
        WindowFunc::Agg(func) => agg_func(func),
        WindowFunc::RowNumber => "row_number",
        WindowFunc::Rank => "rank",
        WindowFunc::DenseRank => "dense_rank",
        WindowFunc::PercentRank => "percent_rank",
        WindowFunc::CumeDist => "cume_dist",
        WindowFunc::Ntile => "ntile",
        WindowFunc::Lag => "lag",
        WindowFunc::Lead => "lead",
        WindowFunc::FirstValue => "first_value",
        WindowFunc::LastValue => "last_value",
        WindowFunc::NthValue => "nth_value",
    }
}

fn frame(frame: &Frame) -> String {
    let units = match frame.units {
        FrameUnits::Rows => "ROWS",
        FrameUnits::Range => "RANGE",
        FrameUnits::Groups => "GROUPS",
    };
    let bound = |bound: &FrameBound| match bound {
        FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_string(),
        FrameBound::Preceding(n) => format!("{} PRECEDING", literal(n, &DataType::Unknown)),
        FrameBound::CurrentRow => "CURRENT ROW".to_string(),
        FrameBound::Following(n) => format!("{} FOLLOWING", literal(n, &DataType::Unknown)),
        FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_string(),
    };
    format!("{units} BETWEEN {} AND {}", bound(&frame.start), bound(&frame.end))
}
