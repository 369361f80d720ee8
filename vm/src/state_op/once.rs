//! Constant rows of the first epoch.

/// Constant rows.
#[derive(Debug)]
pub struct Once {}
