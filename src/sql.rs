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

/// The side of a COPY that is a standard stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyStream {
    /// COPY ... FROM STDIN.
    In,
    /// COPY ... TO STDOUT, with its options as they are written.
    Out(Vec<(String, String)>),
}

/// Whether a statement is a COPY from standard input or to standard output.
pub fn copy_stream(statement: &str) -> Option<CopyStream> {
    use arena_tr_parser::ast::StatementKind;
    let words = |t: &Token| !matches!(t.kind, TokenKind::Comment | TokenKind::UnterminatedComment);
    let span = tokens(statement).into_iter().find(words)?.span;
    if !statement[span.start as usize..span.end as usize].eq_ignore_ascii_case("copy") {
        return None;
    }
    let statement = arena_tr_parser::parse_one(statement).ok()?;
    let StatementKind::Copy(copy) = statement.kind else { return None };
    if copy.path.is_some() {
        return None;
    }
    if copy.from {
        return Some(CopyStream::In);
    }
    let options = crate::statement::ddl::options(&copy.options).ok()?;
    Some(CopyStream::Out(options.into_iter().collect()))
}
