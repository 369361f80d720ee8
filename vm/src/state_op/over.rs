//! Window functions.

/// Window functions over partitions.
#[derive(Debug)]
pub struct Over {}
