//! Where windows lie: panes of equal width, and which panes a window is made of.
//!
//! Panes are as wide as the greatest common divisor of a window's size and slide, so that a window
//! is a run of whole panes and a row is in exactly one pane. Windows are numbered so that their
//! ends ascend.
//!
//! Invariant: arithmetic saturates; times at the ends of the range are in the last window there is.

use arena_tr_planner::physical::TimeWindow;
use arena_tr_types::{SqlError, Timestamp};

/// Panes and windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    /// Width of a pane.
    width: i64,
    offset: i64,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// Window `k` begins at pane `k * slide` and has `size` panes.
    Hop { slide: i64, size: i64 },
    /// Window `k` ends with pane `k` and begins where its cycle of `n` panes does.
    Cumulate { n: i64 },
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Geometry {
    /// The panes of a window; sessions have none.
    pub(crate) fn new(window: &TimeWindow) -> Result<Self, SqlError> {
        let (width, offset, form) = match *window {
            TimeWindow::Tumble { size, offset } => {
                (size.max(1), offset, Form::Hop { slide: 1, size: 1 })
            }
            TimeWindow::Hop { slide, size, offset } => {
                let (slide, size) = (slide.max(1), size.max(1));
                let width = gcd(slide, size);
                (width, offset, Form::Hop { slide: slide / width, size: size / width })
            }
            TimeWindow::Cumulate { step, max, offset } => {
                let step = step.max(1);
                (step, offset, Form::Cumulate { n: (max / step).max(1) })
            }
            TimeWindow::Session { .. } => {
                return Err(SqlError::unsupported("a session window in panes"));
            }
        };
        Ok(Self { width, offset, form })
    }

    /// The pane that a time is in.
    #[inline]
    pub(crate) fn pane_of(&self, t: Timestamp) -> i64 {
        t.saturating_sub(self.offset).div_euclid(self.width)
    }

    /// The first time of a pane, and the first after it.
    pub(crate) fn pane_times(&self, pane: i64) -> (Timestamp, Timestamp) {
        (self.start_of(pane), self.start_of(pane.saturating_add(1)))
    }

    fn start_of(&self, pane: i64) -> Timestamp {
        pane.saturating_mul(self.width).saturating_add(self.offset)
    }

    /// The panes of a window: the first, and the first after it.
    pub(crate) fn panes(&self, window: i64) -> (i64, i64) {
        match self.form {
            Form::Hop { slide, size } => {
                let first = window.saturating_mul(slide);
                (first, first.saturating_add(size))
            }
            Form::Cumulate { n } => (window.div_euclid(n) * n, window.saturating_add(1)),
        }
    }

    /// Start and end of a window.
    pub(crate) fn bounds(&self, window: i64) -> (Timestamp, Timestamp) {
        let (first, end) = self.panes(window);
        (self.start_of(first), self.start_of(end))
    }

    /// The first window that a pane is in (or the first after it, if it is in none).
    pub(crate) fn first_window(&self, pane: i64) -> i64 {
        match self.form {
            Form::Hop { slide, size } => pane.saturating_sub(size).div_euclid(slide) + 1,
            Form::Cumulate { .. } => pane,
        }
    }

    /// The last window that a pane is in (or the last before it, if it is in none).
    pub(crate) fn last_window(&self, pane: i64) -> i64 {
        match self.form {
            Form::Hop { slide, .. } => pane.div_euclid(slide),
            Form::Cumulate { n } => pane.div_euclid(n) * n + n - 1,
        }
    }

    /// Most panes of a window.
    pub(crate) fn panes_per_window(&self) -> i64 {
        match self.form {
            Form::Hop { size, .. } => size,
            Form::Cumulate { n } => n,
        }
    }

    /// Whether no pane is in two windows.
    pub(crate) fn is_disjoint(&self) -> bool {
        match self.form {
            Form::Hop { slide, size } => size <= slide,
            Form::Cumulate { n } => n == 1,
        }
    }
}
