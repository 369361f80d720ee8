//! Instructions that make new rows: windows that repeat a row, arrays that are unnested.
//!
//! An expansion starts a new row space. It yields at most one batch of new rows per turn and keeps
//! what it needs of the rows before, so registers of the new rows can be written freely.
//! Invariant: the new rows stand in the order of the rows they come from.

use arena_tr_storage::{Bitmap, Buffer, Column, ColumnBuilder, Fixed, Selection};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, SqlError, Value};

use super::machine::{Cx, Machine};
use super::pure::start_of_window;
use super::{Flow, Step};
use crate::bytecode::{ConstId, Sel, Val};
use crate::frame::Origin;
use crate::kernel::divisor::Divisor;

/// New rows, a batch at a time.
pub(crate) trait Turns {
    /// Makes the next batch the machine's current rows; false if there is none.
    fn turn(&mut self, m: &mut Machine, cx: &Cx<'_>) -> Result<bool, SqlError>;
}

/// The rows before the expansion, as far as the new ones need them.
struct Before {
    rows: Vec<u16>,
    /// The next of `rows` to look at.
    next: usize,
    weights: Option<Buffer<i64>>,
    origin: Origin,
}

impl Before {
    fn new(m: &Machine, step: &Step) -> Self {
        Self {
            rows: m.frame.sel(Sel(step.inst.sel)).iter().map(|i| i as u16).collect(),
            next: 0,
            weights: m.frame.weights.clone(),
            origin: m.frame.origin.clone(),
        }
    }

    /// Makes rows that come from `outer` the current ones.
    fn start(&self, m: &mut Machine, outer: Vec<u16>, columns: Vec<Column>) -> bool {
        if outer.is_empty() {
            return false;
        }
        let weights = Machine::repeat_weights(self.weights.as_ref(), &outer);
        let origin = match &self.origin {
            Origin::Driver => Origin::Mapped(outer.clone()),
            Origin::Mapped(rows) => {
                Origin::Mapped(outer.iter().map(|&i| rows[usize::from(i)]).collect())
            }
            Origin::Pairs => Origin::Pairs,
        };
        m.frame.start(outer.len(), weights, Selection::All(outer.len()), origin);
        m.frame.new_columns = columns;
        m.frame.outer = outer;
        true
    }
}

/// Windows of one time: first start, and how the others follow.
#[derive(Clone, Copy)]
enum Windows {
    /// Every `slide`, which `grid` divides by, each `size` long.
    Hop { grid: Divisor, slide: i64, size: i64, offset: i64 },
    /// All from one start, growing by `step` up to `max`, which `grid` divides by.
    Cumulate { grid: Divisor, step: i64, max: i64, offset: i64 },
}

impl Windows {
    /// The windows that `t` is in, earliest first.
    fn of(self, t: i64) -> impl Iterator<Item = (i64, i64)> {
        let (first, stride, len, grows, n) = match self {
            Self::Hop { grid, slide, size, offset } => {
                let last = start_of_window(t, grid, offset);
                let since = t.saturating_sub(last);
                // Windows start at last, last - slide, ... as long as start + size > t.
                let n = (size - since - 1).max(-1).div_euclid(slide) + 1;
                (last.saturating_sub((n - 1).max(0).saturating_mul(slide)), slide, size, false, n)
            }
            Self::Cumulate { grid, step, max, offset } => {
                let first = start_of_window(t, grid, offset);
                let since = t.saturating_sub(first);
                let skipped = since / step;
                (first, step, (skipped + 1).saturating_mul(step), true, max / step - skipped)
            }
        };
        (0..n.max(0)).map(move |k| {
            let shift = stride.saturating_mul(k);
            if grows {
                (first, first.saturating_add(len).saturating_add(shift))
            } else {
                let start = first.saturating_add(shift);
                (start, start.saturating_add(len))
            }
        })
    }
}

struct WindowTurns {
    before: Before,
    times: Column,
    windows: Windows,
    /// Windows of the current row that were already made.
    done: usize,
}

impl Turns for WindowTurns {
    fn turn(&mut self, m: &mut Machine, _: &Cx<'_>) -> Result<bool, SqlError> {
        let (mut outer, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let times = self.times.as_i64().expect("verified: times are 64-bit");
        while let Some(&row) = self.before.rows.get(self.before.next) {
            if let Some(t) = times.get(usize::from(row)) {
                for (start, end) in self.windows.of(t).skip(self.done) {
                    if outer.len() == BATCH_ROWS {
                        break;
                    }
                    outer.push(row);
                    starts.push(start);
                    ends.push(end);
                    self.done += 1;
                }
                if self.done < self.windows.of(t).count() {
                    break;
                }
            }
            self.done = 0;
            self.before.next += 1;
        }
        let column = |values: Vec<i64>| Column::I64(Fixed::new(Buffer::from(values)));
        Ok(self.before.start(m, outer, vec![column(starts), column(ends)]))
    }
}

fn windows(
    m: &mut Machine,
    step: &Step,
    cx: &Cx<'_>,
    make: fn(i64, i64, i64) -> Option<Windows>,
) -> Result<Flow, SqlError> {
    let length = |k: usize| match step.args[k] {
        Val::Const(c) => match cx.code.constant_values[c.index()].value {
            Value::Int8(n) => n,
            _ => 0,
        },
        Val::Reg(_) => 0,
    };
    // Lengths of windows are positive by construction of the plan; a hand-written program cannot
    // hang us.
    let windows =
        make(length(1).max(1), length(2).max(1), length(3)).expect("lengths are positive");
    let times = match step.args[0] {
        Val::Reg(reg) => m.frame.reg(reg).clone(),
        Val::Const(c) => cx.constant_column(c, m.frame.rows),
    };
    let before = Before::new(m, step);
    Ok(Flow::Expand(Box::new(WindowTurns { before, times, windows, done: 0 })))
}

pub(super) fn window_hop(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    windows(m, step, cx, |slide, size, offset| {
        Some(Windows::Hop { grid: Divisor::new(slide)?, slide, size, offset })
    })
}

pub(super) fn window_cumulate(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    windows(m, step, cx, |step, max, offset| {
        Some(Windows::Cumulate { grid: Divisor::new(max)?, step, max, offset })
    })
}

struct UnnestTurns {
    before: Before,
    lists: Column,
    list_type: DataType,
    element: DataType,
    outer: bool,
    /// The elements of the current row, and how many of them were made.
    current: Option<(Value, usize)>,
}

impl Turns for UnnestTurns {
    fn turn(&mut self, m: &mut Machine, _: &Cx<'_>) -> Result<bool, SqlError> {
        let mut elements = ColumnBuilder::new(self.element.physical(), BATCH_ROWS);
        let (mut outer, mut ordinals) = (Vec::new(), Vec::new());
        while let Some(&row) = self.before.rows.get(self.before.next) {
            let value = || self.lists.value(usize::from(row), &self.list_type);
            let (value, mut done) = self.current.take().unwrap_or_else(|| (value(), 0));
            let items: &[Value] = if let Value::List(items) = &value { items } else { &[] };
            let keep = items.is_empty() && self.outer;
            while done < items.len().max(usize::from(keep)) && outer.len() < BATCH_ROWS {
                elements.push_value(items.get(done).unwrap_or(&Value::Null))?;
                ordinals.push(items.get(done).map(|_| done as i64 + 1));
                outer.push(row);
                done += 1;
            }
            if done < items.len().max(usize::from(keep)) {
                self.current = Some((value, done));
                break;
            }
            self.before.next += 1;
        }
        let bits = Bitmap::from_bools(ordinals.iter().map(Option::is_some)).normalize();
        let values = ordinals.iter().map(|o| o.unwrap_or(0)).collect();
        let ordinals = Column::I64(Fixed::with_validity(values, bits));
        Ok(self.before.start(m, outer, vec![elements.finish(), ordinals]))
    }
}

fn unnest_with(m: &mut Machine, step: &Step, cx: &Cx<'_>, outer: bool) -> Result<Flow, SqlError> {
    let element = cx.code.constant_values[ConstId(step.inst.b).index()].ty.clone();
    Ok(Flow::Expand(Box::new(UnnestTurns {
        before: Before::new(m, step),
        lists: m.frame.regs[usize::from(step.inst.a)].clone(),
        list_type: DataType::List(Box::new(element.clone())),
        element,
        outer,
        current: None,
    })))
}

pub(super) fn unnest(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    unnest_with(m, step, cx, false)
}

pub(super) fn unnest_outer(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    unnest_with(m, step, cx, true)
}
