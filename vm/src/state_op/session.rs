//! Session windows.

/// Aggregation over session windows.
#[derive(Debug)]
pub struct SessionGroup {}
/// Session bounds as columns.
#[derive(Debug)]
pub struct SessionAssign {}
