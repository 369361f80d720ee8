//! Session windows: rows of one partition that are at most a gap apart.
//!
//! A session takes every row at a distance of at most the gap, the gap included, from one of its
//! rows; its window ends at its last row plus the gap. [`SessionGroup`] aggregates the sessions of
//! an append-only input; [`SessionAssign`] gives each row the bounds of its session and can undo.
//!
//! Invariant: a session is final when the watermark is greater than its window's end (plus the lag
//! that the plan adds).

mod assign;
mod group;
mod spans;

pub use assign::SessionAssign;
pub use group::SessionGroup;
