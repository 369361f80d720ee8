//! Stateful operators from hand-built plans: at every epoch the sum of what was emitted is the
//! result computed from scratch, for every batch size, with retractions and NULLs.

use std::collections::BTreeMap;

use arena_tr_planner::physical::{
    Agg, Aggregate, Expr, ExprKind, Join, JoinKind, NodeId, Op, PhysicalPlan, SetOp,
};
use arena_tr_types::{AggFunc, DataType, Func, Schema, Value};

use crate::testing::*;

type Row = Vec<Value>;
type Bag = BTreeMap<String, i64>;

/// A small deterministic generator.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// A small number, sometimes NULL.
    fn value(&mut self, n: u64) -> Value {
        if self.below(8) == 0 { Value::Null } else { Value::Int8(self.below(n) as i64) }
    }
}

fn line(row: &[Value]) -> String {
    let show = |v: &Value| if v.is_null() { "NULL".into() } else { v.to_text() };
    row.iter().map(show).collect::<Vec<String>>().join("|")
}

fn add(bag: &mut Bag, line: String, weight: i64) {
    let count = bag.entry(line).or_insert(0);
    *count += weight;
}

fn clean(mut bag: Bag) -> Bag {
    bag.retain(|_, weight| *weight != 0);
    bag
}

fn two_columns() -> Schema {
    schema(&[("k?", DataType::Int8), ("x?", DataType::Int8)])
}

/// Runs random epochs over inputs of two columns and compares with `recompute` after each.
fn compare_with_recompute(plan: &PhysicalPlan, recompute: impl Fn(&[Vec<Row>]) -> Vec<Row>) {
    let retracts = plan.inputs.iter().any(|i| !i.append_only);
    for size in SIZES {
        let mut rng = Rng(size as u64);
        let mut runner = Runner::new(plan);
        let mut contents: Vec<Vec<Row>> = vec![Vec::new(); plan.inputs.len()];
        let mut emitted = Bag::new();
        for epoch in 0..12 {
            let mut deltas = Vec::new();
            for rows in &mut contents {
                let mut delta = Vec::new();
                for _ in 0..rng.below(40) {
                    if retracts && !rows.is_empty() && rng.below(3) == 0 {
                        let at = rng.below(rows.len() as u64) as usize;
                        delta.push((rows.swap_remove(at), -1));
                    } else {
                        let row = vec![rng.value(5), rng.value(4)];
                        rows.push(row.clone());
                        delta.push((row, 1));
                    }
                }
                deltas.push(delta);
            }
            for shown in runner.rows(&deltas, size) {
                let (weight, row) = shown.split_once('|').expect("weight|row");
                add(&mut emitted, row.to_owned(), weight.parse().expect("a weight"));
            }
            let mut wanted = Bag::new();
            recompute(&contents).iter().for_each(|row| add(&mut wanted, line(row), 1));
            assert_eq!(clean(emitted.clone()), clean(wanted), "epoch {epoch}, batches of {size}");
        }
    }
}

fn agg(func: AggFunc, args: &[usize], ty: DataType) -> Agg {
    Agg { func, args: args.to_vec(), distinct: false, filter: None, order: Vec::new(), ty }
}

fn grouped(keys: &[usize], append_only: bool) -> PhysicalPlan {
    let mut b = PlanBuilder::new();
    let input = b.input("t", &two_columns(), append_only);
    let mut fields: Vec<(&str, DataType)> = keys.iter().map(|_| ("k?", DataType::Int8)).collect();
    fields.extend([
        ("n", DataType::Int8),
        ("c", DataType::Int8),
        ("s?", DataType::Numeric(None)),
        ("lo?", DataType::Int8),
        ("hi?", DataType::Int8),
    ]);
    let spec = Aggregate {
        keys: keys.to_vec(),
        aggs: vec![
            agg(AggFunc::CountStar, &[], DataType::Int8),
            agg(AggFunc::Count, &[1], DataType::Int8),
            agg(AggFunc::Sum, &[1], DataType::Numeric(None)),
            agg(AggFunc::Min, &[1], DataType::Int8),
            agg(AggFunc::Max, &[1], DataType::Int8),
        ],
        retracts: !append_only,
        forget: None,
    };
    let root = b.node(Op::Aggregate(spec), &[input], &schema(&fields), false);
    b.finish(root)
}

fn group_rows(rows: &[Row], keyed: bool) -> Vec<Row> {
    let mut groups: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    if !keyed {
        groups.insert(String::new(), (Value::Null, Vec::new()));
    }
    for row in rows {
        let key = if keyed { line(&row[..1]) } else { String::new() };
        groups.entry(key).or_insert((row[0].clone(), Vec::new())).1.push(row[1].clone());
    }
    let int = |v: &Value| if let Value::Int8(i) = v { Some(*i) } else { None };
    groups
        .into_values()
        .map(|(key, values)| {
            let known: Vec<i64> = values.iter().filter_map(int).collect();
            let or_null = |i: Option<i64>| i.map_or(Value::Null, Value::Int8);
            let mut row = if keyed { vec![key] } else { Vec::new() };
            row.push(Value::Int8(values.len() as i64));
            row.push(Value::Int8(known.len() as i64));
            row.push(or_null((!known.is_empty()).then(|| known.iter().sum())));
            row.push(or_null(known.iter().copied().min()));
            row.push(or_null(known.iter().copied().max()));
            row
        })
        .collect()
}

#[test]
fn groups_are_kept() {
    for append_only in [true, false] {
        compare_with_recompute(&grouped(&[0], append_only), |t| group_rows(&t[0], true));
        compare_with_recompute(&grouped(&[], append_only), |t| group_rows(&t[0], false));
    }
}

#[test]
fn group_text_reads_like_a_story() {
    let text = crate::compile(&grouped(&[0], true), "v").expect("compiles").to_text();
    for line in ["group.upsert", "agg.count", "agg.sum", "agg.min", "agg.max", "on changed g0"] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

fn joined(
    kind: JoinKind,
    residual: Option<Expr>,
    keys: &[usize],
    null_equal: bool,
) -> PhysicalPlan {
    let mut b = PlanBuilder::new();
    let left = b.input("l", &two_columns(), false);
    let right = b.input("r", &two_columns(), false);
    let one_side = matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti);
    let fields: Vec<(&str, DataType)> =
        ["a?", "b?", "c?", "d?"].iter().map(|n| (*n, DataType::Int8)).collect();
    let width = if one_side { 2 } else { 4 };
    let join = Join {
        kind,
        left_keys: keys.to_vec(),
        right_keys: keys.to_vec(),
        null_equal: vec![null_equal; keys.len()],
        residual,
        left_forget: None,
        right_forget: None,
        output: (0..width).collect(),
    };
    let root = b.node(Op::Join(join), &[left, right], &schema(&fields[..width]), false);
    b.finish(root)
}

/// A naive join: `matches` says whether a pair counts.
fn join_rows(
    kind: JoinKind,
    left: &[Row],
    right: &[Row],
    matches: impl Fn(&Row, &Row) -> bool,
) -> Vec<Row> {
    let pair = |l: &Row, r: &Row| l.iter().chain(r).cloned().collect::<Row>();
    let nulls = vec![Value::Null, Value::Null];
    let mut out = Vec::new();
    for l in left {
        let partners: Vec<&Row> = right.iter().filter(|r| matches(l, r)).collect();
        match kind {
            JoinKind::Semi if !partners.is_empty() => out.push(l.clone()),
            JoinKind::Anti if partners.is_empty() => out.push(l.clone()),
            JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti => {}
            _ => out.extend(partners.iter().map(|r| pair(l, r))),
        }
        if partners.is_empty() && matches!(kind, JoinKind::Left | JoinKind::Full) {
            out.push(pair(l, &nulls));
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        let alone = right.iter().filter(|r| !left.iter().any(|l| matches(l, r)));
        out.extend(alone.map(|r| pair(&nulls, r)));
    }
    out
}

const KINDS: [JoinKind; 6] = [
    JoinKind::Inner,
    JoinKind::Left,
    JoinKind::Right,
    JoinKind::Full,
    JoinKind::Semi,
    JoinKind::Anti,
];

fn number(v: &Value) -> Option<i64> {
    if let Value::Int8(i) = v { Some(*i) } else { None }
}

#[test]
fn joins_on_keys() {
    for kind in KINDS {
        for null_equal in [false, true] {
            let plan = joined(kind, None, &[0], null_equal);
            compare_with_recompute(&plan, |t| {
                join_rows(kind, &t[0], &t[1], |l, r| {
                    l[0] == r[0] && (null_equal || !l[0].is_null())
                })
            });
        }
    }
}

/// l.x < r.x, or l.x + 10 / (r.x - 1) > 0 where r.x is not 1: with an arm that could fail.
#[test]
fn joins_with_a_residual_condition() {
    let x = |i| col(i, DataType::Int8);
    for kind in KINDS {
        let residual = compare(Func::Lt, x(1), x(3));
        let plan = joined(kind, Some(residual), &[0], false);
        compare_with_recompute(&plan, |t| {
            join_rows(kind, &t[0], &t[1], |l, r| {
                let less = number(&l[1]).zip(number(&r[1])).is_some_and(|(a, b)| a < b);
                !l[0].is_null() && l[0] == r[0] && less
            })
        });
        let one = compare(Func::Eq, x(3), int(1));
        let minus = call(Func::Sub, vec![x(3), int(1)], DataType::Int8);
        let quotient = call(Func::Div, vec![int(10), minus], DataType::Int8);
        let sum = call(Func::Add, vec![x(1), quotient], DataType::Int8);
        let rest = compare(Func::Gt, sum, int(0));
        let residual = expr(ExprKind::Or(vec![one, rest]), DataType::Bool);
        let plan = joined(kind, Some(residual), &[], false);
        compare_with_recompute(&plan, |t| {
            join_rows(kind, &t[0], &t[1], |l, r| match (number(&l[1]), number(&r[1])) {
                (_, Some(1)) => true,
                (Some(a), Some(b)) => a + 10 / (b - 1) > 0,
                _ => false,
            })
        });
    }
}

#[test]
fn distinct_and_set_operations() {
    let with = |make: &dyn Fn(&mut PlanBuilder, NodeId, NodeId) -> NodeId| {
        let mut b = PlanBuilder::new();
        let left = b.input("l", &two_columns(), false);
        let right = b.input("r", &two_columns(), false);
        let root = make(&mut b, left, right);
        b.finish(root)
    };
    let count = |rows: &[Row]| {
        let mut bag: BTreeMap<String, (Row, i64)> = BTreeMap::new();
        for row in rows {
            bag.entry(line(row)).or_insert((row.clone(), 0)).1 += 1;
        }
        bag
    };
    let plan =
        with(&|b, left, _| b.node(Op::Distinct { forget: None }, &[left], &two_columns(), false));
    compare_with_recompute(&plan, |t| count(&t[0]).into_values().map(|(row, _)| row).collect());
    for (op, all) in [
        (SetOp::Intersect, false),
        (SetOp::Intersect, true),
        (SetOp::Except, false),
        (SetOp::Except, true),
    ] {
        let plan = with(&|b, left, right| {
            b.node(Op::SetOp { op, all }, &[left, right], &two_columns(), false)
        });
        compare_with_recompute(&plan, |t| {
            let right = count(&t[1]);
            let n = |(key, (row, left)): (String, (Row, i64))| {
                let right = right.get(&key).map_or(0, |(_, n)| *n);
                let n = match (op, all) {
                    (SetOp::Intersect, true) => left.min(right),
                    (SetOp::Intersect, false) => i64::from(right > 0),
                    (SetOp::Except, true) => (left - right).max(0),
                    (SetOp::Except, false) => i64::from(right == 0),
                };
                vec![row; n as usize]
            };
            count(&t[0]).into_iter().flat_map(n).collect()
        });
    }
}

/// A join of a relation with an aggregate of itself: one input, two pipelines, states behind each
/// other.
#[test]
fn operators_stand_on_each_other() {
    let mut b = PlanBuilder::new();
    let input = b.input("t", &two_columns(), false);
    let spec = Aggregate {
        keys: vec![0],
        aggs: vec![agg(AggFunc::CountStar, &[], DataType::Int8)],
        retracts: true,
        forget: None,
    };
    let counted = b.node(Op::Aggregate(spec), &[input], &two_columns(), false);
    let many = b.filter(counted, compare(Func::Gt, col(1, DataType::Int8), int(2)));
    let join = Join {
        kind: JoinKind::Inner,
        left_keys: vec![0],
        right_keys: vec![0],
        null_equal: vec![false],
        residual: None,
        left_forget: None,
        right_forget: None,
        output: vec![0, 1, 3],
    };
    let fields = schema(&[("k?", DataType::Int8), ("x?", DataType::Int8), ("n", DataType::Int8)]);
    let root = b.node(Op::Join(join), &[input, many], &fields, false);
    compare_with_recompute(&b.finish(root), |t| {
        let n = |key: &Value| t[0].iter().filter(|row| row[0] == *key).count() as i64;
        let mut out = Vec::new();
        for row in t[0].iter().filter(|row| !row[0].is_null() && n(&row[0]) > 2) {
            out.push(vec![row[0].clone(), row[1].clone(), Value::Int8(n(&row[0]))]);
        }
        out
    });
}
