//! SQL as text: for editors, shells and runners of scripts.
//!
//! Invariant: nothing here needs a database, and no text makes it fail.

pub use arena_tr_parser::scan::{Token, TokenKind, is_complete, split, tokens};

/// The keywords, for completion.
pub fn keywords() -> &'static [&'static str] {
    arena_tr_parser::scan::KEYWORDS
}

/// Names of all functions and aggregates, each once, sorted.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    arena_tr_types::function::function_names().into_iter()
}

/// Whether a statement is WAIT FOR SOURCES.
pub fn is_wait_for_sources(statement: &str) -> bool {
    use arena_tr_parser::ast::StatementKind;
    arena_tr_parser::parse_one(statement)
        .is_ok_and(|statement| matches!(statement.kind, StatementKind::WaitForSources))
}
