//! Plans built by hand, for the tests of rules and lowering: a catalog of auctions and short
//! constructors.
//!
//! Invariant: constructors derive schemas as the binder does, so a test states operators and names
//! only.

use std::sync::Arc;

use arena_tr_types::{
    AggFunc, DataType, Field, Func, Interval, RelationId, Schema, SqlError, Value,
};

use crate::catalog::{Catalog, Relation, RelationKind, Watermark};
use crate::logical::display;
use crate::logical::{
    AggCall, Expr, ExprKind, Frame, FrameBound, FrameUnits, JoinKind, Node, Plan, SortKey,
    TimeWindow, WindowCall, WindowFunc,
};
use crate::physical::lower::{Emit, Lowered, Mode, lower};
use crate::rules::{ConstEval, optimize};

/// One second in microseconds.
pub(crate) const SECOND: i64 = 1_000_000;

/// Enough of an evaluator to fold what the tests write.
pub(crate) struct TestEval;

impl ConstEval for TestEval {
    fn eval(&self, expr: &Expr) -> Result<Value, SqlError> {
        let unknown = || SqlError::unsupported("this constant");
        let literal = |e: &Expr| e.as_literal().cloned().ok_or_else(unknown);
        match &expr.kind {
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Not(input) => match literal(input)? {
                Value::Bool(b) => Ok(Value::Bool(!b)),
                _ => Ok(Value::Null),
            },
            ExprKind::IsNull(input) => Ok(Value::Bool(literal(input)?.is_null())),
            ExprKind::Cast { input, .. } => literal(input)?.cast(&expr.ty),
            ExprKind::Call { func, args } => {
                let (a, b) = (literal(&args[0])?, literal(args.get(1).ok_or_else(unknown)?)?);
                if a.is_null() || b.is_null() {
                    return Ok(Value::Null);
                }
                let order = a.cmp_sql(&b);
                Ok(match func {
                    Func::Eq => Value::Bool(order.is_eq()),
                    Func::NotEq => Value::Bool(order.is_ne()),
                    Func::Lt => Value::Bool(order.is_lt()),
                    Func::Gt => Value::Bool(order.is_gt()),
                    Func::Add => Value::Int8(int(&a)? + int(&b)?),
                    Func::Div if int(&b)? == 0 => return Err(SqlError::division_by_zero()),
                    Func::Div => Value::Int8(int(&a)? / int(&b)?),
                    _ => return Err(unknown()),
                })
            }
            _ => Err(unknown()),
        }
    }
}

fn int(value: &Value) -> Result<i64, SqlError> {
    value.as_i64().ok_or_else(|| SqlError::unsupported("this number"))
}

fn relation(id: u32, name: &str, kind: RelationKind, columns: &[(&str, DataType)]) -> Relation {
    let field = |(name, ty): &(&str, DataType)| Field::new(*name, ty.clone(), true);
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let time = columns.iter().position(|(name, _)| *name == "ts");
    let event_time = matches!(kind, RelationKind::Source | RelationKind::Stream);
    Relation {
        id: RelationId(id),
        name: name.into(),
        kind,
        schema: Schema::new(fields),
        primary_key: None,
        append_only: event_time,
        watermark: time.filter(|_| event_time).map(|column| Watermark { column, delay: SECOND }),
        defaults: vec![None; columns.len()],
        computed: vec![None; columns.len()],
        checks: Vec::new(),
        keys: Default::default(),
        view_query: None,
        view_columns: Vec::new(),
    }
}

/// bid, auction (streams with event time `ts`), click (a stream without), side (a table with a
/// key), t (a table).
pub(crate) fn catalog() -> Catalog {
    use DataType::{Int8, Text, Timestamp};
    let mut side = relation(4, "side", RelationKind::Table, &[("key", Int8), ("value", Text)]);
    side.primary_key = Some(vec![0]);
    let mut fields = side.schema.fields.to_vec();
    fields[0].nullable = false;
    side.schema = Schema::new(fields);
    let all = [
        relation(
            1,
            "bid",
            RelationKind::Source,
            &[
                ("auction", Int8),
                ("bidder", Int8),
                ("price", Int8),
                ("ts", Timestamp),
                ("extra", Text),
            ],
        ),
        relation(
            2,
            "auction",
            RelationKind::Source,
            &[
                ("id", Int8),
                ("seller", Int8),
                ("category", Int8),
                ("ts", Timestamp),
                ("expires", Timestamp),
            ],
        ),
        relation(3, "click", RelationKind::Stream, &[("who", Int8), ("page", Text)]),
        side,
        relation(5, "t", RelationKind::Table, &[("a", Int8), ("b", Int8), ("ts", Timestamp)]),
    ];
    Catalog { relations: all.into_iter().map(|r| (r.name.clone(), Arc::new(r))).collect() }
}

fn plan(node: Node, fields: Vec<Field>) -> Plan {
    Plan { node, schema: Schema::new(fields), span: None }
}

/// All columns of a relation.
pub(crate) fn scan(name: &str) -> Plan {
    let catalog = catalog();
    let found = &catalog.relations[name];
    let columns = (0..found.schema.len()).collect();
    let node = Node::Scan { relation: found.id, columns, moment: None };
    plan(node, found.schema.fields.to_vec())
}

/// The column of this name; `name#2` is the second of that name.
pub(crate) fn col(plan: &Plan, name: &str) -> Expr {
    column(&plan.schema.fields, name)
}

fn column(fields: &[Field], name: &str) -> Expr {
    let (bare, nth) = match name.split_once('#') {
        Some((bare, nth)) => (bare, nth.parse::<usize>().unwrap() - 1),
        None => (name, 0),
    };
    let mut places = fields.iter().enumerate().filter(|(_, f)| &*f.name == bare);
    let (index, field) = places.nth(nth).unwrap_or_else(|| panic!("no column {name}"));
    Expr::column(index, field.data_type.clone(), field.nullable)
}

/// Both sides' columns of a join that is still to be made.
pub(crate) struct Both<'a>(pub(crate) &'a Plan, pub(crate) &'a Plan);

impl Both<'_> {
    /// `l.name` or `r.name`.
    pub(crate) fn col(&self, name: &str) -> Expr {
        match name.split_once('.') {
            Some(("l", name)) => col(self.0, name),
            Some(("r", name)) => col(self.1, name).shifted(self.0.width()),
            _ => panic!("l.name or r.name"),
        }
    }
}

pub(crate) fn big(n: i64) -> Expr {
    Expr::literal(Value::Int8(n), DataType::Int8)
}

pub(crate) fn null() -> Expr {
    Expr::literal(Value::Null, DataType::Int8)
}

pub(crate) fn seconds(n: i64) -> Expr {
    let interval = Interval { micros: n * SECOND, days: 0, months: 0 };
    Expr::literal(Value::Interval(interval), DataType::Interval)
}

/// A comparison.
pub(crate) fn cmp(func: Func, a: Expr, b: Expr) -> Expr {
    Expr::predicate(func, vec![a, b])
}

pub(crate) fn eq(a: Expr, b: Expr) -> Expr {
    cmp(Func::Eq, a, b)
}

/// A call of the type of its first argument.
pub(crate) fn call(func: Func, args: Vec<Expr>) -> Expr {
    let (ty, nullable) = (args[0].ty.clone(), args.iter().any(|a| a.nullable));
    Expr { kind: ExprKind::Call { func, args }, ty, nullable, span: None }
}

pub(crate) fn boolean(kind: ExprKind) -> Expr {
    Expr { kind, ty: DataType::Bool, nullable: true, span: None }
}

pub(crate) fn and(arms: Vec<Expr>) -> Expr {
    boolean(ExprKind::And(arms))
}

pub(crate) fn or(arms: Vec<Expr>) -> Expr {
    boolean(ExprKind::Or(arms))
}

pub(crate) fn not(e: Expr) -> Expr {
    boolean(ExprKind::Not(Box::new(e)))
}

pub(crate) fn is_null(e: Expr) -> Expr {
    boolean(ExprKind::IsNull(Box::new(e)))
}

pub(crate) fn filter(input: Plan, predicate: Expr) -> Plan {
    let fields = input.schema.fields.to_vec();
    plan(Node::Filter { input: Box::new(input), predicate }, fields)
}

pub(crate) fn project(input: Plan, exprs: Vec<(&str, Expr)>) -> Plan {
    let fields = exprs.iter().map(|(n, e)| Field::new(*n, e.ty.clone(), e.nullable)).collect();
    let exprs = exprs.into_iter().map(|(_, e)| e).collect();
    plan(Node::Project { input: Box::new(input), exprs }, fields)
}

/// A projection of plain columns.
pub(crate) fn pick(input: Plan, names: &[&str]) -> Plan {
    let exprs = names.iter().map(|n| (n.split('#').next().unwrap(), col(&input, n))).collect();
    project(input, exprs)
}

pub(crate) fn join(left: Plan, right: Plan, kind: JoinKind, on: Option<Expr>) -> Plan {
    let pad = |fields: &[Field], pad: bool| -> Vec<Field> {
        fields.iter().map(|f| Field { nullable: f.nullable || pad, ..f.clone() }).collect()
    };
    let pairs = !matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti);
    let mut fields = pad(&left.schema.fields, matches!(kind, JoinKind::Right | JoinKind::Full));
    if pairs {
        fields.extend(pad(&right.schema.fields, matches!(kind, JoinKind::Left | JoinKind::Full)));
    }
    plan(Node::Join { left: Box::new(left), right: Box::new(right), kind, on }, fields)
}

/// An inner join on equal columns.
pub(crate) fn join_on(left: Plan, right: Plan, pairs: &[(&str, &str)]) -> Plan {
    let both = Both(&left, &right);
    let arm = |(l, r): &(&str, &str)| eq(both.col(&format!("l.{l}")), both.col(&format!("r.{r}")));
    let on = Expr::conjunction(pairs.iter().map(arm).collect());
    join(left, right, JoinKind::Inner, on)
}

pub(crate) fn agg(func: AggFunc, args: Vec<Expr>) -> AggCall {
    let counts = matches!(func, AggFunc::Count | AggFunc::CountStar);
    let ty = if counts { DataType::Int8 } else { args[0].ty.clone() };
    AggCall {
        func,
        args,
        distinct: false,
        filter: None,
        order: Vec::new(),
        ty,
        nullable: !counts,
        span: None,
    }
}

pub(crate) fn count() -> AggCall {
    agg(AggFunc::CountStar, Vec::new())
}

pub(crate) fn group(input: Plan, keys: &[&str], aggs: Vec<(&str, AggCall)>) -> Plan {
    let keys: Vec<Expr> = keys.iter().map(|k| col(&input, k)).collect();
    let key = |e: &Expr| input.schema.fields[e.as_column().unwrap()].clone();
    let mut fields: Vec<Field> = keys.iter().map(key).collect();
    fields.extend(aggs.iter().map(|(n, a)| Field::new(*n, a.ty.clone(), a.nullable)));
    let aggs = aggs.into_iter().map(|(_, a)| a).collect();
    plan(Node::Aggregate { input: Box::new(input), group: keys, aggs }, fields)
}

pub(crate) fn window(input: Plan, window: TimeWindow) -> Plan {
    let time = col(&input, "ts").as_column().unwrap();
    let mut fields = input.schema.fields.to_vec();
    let ty = fields[time].data_type.clone();
    fields.push(Field::new("window_start", ty.clone(), false));
    fields.push(Field::new("window_end", ty, false));
    plan(Node::TimeWindow { input: Box::new(input), time, window }, fields)
}

pub(crate) fn tumble(input: Plan, size: i64) -> Plan {
    window(input, TimeWindow::Tumble { size: size * SECOND, offset: 0 })
}

pub(crate) fn hop(input: Plan, slide: i64, size: i64) -> Plan {
    window(input, TimeWindow::Hop { slide: slide * SECOND, size: size * SECOND, offset: 0 })
}

pub(crate) fn session(input: Plan, by: &str, gap: i64) -> Plan {
    let partition = vec![col(&input, by).as_column().unwrap()];
    window(input, TimeWindow::Session { gap: gap * SECOND, partition })
}

pub(crate) fn key(input: &Plan, name: &str, desc: bool) -> SortKey {
    SortKey { column: col(input, name).as_column().unwrap(), desc, nulls_first: desc }
}

pub(crate) fn over(input: Plan, func: WindowFunc, by: &[&str], order: &[(&str, bool)]) -> Plan {
    let partition = by.iter().map(|n| col(&input, n).as_column().unwrap()).collect();
    let order = order.iter().map(|(n, desc)| key(&input, n, *desc)).collect();
    let frame = Frame {
        units: FrameUnits::Range,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::CurrentRow,
    };
    let call = WindowCall { func, args: Vec::new(), filter: None, frame, ty: DataType::Int8 };
    let mut fields = input.schema.fields.to_vec();
    fields.push(Field::new("rn", DataType::Int8, false));
    plan(Node::Over { input: Box::new(input), partition, order, calls: vec![call] }, fields)
}

pub(crate) fn distinct(input: Plan) -> Plan {
    let fields = input.schema.fields.to_vec();
    plan(Node::Distinct { input: Box::new(input) }, fields)
}

pub(crate) fn union(inputs: Vec<Plan>) -> Plan {
    let fields = inputs[0].schema.fields.to_vec();
    plan(Node::Union { inputs }, fields)
}

pub(crate) fn sort(input: Plan, keys: &[(&str, bool)]) -> Plan {
    let keys = keys.iter().map(|(n, desc)| key(&input, n, *desc)).collect();
    let fields = input.schema.fields.to_vec();
    plan(Node::Sort { input: Box::new(input), keys }, fields)
}

pub(crate) fn limit(input: Plan, limit: u64, offset: u64) -> Plan {
    let fields = input.schema.fields.to_vec();
    plan(Node::Limit { input: Box::new(input), limit: Some(limit), offset }, fields)
}

/// The optimized plan's text, without the indentation that the test's own text has.
pub(crate) fn optimized(plan: Plan) -> String {
    display::explain(&optimize(plan, &TestEval).unwrap(), &catalog())
}

/// Lowers for a view with every change.
pub(crate) fn view(plan: Plan) -> Lowered {
    let plan = optimize(plan, &TestEval).unwrap();
    lower(plan, &catalog(), &Mode::Standing { emit: Emit::Changes }).unwrap()
}

/// Lowers for a view on window close.
pub(crate) fn final_view(plan: Plan) -> Result<Lowered, crate::PlanError> {
    let plan = optimize(plan, &TestEval).unwrap();
    lower(plan, &catalog(), &Mode::Standing { emit: Emit::OnWindowClose })
}

/// The text of a lowered plan.
pub(crate) fn physical(lowered: &Lowered) -> String {
    crate::physical::display::explain(&lowered.plan)
}

/// Compares texts line by line, the expected one with its margin removed.
#[track_caller]
pub(crate) fn expect(actual: &str, expected: &str) {
    let lines: Vec<&str> = expected.lines().filter(|l| !l.trim().is_empty()).collect();
    let margin = lines.iter().map(|l| l.len() - l.trim_start().len()).min().unwrap_or(0);
    let expected: Vec<&str> = lines.iter().map(|l| &l[margin..]).collect();
    let actual: Vec<&str> = actual.lines().collect();
    assert!(
        actual == expected,
        "actual:\n{}\nexpected:\n{}",
        actual.join("\n"),
        expected.join("\n")
    );
}
