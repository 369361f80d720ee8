//! Connectors.

/// Registers every connector of this crate.
pub fn register_all(_db: &arena_tr::Database) {}
