//! INTERSECT and EXCEPT by counts.

/// Set operation.
#[derive(Debug)]
pub struct SetOp {}
