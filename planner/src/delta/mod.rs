//! What each physical operator promises about its deltas, and what it may forget: the algebra of
//! change.
//!
//! A node's output is a stream of deltas. Three things are derived for it from its operator and its
//! inputs: whether it only grows ([`monotone`]), which columns carry the watermark and hence what
//! state can be dropped ([`frontier`]), and facts that only planning uses ([`facts`]: keys, columns
//! that are never NULL). [`bounded`] reads the finished plan and says how large each operator's
//! state can get.
//! Invariant: forgetting never changes an answer: a view equals batch SQL over all accepted rows.
//! State is dropped only when no later row, and no retraction of an earlier one, can reach it.

pub mod bounded;
mod facts;
pub mod frontier;
mod monotone;
pub mod range;
#[cfg(test)]
mod tests;

pub use facts::{Facts, WindowPair, facts};
pub use frontier::{frontier, refresh};
pub use monotone::append_only;

use crate::physical::Node;

/// An operator's surroundings: its inputs and what is known of them.
#[derive(Debug)]
pub struct Context<'a> {
    /// The inputs.
    pub inputs: Vec<&'a Node>,
    /// What is known of each.
    pub facts: Vec<&'a Facts>,
    /// Whether the plan is stepped only once; then no watermark moves, and nothing is ever
    /// forgotten.
    pub ad_hoc: bool,
    /// Whether all rows of a window come in the step that closes it, and the operator's keys hold
    /// the window.
    pub closing: bool,
}

impl Context<'_> {
    /// Whether all inputs only grow.
    pub(crate) fn all_append_only(&self) -> bool {
        self.inputs.iter().all(|n| n.append_only)
    }
}
