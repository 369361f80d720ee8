//! What can go wrong below SQL: facts, not sentences.
//!
//! Invariant: running out of memory is an error of one owner with a defined limit, never an abort.

use std::fmt;

use arena_tr_types::{SqlError, SqlState};

use crate::arena::Owner;

/// A memory request that a budget, the address space of one arena, or the system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Who asked.
    pub owner: Owner,
    /// Which limit refused.
    pub limit: Limit,
    /// That limit, in bytes.
    pub limit_bytes: u64,
}

/// The limits that can refuse memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The budget of the whole pool (the database).
    Pool,
    /// The budget of one view.
    View,
    /// The addresses of one arena: 2^19 chunks.
    Arena,
    /// One allocation larger than an arena can hold in one piece.
    Allocation,
    /// The operating system.
    System,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.limit {
            Limit::Pool => "the memory budget of the database",
            Limit::View => "the memory budget of the view",
            Limit::Arena => "the address space of one arena",
            Limit::Allocation => "the largest single allocation",
            Limit::System => "the memory of the system",
        };
        write!(
            f,
            "out of memory: {} needs more than {what} ({} bytes)",
            self.owner, self.limit_bytes
        )
    }
}

impl std::error::Error for OutOfMemory {}

impl From<OutOfMemory> for SqlError {
    fn from(error: OutOfMemory) -> Self {
        Self::new(SqlState::OUT_OF_MEMORY, error.to_string())
    }
}

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageError {
    /// A memory request was refused.
    OutOfMemory(OutOfMemory),
    /// Bytes that should hold an encoded value do not; `what` says which part is wrong.
    Corrupt {
        /// The part that is wrong.
        what: &'static str,
        /// Where in the bytes.
        offset: usize,
    },
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory(error) => error.fmt(f),
            Self::Corrupt { what, offset } => write!(f, "corrupt data: {what} at byte {offset}"),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<OutOfMemory> for StorageError {
    fn from(error: OutOfMemory) -> Self {
        Self::OutOfMemory(error)
    }
}

impl From<StorageError> for SqlError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::OutOfMemory(error) => error.into(),
            other => Self::new(SqlState::INTERNAL, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Tier;

    #[test]
    fn refusals_name_the_owner_and_the_limit() {
        let owner = Owner::new(7, 2, Tier::Pane);
        let error = OutOfMemory { owner, limit: Limit::View, limit_bytes: 65_536 };
        let sql = SqlError::from(StorageError::from(error));
        assert_eq!(sql.state, SqlState::OUT_OF_MEMORY);
        assert_eq!(
            sql.message,
            "out of memory: pane arena of view 7 operator 2 needs more than the memory budget of the view \
             (65536 bytes)"
        );
        let corrupt = StorageError::Corrupt { what: "unknown tag of a value", offset: 3 };
        assert_eq!(SqlError::from(corrupt.clone()).state, SqlState::INTERNAL);
        assert_eq!(corrupt.to_string(), "corrupt data: unknown tag of a value at byte 3");
    }
}
