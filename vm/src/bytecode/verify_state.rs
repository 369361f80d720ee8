//! What holds for the description of a state: every column that it names exists.
//!
//! Invariant: a state operator built from a checked description never indexes out of its input's
//! columns.

use arena_tr_planner::physical::{Agg, Forget, JoinKind, PaneColumn, SortKey};

use super::program::{JoinSpec, OverSpec, State, StateSpec};

type Check = Result<(), String>;

fn all_below(columns: impl IntoIterator<Item = usize>, n: usize, what: &str) -> Check {
    match columns.into_iter().find(|&c| c >= n) {
        Some(column) => Err(format!("{what} column {column} does not exist")),
        None => Ok(()),
    }
}

fn forget_fits(forget: Option<&Forget>, n: usize) -> Check {
    all_below(forget.map(|f| f.column), n, "forget")
}

fn order_fits(order: &[SortKey], n: usize) -> Check {
    all_below(order.iter().map(|key| key.column), n, "order")
}

fn aggs_fit(aggs: &[Agg], n: usize) -> Check {
    for agg in aggs {
        all_below(agg.args.iter().copied().chain(agg.filter), n, "aggregate")?;
        order_fits(&agg.order, n)?;
    }
    Ok(())
}

fn output_is(found: usize, wanted: usize) -> Check {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{found} output columns where the operator yields {wanted}"))
    }
}

fn windows_fit(keys: usize, aggs: usize, output: &[PaneColumn]) -> Check {
    let fits = |column: &PaneColumn| match column {
        PaneColumn::WindowStart | PaneColumn::WindowEnd => true,
        PaneColumn::Key(i) => *i < keys,
        PaneColumn::Agg(i) => *i < aggs,
    };
    if output.iter().all(fits) { Ok(()) } else { Err("an output column does not exist".into()) }
}

/// Checks a state whose number of inputs is right.
pub(super) fn check_state(state: &State) -> Check {
    let n = state.inputs[0].len();
    let out = state.output.len();
    match &state.spec {
        StateSpec::Group(spec) => {
            all_below(spec.keys.iter().copied(), n, "key")?;
            aggs_fit(&spec.aggs, n)?;
            forget_fits(spec.forget.as_ref(), spec.keys.len())?;
            output_is(out, spec.keys.len() + spec.aggs.len())
        }
        StateSpec::Pane(spec) => {
            all_below(spec.keys.iter().copied().chain([spec.time]), n, "key")?;
            aggs_fit(&spec.aggs, n)?;
            windows_fit(spec.keys.len(), spec.aggs.len(), &spec.output)?;
            output_is(out, spec.output.len())
        }
        StateSpec::Session(spec) => {
            all_below(spec.keys.iter().copied().chain([spec.time]), n, "key")?;
            aggs_fit(&spec.aggs, n)?;
            windows_fit(spec.keys.len(), spec.aggs.len(), &spec.output)?;
            output_is(out, spec.output.len())
        }
        StateSpec::SessionAssign { time, partition, forget, .. } => {
            all_below(partition.iter().copied().chain([*time]), n, "partition")?;
            forget_fits(forget.as_ref(), n)?;
            output_is(out, n + 2)
        }
        StateSpec::Join(spec) => check_join(spec, n, state.inputs[1].len(), out),
        StateSpec::Distinct { forget } => {
            forget_fits(forget.as_ref(), n)?;
            output_is(out, n)
        }
        StateSpec::SetOp { .. } => {
            output_is(state.inputs[1].len(), n)?;
            output_is(out, n)
        }
        StateSpec::Top(spec) => {
            all_below(spec.partition.iter().copied(), n, "partition")?;
            order_fits(&spec.order, n)?;
            forget_fits(spec.forget.as_ref(), n)?;
            output_is(out, n + usize::from(spec.number))
        }
        StateSpec::Over(spec) => check_over(spec, n, out),
        StateSpec::Hold { column } => {
            all_below([*column], n, "window end")?;
            output_is(out, n)
        }
    }
}

fn check_join(spec: &JoinSpec, left: usize, right: usize, out: usize) -> Check {
    all_below(spec.left_keys.iter().copied(), left, "left key")?;
    all_below(spec.right_keys.iter().copied(), right, "right key")?;
    let keys = spec.left_keys.len();
    if spec.right_keys.len() != keys || spec.null_equal.len() != keys {
        return Err("the keys of a join do not pair".into());
    }
    forget_fits(spec.left_forget.as_ref(), left)?;
    forget_fits(spec.right_forget.as_ref(), right)?;
    if let Some(columns) = &spec.residual {
        all_below(columns.iter().copied(), left + right, "residual")?;
    }
    let seen = match spec.kind {
        JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti => left,
        _ => left + right,
    };
    all_below(spec.output.iter().copied(), seen, "output")?;
    output_is(out, spec.output.len())
}

fn check_over(spec: &OverSpec, n: usize, out: usize) -> Check {
    all_below(spec.partition.iter().copied(), n, "partition")?;
    order_fits(&spec.order, n)?;
    for call in &spec.calls {
        all_below(call.args.iter().copied().chain(call.filter), n, "argument")?;
    }
    forget_fits(spec.forget.as_ref(), n)?;
    output_is(out, n + spec.calls.len())
}
