//! Every hard limit, with its unit and its reason.
//!
//! Invariant: a limit is a constant here, never a literal in code.

/// Most rows in one batch that a program works on. A power of two so that three live 8-byte vectors
/// fit a 32 KiB first-level cache.
pub const BATCH_ROWS: usize = 1024;
/// Longest statement text, in bytes.
pub const STATEMENT_BYTES: usize = 4 << 20;
/// Most nodes in one statement's tree.
pub const STATEMENT_NODES: usize = 100_000;
/// Greatest height of an expression or query tree.
pub const TREE_DEPTH: usize = 128;
/// Most significant decimal digits of a NUMERIC.
pub const DECIMAL_DIGITS: u32 = 38;
/// Greatest nesting of a JSON value.
pub const JSON_DEPTH: usize = 512;
/// Most columns of a relation.
pub const COLUMNS: usize = 1600;

const _: () = assert!(BATCH_ROWS.is_power_of_two() && BATCH_ROWS <= u16::MAX as usize);
