//! How deep a statement is, from its tokens alone.
//!
//! The grammar library recurses and builds trees that are freed by recursion. Before it sees a
//! statement, its nesting is measured: what no limit allows is refused, what is deep is parsed on a
//! large stack.
//! Invariant: takes linear time and no stack.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

use super::found;
use super::tokens::Source;
use crate::error::ParseError;
use crate::limits;

/// The measure of a statement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Deepest nesting: of brackets, of CASE, of prefix operators and of joins without a condition.
    pub(crate) depth: usize,
    /// Most tokens without a comma between them on the way to an innermost token.
    pub(crate) chain: usize,
}

/// What was counted on the way to a token.
#[derive(Debug, Clone, Copy, Default)]
struct Path {
    /// Tokens.
    tokens: usize,
    /// Open CASE, and prefix operators.
    prefixes: usize,
    /// Joins whose condition has not come yet.
    joins: usize,
}

/// Measures a statement, and refuses one that no limit allows or whose brackets do not match.
pub(crate) fn measure(src: &Source<'_>, from: usize, to: usize) -> Result<Shape, ParseError> {
    let bytes = src.end(to.saturating_sub(1)).saturating_sub(src.start(from));
    if bytes > limits::STATEMENT_BYTES {
        let message = format!("statement is longer than {} bytes", limits::STATEMENT_BYTES);
        return Err(ParseError::limit(src.span(from), message));
    }
    let mut shape = Shape::default();
    let mut path = Path::default();
    let mut open: Vec<Path> = Vec::new();
    for at in from..to {
        path.tokens += 1;
        match src.token(at) {
            Some(Token::LParen | Token::LBracket | Token::LBrace) => {
                if src.partner(at).is_none_or(|p| p >= to) {
                    return Err(unclosed(src, at));
                }
                open.push(path);
            }
            Some(Token::RParen | Token::RBracket | Token::RBrace) => {
                if src.partner(at).is_none_or(|p| p < from) {
                    let message = format!("unmatched {}", found(src, at, to));
                    return Err(ParseError::syntax(src.span(at), message));
                }
                path = open.pop().unwrap_or_default();
            }
            Some(Token::Comma) => path = open.last().copied().unwrap_or_default(),
            Some(token) => count(src, at, token, &mut path),
            None => {}
        }
        shape.depth = shape.depth.max(open.len() + path.prefixes + path.joins);
        shape.chain = shape.chain.max(path.tokens);
        within_limits(src, at, open.len(), path)?;
    }
    Ok(shape)
}

/// Counts a token that may nest what follows it.
fn count(src: &Source<'_>, at: usize, token: &Token, path: &mut Path) {
    match token {
        Token::Word(word) if word.quote_style.is_none() => match word.keyword {
            Keyword::CASE | Keyword::NOT | Keyword::INTERVAL => path.prefixes += 1,
            // A new clause ends all expressions before it, NOT and the like included.
            Keyword::SELECT | Keyword::FROM | Keyword::WHERE => path.prefixes = 0,
            Keyword::END | Keyword::NULL | Keyword::AND | Keyword::OR => {
                path.prefixes = path.prefixes.saturating_sub(1);
            }
            Keyword::JOIN if !src.is_word(at.saturating_sub(1), "CROSS") => path.joins += 1,
            Keyword::ON | Keyword::USING => path.joins = path.joins.saturating_sub(1),
            _ => {}
        },
        Token::Minus
        | Token::Plus
        | Token::Tilde
        | Token::AtSign
        | Token::PGSquareRoot
        | Token::PGCubeRoot
        | Token::DoubleExclamationMark => {
            let operand = matches!(
                at.checked_sub(1).and_then(|before| src.token(before)),
                Some(
                    Token::Word(_)
                        | Token::Number(..)
                        | Token::SingleQuotedString(_)
                        | Token::Placeholder(_)
                        | Token::RParen
                        | Token::RBracket
                )
            );
            path.prefixes += usize::from(!operand);
        }
        _ => {}
    }
}

/// Refuses what is too deep or too long at a token.
fn within_limits(
    src: &Source<'_>,
    at: usize,
    brackets: usize,
    path: Path,
) -> Result<(), ParseError> {
    if brackets > limits::TREE_DEPTH {
        let message = format!("brackets are nested more than {} deep", limits::TREE_DEPTH);
        return Err(ParseError::limit(src.span(at), message));
    }
    if path.joins > limits::TREE_DEPTH {
        return Err(ParseError::limit(src.span(at), "too many joins without a condition"));
    }
    if path.tokens > limits::CHAIN_TOKENS {
        return Err(ParseError::limit(src.span(at), "expression is too long")
            .with_hint("A long list of alternatives reads better as IN (...)."));
    }
    Ok(())
}

/// A bracket that is never closed.
fn unclosed(src: &Source<'_>, at: usize) -> ParseError {
    let bracket = src.token(at).map(ToString::to_string).unwrap_or_default();
    ParseError::syntax(src.span(at), format!("\"{bracket}\" is never closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The measure of a text.
    fn shape(text: &str) -> (usize, usize) {
        let src = Source::new(text).expect("tokens");
        let Shape { depth, chain } = measure(&src, 0, src.len()).expect("within limits");
        (depth, chain)
    }

    #[test]
    fn depth_counts_what_nests() {
        assert_eq!(shape("SELECT 1").0, 0);
        assert_eq!(shape("SELECT ((a)), (b)").0, 2);
        assert_eq!(shape("SELECT (- - a - b - c)").0, 3);
        assert_eq!(shape("SELECT NOT NOT NOT a").0, 3);
        assert_eq!(shape("SELECT NOT a AND NOT b AND NOT c").0, 1);
        assert_eq!(shape("SELECT CASE WHEN a THEN CASE b WHEN c THEN d END END").0, 2);
        assert_eq!(shape("SELECT 1 FROM a JOIN b JOIN c ON x ON y").0, 2);
        assert_eq!(shape("SELECT 1 FROM a JOIN b ON x JOIN c ON y CROSS JOIN d").0, 1);
    }

    #[test]
    fn commas_and_brackets_end_a_chain() {
        assert_eq!(shape("VALUES (1, 2, 3), (4, 5, 6)").1, 3);
        assert_eq!(shape("SELECT a + b + c").1, 6);
        assert_eq!(shape("SELECT f(a, b) + c").1, 5);
    }
}
