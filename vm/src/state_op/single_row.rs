//! A scalar subquery: exactly one row.

/// Exactly one row.
#[derive(Debug)]
pub struct SingleRow {}
