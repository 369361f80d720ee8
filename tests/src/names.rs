//! Which names a statement mentions, and which it would have made or changed.
//!
//! Needed to tell what depends on a statement that the engine does not support. Words are taken
//! from the project's own scanner, so nothing inside a string or a comment is a name.
//! Invariant: names are folded as the engine folds them: unquoted ones to lower case, quoted ones
//! as written.

use arena_tr::sql::{TokenKind, tokens};

/// A word or a mark of a statement, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Word(String),
    Quoted(String),
    Dot,
    Other,
}

fn pieces(sql: &str) -> Vec<Piece> {
    let piece = |token: arena_tr::sql::Token| {
        let text = &sql[token.span.start as usize..token.span.end as usize];
        match token.kind {
            TokenKind::Comment | TokenKind::UnterminatedComment => None,
            TokenKind::Keyword | TokenKind::Identifier => Some(Piece::Word(text.to_lowercase())),
            TokenKind::QuotedIdentifier => {
                Some(Piece::Quoted(text.trim_matches('"').replace("\"\"", "\"")))
            }
            TokenKind::Punctuation if text == "." => Some(Piece::Dot),
            _ => Some(Piece::Other),
        }
    };
    tokens(sql).into_iter().filter_map(piece).collect()
}

/// Every identifier of a statement, keywords among them.
pub(crate) fn mentioned(sql: &str) -> impl Iterator<Item = String> {
    pieces(sql).into_iter().filter_map(|piece| match piece {
        Piece::Word(name) | Piece::Quoted(name) => Some(name),
        Piece::Dot | Piece::Other => None,
    })
}

/// The first words of a statement that are not in quotes.
pub(crate) fn first_words(sql: &str) -> (String, String) {
    let mut words = pieces(sql).into_iter().filter_map(|piece| match piece {
        Piece::Word(word) => Some(word),
        _ => None,
    });
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

/// Names that a statement makes or changes: what stands behind CREATE or ALTER and the kind of
/// object, INSERT INTO, UPDATE, DELETE FROM, MERGE INTO, COPY and TRUNCATE; behind a WITH too.
pub(crate) fn changed(sql: &str) -> Vec<String> {
    let pieces = pieces(sql);
    let mut names = Vec::new();
    let word = |i: usize| match pieces.get(i) {
        Some(Piece::Word(word)) => word.as_str(),
        _ => "",
    };
    for i in 0..pieces.len() {
        let leads = i == 0 || pieces[i - 1] == Piece::Other;
        let start = match (word(i), word(i + 1)) {
            ("insert" | "merge", "into") | ("delete", "from") => i + 2,
            ("copy" | "truncate", _) if i == 0 => i + 1,
            ("update", _) if leads => i + 1,
            ("create" | "alter", _) if i == 0 => match object(&pieces) {
                Some(start) => start,
                None => continue,
            },
            _ => continue,
        };
        names.extend(name_at(&pieces, start));
    }
    names
}

/// Where the name stands in CREATE or ALTER: behind the kind of object.
fn object(pieces: &[Piece]) -> Option<usize> {
    const KINDS: &[&str] = &[
        "table",
        "view",
        "index",
        "function",
        "type",
        "domain",
        "sequence",
        "schema",
        "source",
        "stream",
        "sink",
        "macro",
        "aggregate",
        "procedure",
    ];
    let is_kind = |p: &Piece| matches!(p, Piece::Word(w) if KINDS.contains(&w.as_str()));
    pieces.iter().take(6).position(is_kind).map(|i| i + 1)
}

/// The last part of the dotted name from here on, IF NOT EXISTS and ONLY left out.
fn name_at(pieces: &[Piece], start: usize) -> Option<String> {
    const FILL: &[&str] = &["if", "not", "exists", "only", "table"];
    let is_fill = |p: &Piece| matches!(p, Piece::Word(w) if FILL.contains(&w.as_str()));
    let mut at = start + pieces.get(start..)?.iter().take_while(|p| is_fill(p)).count();
    while pieces.get(at + 1) == Some(&Piece::Dot) {
        at += 2;
    }
    match pieces.get(at)? {
        Piece::Word(name) | Piece::Quoted(name) => Some(name.clone()),
        Piece::Dot | Piece::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_hold_no_names() {
        let sql = "SELECT a, 'b' -- c\n FROM \"D\".e /* f */ WHERE $$g$$ = x.h";
        let names: Vec<String> = mentioned(sql).collect();
        assert_eq!(names, ["select", "a", "from", "D", "e", "where", "x", "h"]);
    }

    #[test]
    fn changed_names_of_each_statement() {
        let one = |sql: &str| changed(sql).join(",");
        assert_eq!(one("CREATE TABLE IF NOT EXISTS s.T (a INT)"), "t");
        assert_eq!(one("CREATE MATERIALIZED VIEW v AS SELECT * FROM t"), "v");
        assert_eq!(one("CREATE OR REPLACE TEMP VIEW \"V\" AS SELECT 'table x'"), "V");
        assert_eq!(one("WITH c AS (SELECT 1) INSERT INTO t SELECT * FROM c"), "t");
        assert_eq!(one("UPDATE ONLY t SET a = 1"), "t");
        assert_eq!(one("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1"), "t");
        assert_eq!(one("DELETE FROM t WHERE a IN (SELECT b FROM u)"), "t");
        assert_eq!(one("SELECT update FROM t FOR UPDATE"), "");
    }
}
