//! Distinct: each row once.

/// Distinct rows.
#[derive(Debug)]
pub struct Distinct {}
