//! TopN: the best rows of each partition.

/// Best rows of each partition.
#[derive(Debug)]
pub struct TopN {}
