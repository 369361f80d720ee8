//! What one statement may cost.
//!
//! The parser is total: it answers every text with a tree or an error, in bounded time, memory and
//! stack. These numbers have the same meaning as the engine's limits of the same name.
//! Invariant: a limit is a constant here, never a literal in code.

/// Longest statement text, in bytes.
pub const STATEMENT_BYTES: usize = 4 << 20;
/// Longest script given to [`crate::parse`] at once, in bytes; longer ones are cut with
/// [`crate::scan::split`] first.
pub const SCRIPT_BYTES: usize = 64 << 20;
/// Most nodes in one statement's tree.
pub const STATEMENT_NODES: usize = 100_000;
/// Greatest height of an expression or query tree.
pub const TREE_DEPTH: usize = 128;
/// Most tokens that may stand, without a comma between them, on the way from a statement's start to
/// its innermost token: no chain of operators can build a tree higher than this.
pub const CHAIN_TOKENS: usize = 60_000;
/// Most grouping sets that one GROUP BY may expand to, as in PostgreSQL.
pub const GROUPING_SETS: usize = 4096;
/// How deep the grammar library may recurse. Above [`TREE_DEPTH`], because it recurses for things
/// that add no height to our tree, such as parentheses.
pub(crate) const GRAMMAR_RECURSION: usize = 3 * TREE_DEPTH;
/// Statements that nest deeper than this are parsed on a thread with a large stack, because the
/// grammar library's frames take tens of kilobytes in unoptimized builds.
pub(crate) const SMALL_STACK_DEPTH: usize = 8;
/// The same for chains of operators, in tokens.
pub(crate) const SMALL_STACK_CHAIN: usize = 600;
/// The large stack: address space, of which only the touched pages cost memory.
pub(crate) const LARGE_STACK_BYTES: usize = 256 << 20;
