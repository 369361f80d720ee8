//! `row_number() <= n` becomes TopN: only the first rows of each partition are ever computed.
//!
//! Takes `<=`, `<`, `=`, `>`, `>=` and BETWEEN in either direction, for row_number, rank and
//! dense_rank; a lower bound alone does not do, because then all rows are kept anyway. Sound with
//! retractions: TopN is the filtered window function, computed without the rows that the filter
//! drops; when a first row leaves, the next one takes its place.
//! Invariant: the ranking column stays, computed by TopN itself, until pruning finds that nobody
//! uses it.

use arena_tr_types::{Func, Value};

use super::push_filter::filtered;
use crate::logical::visit::mirrored;
use crate::logical::{Expr, Node, Plan, RankFunc, WindowFunc};

/// Numbers that pass, both ends included.
#[derive(Debug, Clone, Copy)]
struct Range {
    low: i64,
    high: i64,
}

/// Rewrites a filter over a ranking window function; other plans come back as they are.
#[must_use]
pub fn top_n(plan: Plan) -> Plan {
    let Some((range, rest)) = recognise(&plan) else { return plan };
    let Node::Filter { input, .. } = plan.node else { return plan };
    let (schema, span) = (input.schema.clone(), input.span);
    let Node::Over { input, partition, order, calls } = input.node else { return *input };
    let function = calls.first().and_then(|c| rank(c.func)).unwrap_or(RankFunc::RowNumber);
    let offset = range.low - 1;
    let limit = range.high.saturating_sub(offset).max(0);
    let node = Node::TopN {
        input,
        partition,
        order,
        function,
        limit: Some(limit.unsigned_abs()),
        offset: offset.unsigned_abs(),
        number: true,
    };
    filtered(Plan { node, schema, span }, rest)
}

/// The range of numbers that pass, and the other predicates.
fn recognise(plan: &Plan) -> Option<(Range, Vec<Expr>)> {
    let Node::Filter { input, predicate } = &plan.node else { return None };
    let Node::Over { input: below, calls, .. } = &input.node else { return None };
    let [call] = calls.as_slice() else { return None };
    rank(call.func)?;
    let number = below.width();
    let mut range = Range { low: 1, high: i64::MAX };
    let mut rest = Vec::new();
    let mut arms = Vec::new();
    predicate.clone().into_conjuncts(&mut arms);
    for arm in arms {
        if !narrow(&arm, number, &mut range) {
            rest.push(arm);
        }
    }
    (range.high < i64::MAX).then_some((range, rest))
}

fn rank(func: WindowFunc) -> Option<RankFunc> {
    Some(match func {
        WindowFunc::RowNumber => RankFunc::RowNumber,
        WindowFunc::Rank => RankFunc::Rank,
        WindowFunc::DenseRank => RankFunc::DenseRank,
        _ => return None,
    })
}

/// Takes a comparison of the number with a constant into the range.
fn narrow(arm: &Expr, number: usize, range: &mut Range) -> bool {
    let Some((func, a, b)) = arm.as_binary() else { return false };
    let (func, constant) = if a.as_column() == Some(number) {
        (Some(func), b)
    } else if b.as_column() == Some(number) {
        (mirrored(func), a)
    } else {
        return false;
    };
    let n = match constant.as_literal() {
        Some(Value::Int8(n)) => *n,
        Some(Value::Int4(n)) => i64::from(*n),
        Some(Value::Int2(n)) => i64::from(*n),
        _ => return false,
    };
    match func {
        Some(Func::LtEq) => range.high = range.high.min(n),
        Some(Func::Lt) => range.high = range.high.min(n.saturating_sub(1)),
        Some(Func::GtEq) => range.low = range.low.max(n),
        Some(Func::Gt) => range.low = range.low.max(n.saturating_add(1)),
        Some(Func::Eq) => {
            range.low = range.low.max(n);
            range.high = range.high.min(n);
        }
        _ => return false,
    }
    true
}
