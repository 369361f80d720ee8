//! How large each operator's state can get, and the smallest change that bounds it.

use arena_tr_parser::Span;

use super::Facts;
use crate::physical::PhysicalPlan;
use crate::physical::lower::Notice;

/// Remarks on operators whose state nothing bounds.
pub fn notices(_plan: &PhysicalPlan, _facts: &[Facts], _spans: &[Option<Span>]) -> Vec<Notice> {
    Vec::new()
}
