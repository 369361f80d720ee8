//! Makes plan nodes together with their schemas.
//!
//! Invariant: a node made here has the schema its operator defines.

use arena_tr_parser::Span;
use arena_tr_types::{DataType, Field, Schema};

use crate::logical::{AggCall, Expr, ExprKind, JoinKind, Node, Plan, TimeWindow};

/// One row without columns: what SELECT without FROM reads.
pub(crate) fn one_row() -> Plan {
    let schema = Schema::new(Vec::new());
    Plan { node: Node::Values { rows: vec![Vec::new()] }, schema, span: None }
}

/// Computes `exprs`; the columns get these names.
pub(crate) fn project<N: AsRef<str>>(input: Plan, exprs: Vec<Expr>, names: &[N]) -> Plan {
    let field = |(e, n): (&Expr, &N)| Field::new(n.as_ref(), e.ty.clone(), e.nullable);
    let fields: Vec<Field> = exprs.iter().zip(names).map(field).collect();
    debug_assert_eq!(fields.len(), exprs.len(), "each column has a name");
    let span = input.span;
    let node = Node::Project { input: Box::new(input), exprs };
    Plan { node, schema: Schema::new(fields), span }
}

/// Keeps these columns, in this order, with their names.
pub(crate) fn keep(input: Plan, columns: &[usize]) -> Plan {
    if columns.len() == input.width() && columns.iter().enumerate().all(|(i, c)| i == *c) {
        return input;
    }
    let names: Vec<_> = columns.iter().map(|c| input.schema.fields[*c].name.clone()).collect();
    let exprs = columns.iter().map(|c| input.column(*c)).collect();
    project(input, exprs, &names)
}

/// Appends computed columns behind the input's.
pub(crate) fn append(input: Plan, exprs: Vec<Expr>, name: &str) -> Plan {
    if exprs.is_empty() {
        return input;
    }
    let mut names: Vec<_> = input.schema.fields.iter().map(|f| f.name.clone()).collect();
    names.resize(input.width() + exprs.len(), name.into());
    let mut all = input.columns();
    all.extend(exprs);
    project(input, all, &names)
}

/// Keeps the rows for which the predicate is true.
pub(crate) fn filter(input: Plan, predicate: Expr) -> Plan {
    let (schema, span) = (input.schema.clone(), predicate.span.or(input.span));
    Plan { node: Node::Filter { input: Box::new(input), predicate }, schema, span }
}

/// Joins; the padded side's columns become nullable.
pub(crate) fn join(left: Plan, right: Plan, kind: JoinKind, on: Option<Expr>) -> Plan {
    let pads_left = matches!(kind, JoinKind::Right | JoinKind::Full);
    let pads_right = matches!(kind, JoinKind::Left | JoinKind::Full);
    let pad = |f: &Field, padded: bool| Field { nullable: f.nullable || padded, ..f.clone() };
    let mut fields: Vec<Field> = left.schema.fields.iter().map(|f| pad(f, pads_left)).collect();
    if !matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti) {
        fields.extend(right.schema.fields.iter().map(|f| pad(f, pads_right)));
    }
    let span = on.as_ref().and_then(|e| e.span).or(left.span);
    let node = Node::Join { left: Box::new(left), right: Box::new(right), kind, on };
    Plan { node, schema: Schema::new(fields), span }
}

/// Groups; column names are the groups' (if given) and `agg`.
pub(crate) fn aggregate(input: Plan, group: Vec<Expr>, aggs: Vec<AggCall>) -> Plan {
    let group_field = |e: &Expr| {
        let name = match e.kind {
            ExprKind::Column(c) if c < input.width() => input.schema.fields[c].name.clone(),
            _ => "group".into(),
        };
        Field { name, data_type: e.ty.clone(), nullable: e.nullable }
    };
    let mut fields: Vec<Field> = group.iter().map(group_field).collect();
    fields.extend(aggs.iter().map(|a| Field::new(agg_name(a), a.ty.clone(), a.nullable)));
    let span = input.span;
    let node = Node::Aggregate { input: Box::new(input), group, aggs };
    Plan { node, schema: Schema::new(fields), span }
}

/// The column name of an aggregate in plans.
fn agg_name(call: &AggCall) -> String {
    format!("{:?}", call.func).to_lowercase()
}

/// A node over one input that keeps its columns.
pub(crate) fn over_same(input: Plan, make: impl FnOnce(Box<Plan>) -> Node) -> Plan {
    let (schema, span) = (input.schema.clone(), input.span);
    Plan { node: make(Box::new(input)), schema, span }
}

/// Removes duplicates.
pub(crate) fn distinct(input: Plan) -> Plan {
    over_same(input, |input| Node::Distinct { input })
}

/// UNION ALL of inputs with equal types; names are the first's.
pub(crate) fn union(inputs: Vec<Plan>) -> Plan {
    let mut fields: Vec<Field> = inputs[0].schema.fields.to_vec();
    for input in &inputs[1..] {
        for (field, other) in fields.iter_mut().zip(input.schema.fields.iter()) {
            field.nullable |= other.nullable;
        }
    }
    let span = inputs[0].span;
    Plan { node: Node::Union { inputs }, schema: Schema::new(fields), span }
}

/// The input with other column names.
pub(crate) fn rename<N: AsRef<str>>(mut input: Plan, names: &[N]) -> Plan {
    let field = |(f, n): (&Field, &N)| Field { name: n.as_ref().into(), ..f.clone() };
    let fields: Vec<Field> = input.schema.fields.iter().zip(names).map(field).collect();
    input.schema = Schema::new(fields);
    input
}

/// Appends window_start and window_end.
pub(crate) fn time_window(
    input: Plan,
    time: usize,
    window: TimeWindow,
    span: Option<Span>,
) -> Plan {
    let ty = input.schema.fields[time].data_type.clone();
    let mut fields: Vec<Field> = input.schema.fields.to_vec();
    fields.push(Field::new("window_start", ty.clone(), false));
    fields.push(Field::new("window_end", ty, false));
    let node = Node::TimeWindow { input: Box::new(input), time, window };
    Plan { node, schema: Schema::new(fields), span }
}

/// A conjunction; `None` of none.
pub(crate) fn and(arms: Vec<Expr>) -> Option<Expr> {
    let mut flat = Vec::with_capacity(arms.len());
    arms.into_iter().for_each(|a| a.into_conjuncts(&mut flat));
    Expr::conjunction(flat)
}

/// A BOOLEAN expression of this kind.
pub(crate) fn boolean(kind: ExprKind, nullable: bool, span: Option<Span>) -> Expr {
    Expr { kind, ty: DataType::Bool, nullable, span }
}

/// NOT.
pub(crate) fn not(expr: Expr) -> Expr {
    let (nullable, span) = (expr.nullable, expr.span);
    boolean(ExprKind::Not(Box::new(expr)), nullable, span)
}

/// COALESCE(expr, value): never NULL.
pub(crate) fn or_else(expr: Expr, value: arena_tr_types::Value) -> Expr {
    if !expr.nullable {
        return expr;
    }
    let (ty, span) = (expr.ty.clone(), expr.span);
    let fallback = Expr::literal(value, ty.clone());
    Expr { kind: ExprKind::Coalesce(vec![expr, fallback]), ty, nullable: false, span }
}
