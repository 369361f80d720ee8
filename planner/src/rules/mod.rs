//! Rewrites of the logical plan, in a fixed order, until nothing changes or a limit is reached.
//!
//! Each rule's file says why it is sound when rows leave again and when values are NULL. Rules that
//! recognise a shape (rankings, extrema) run after filters have moved and before columns are
//! pruned, while two uses of one relation still look alike.
//! Invariant: a rule keeps the plan's rows, their weights under every change of the inputs, and its
//! columns.

pub mod constant;
mod extremum;
pub mod fold;
pub mod join_key;
pub mod join_order;
pub mod prune;
pub mod push_filter;
pub mod simplify;
#[cfg(test)]
mod tests;
pub mod top_n;

pub use fold::ConstEval;

use crate::error::PlanError;
use crate::logical::Plan;

/// Most rounds; a round that changes nothing ends earlier.
const ROUNDS: usize = 3;

/// Rewrites a bound plan into one that costs less.
pub fn optimize(mut plan: Plan, eval: &dyn ConstEval) -> Result<Plan, PlanError> {
    constant::check_constants(&plan, eval)?;
    let mut before = None;
    for _ in 0..ROUNDS {
        plan = round(plan, eval);
        let shape = fingerprint(&plan);
        if before.replace(shape) == Some(shape) {
            break;
        }
    }
    Ok(plan)
}

fn round(plan: Plan, eval: &dyn ConstEval) -> Plan {
    let plan = simplify::simplify(plan, eval);
    let plan = push_filter::push_filters(plan);
    let plan = join_order::join_order(plan);
    let plan = plan.rewrite_up(&mut |p| extremum::extremum(top_n::top_n(p)));
    let plan = prune::prune_columns(plan);
    simplify::simplify(plan, eval)
}

/// Changes whenever a rule did something that could let another one fire.
fn fingerprint(plan: &Plan) -> (usize, usize, u64) {
    let (mut nodes, mut size, mut shape) = (0, 0, 0_u64);
    plan.walk(&mut |p| {
        nodes += 1;
        let kind = std::mem::discriminant(&p.node);
        let hash = std::hash::BuildHasher::hash_one(&foldhash::fast::FixedState::default(), kind);
        shape = shape.rotate_left(5) ^ hash ^ p.width() as u64;
        p.each_expr(&mut |e| size += e.size());
    });
    (nodes, size, shape)
}
