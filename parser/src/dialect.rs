//! Our dialect for the grammar library: PostgreSQL's lexicon and precedences, exactly.
//!
//! The library asks a dialect what it may accept. We answer as PostgreSQL wherever it has an
//! opinion, correct the library where its PostgreSQL differs from the real one (unary minus, the
//! precedence of `~` and its like), and take the paths that need no second attempt at parsing.
//! Invariant: nothing here looks at more than a few tokens, so the time to parse is linear.

use std::any::TypeId;

use sqlparser::ast::{DataType, Ident};
use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList};
use sqlparser::ast::{FunctionArguments, ObjectName, TrimWhereField, TypedString, UnaryOperator};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

// PostgreSQL's table, loosest first: OR, AND, NOT, IS, comparison, BETWEEN/IN/LIKE, every other
// operator, + -, * / %, ^, AT TIME ZONE, COLLATE, unary minus, subscripts, casts, the dot.
const OR: u8 = 10;
const AND: u8 = 20;
const NOT: u8 = 30;
const IS: u8 = 40;
const COMPARE: u8 = 50;
const RANGE: u8 = 60;
const OTHER: u8 = 70;
const SUM: u8 = 80;
const PRODUCT: u8 = 90;
const POWER: u8 = 100;
const AT_ZONE: u8 = 110;
const COLLATE: u8 = 120;
const SIGN: u8 = 125;
const SUBSCRIPT: u8 = 130;
const CAST: u8 = 140;
const DOT: u8 = 200;
const NO_OPERATOR: u8 = 0;

/// Types whose name may stand before a string literal though the library does not know them.
const TYPED_LITERALS: &[&str] = &[
    "name",
    "bpchar",
    "oid",
    "timestamptz",
    "timetz",
    "money",
    "inet",
    "cidr",
    "macaddr",
    "xml",
    "regclass",
    "point",
    "box",
    "path",
    "polygon",
    "circle",
    "line",
    "lseg",
    "varbit",
    "jsonpath",
    "tsvector",
    "tsquery",
    "bit",
    "time",
    "float",
    "float4",
    "float8",
    "int2",
    "int4",
    "int8",
];

/// Words that the library reserves as table aliases for other dialects only.
const FREE_TABLE_ALIASES: &[Keyword] = &[
    Keyword::CLUSTER,
    Keyword::DISTRIBUTE,
    Keyword::EXPLAIN,
    Keyword::MINUS,
    Keyword::START,
    Keyword::SORT,
    Keyword::TOP,
    Keyword::VIEW,
    Keyword::SETTINGS,
    Keyword::FORMAT,
    Keyword::SEMI,
    Keyword::ANTI,
    Keyword::GLOBAL,
];

/// Words that PostgreSQL allows as a column's label only behind AS.
const NO_BARE_LABELS: &[Keyword] = &[
    Keyword::ARRAY,
    Keyword::CREATE,
    Keyword::FILTER,
    Keyword::FOR,
    Keyword::GRANT,
    Keyword::ON,
    Keyword::OVER,
    Keyword::OVERLAPS,
    Keyword::PRECISION,
    Keyword::TO,
    Keyword::VARYING,
    Keyword::WITHIN,
    Keyword::WITHOUT,
];

/// The dialect.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ArenaDialect;

impl Dialect for ArenaDialect {
    /// The library's own checks for PostgreSQL see PostgreSQL.
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn identifier_quote_style(&self, _identifier: &str) -> Option<char> {
        Some('"')
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_' || !ch.is_ascii()
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_ascii_alphanumeric() || ch == '$' || ch == '_' || !ch.is_ascii()
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_within_after_array_aggregation(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_empty_projections(&self) -> bool {
        true
    }

    fn supports_order_by_using_operator(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_interval_options(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    /// `a JOIN b JOIN c ON .. ON ..` nests to the right, as in PostgreSQL.
    fn supports_left_associative_joins_without_parens(&self) -> bool {
        false
    }

    fn is_reserved_for_identifier(&self, kw: Keyword) -> bool {
        kw != Keyword::INTERVAL && sqlparser::keywords::RESERVED_FOR_IDENTIFIER.contains(&kw)
    }

    fn is_column_alias(&self, kw: &Keyword, _parser: &mut Parser) -> bool {
        !NO_BARE_LABELS.contains(kw) && !sqlparser::keywords::RESERVED_FOR_COLUMN_ALIAS.contains(kw)
    }

    fn is_table_alias(&self, kw: &Keyword, _parser: &mut Parser) -> bool {
        FREE_TABLE_ALIASES.contains(kw)
            || !sqlparser::keywords::RESERVED_FOR_TABLE_ALIAS.contains(kw)
    }

    fn prec_value(&self, prec: Precedence) -> u8 {
        match prec {
            Precedence::Period => DOT,
            Precedence::DoubleColon => CAST,
            Precedence::AtTz => AT_ZONE,
            Precedence::MulDivModOp => PRODUCT,
            Precedence::PlusMinus => SUM,
            Precedence::Caret => POWER,
            Precedence::Between | Precedence::Like => RANGE,
            Precedence::Eq => COMPARE,
            Precedence::Is => IS,
            Precedence::UnaryNot => NOT,
            Precedence::And => AND,
            Precedence::Or => OR,
            Precedence::Xor
            | Precedence::Ampersand
            | Precedence::Pipe
            | Precedence::Colon
            | Precedence::PgOther => OTHER,
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        precedence(parser).map(Ok)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        prefix(parser)
    }

    fn parse_infix(
        &self,
        parser: &mut Parser,
        expr: &Expr,
        _precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        let isnull = matches!(&parser.peek_token_ref().token, Token::Word(w) if is_isnull(w));
        isnull.then(|| {
            parser.advance_token();
            Ok(Expr::IsNull(Box::new(expr.clone())))
        })
    }
}

/// `x ISNULL`, PostgreSQL's short form; the library has no keyword for it.
fn is_isnull(word: &Word) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case("isnull")
}

/// The precedence of the next token where the library's answer is not PostgreSQL's.
fn precedence(parser: &Parser) -> Option<u8> {
    match &parser.peek_token_ref().token {
        Token::Word(w) => word_precedence(parser, w),
        Token::LBracket => Some(SUBSCRIPT),
        Token::Arrow
        | Token::LongArrow
        | Token::HashArrow
        | Token::HashLongArrow
        | Token::AtArrow
        | Token::ArrowAt
        | Token::HashMinus
        | Token::AtQuestion
        | Token::AtAt
        | Token::Question
        | Token::QuestionAnd
        | Token::QuestionPipe
        | Token::Overlap
        | Token::CaretAt
        | Token::StringConcat
        | Token::Sharp
        | Token::ShiftRight
        | Token::ShiftLeft
        | Token::Tilde
        | Token::TildeAsterisk
        | Token::ExclamationMarkTilde
        | Token::ExclamationMarkTildeAsterisk
        | Token::DoubleTilde
        | Token::DoubleTildeAsterisk
        | Token::ExclamationMarkDoubleTilde
        | Token::ExclamationMarkDoubleTildeAsterisk
        | Token::Pipe
        | Token::Ampersand
        | Token::CustomBinaryOperator(_) => Some(OTHER),
        // The end of a slice's bound, a named argument, nothing we know: the expression ends here.
        Token::Colon
        | Token::Assignment
        | Token::DoubleEq
        | Token::Spaceship
        | Token::DuckIntDiv
        | Token::AtSign
        | Token::ExclamationMark
        | Token::DoubleExclamationMark
        | Token::DoubleSharp => Some(NO_OPERATOR),
        _ => None,
    }
}

/// The same for a word.
fn word_precedence(parser: &Parser, word: &Word) -> Option<u8> {
    if word.quote_style.is_some() {
        return Some(NO_OPERATOR);
    }
    let next = match &parser.peek_nth_token_ref(1).token {
        Token::Word(next) => next.keyword,
        _ => Keyword::NoKeyword,
    };
    match word.keyword {
        Keyword::COLLATE => Some(COLLATE),
        Keyword::OPERATOR => Some(OTHER),
        // SIMILAR alone separates the arguments of substring.
        Keyword::SIMILAR if next != Keyword::TO => Some(NO_OPERATOR),
        // Operators of other systems; in PostgreSQL these words are names.
        Keyword::XOR
        | Keyword::DIV
        | Keyword::RLIKE
        | Keyword::REGEXP
        | Keyword::GLOB
        | Keyword::MATCH
        | Keyword::MEMBER => Some(NO_OPERATOR),
        Keyword::NOT => match next {
            Keyword::IN | Keyword::BETWEEN | Keyword::LIKE | Keyword::ILIKE | Keyword::SIMILAR => {
                None
            }
            // A column constraint, or a negation that belongs to someone else.
            _ => Some(NO_OPERATOR),
        },
        _ if is_isnull(word) => Some(IS),
        _ => None,
    }
}

/// Expressions that start in a way the library reads differently, or slowly.
fn prefix(parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
    match &parser.peek_token_ref().token {
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::Placeholder(_) => Some(parser.parse_value().map(Expr::Value)),
        Token::Minus => Some(unary(parser, UnaryOperator::Minus, SIGN)),
        Token::Plus => Some(unary(parser, UnaryOperator::Plus, SIGN)),
        Token::Tilde => Some(unary(parser, UnaryOperator::BitwiseNot, OTHER)),
        Token::AtSign => Some(unary(parser, UnaryOperator::PGAbs, OTHER)),
        Token::PGSquareRoot => Some(unary(parser, UnaryOperator::PGSquareRoot, OTHER)),
        Token::PGCubeRoot => Some(unary(parser, UnaryOperator::PGCubeRoot, OTHER)),
        Token::DoubleExclamationMark => {
            Some(unary(parser, UnaryOperator::PGPrefixFactorial, OTHER))
        }
        Token::Word(w) => {
            let word = w.clone();
            prefix_word(parser, &word)
        }
        _ => None,
    }
}

/// An operator before its operand.
fn unary(parser: &mut Parser, op: UnaryOperator, precedence: u8) -> Result<Expr, ParserError> {
    parser.advance_token();
    Ok(Expr::UnaryOp { op, expr: Box::new(parser.parse_subexpr(precedence)?) })
}

/// Expressions that start with a word.
fn prefix_word(parser: &mut Parser, word: &Word) -> Option<Result<Expr, ParserError>> {
    let next = &parser.peek_nth_token_ref(1).token;
    let unquoted = word.quote_style.is_none();
    if unquoted && *next == Token::LParen {
        match word.keyword {
            Keyword::POSITION => return Some(position(parser, word)),
            Keyword::TRIM => return Some(trim(parser)),
            Keyword::SUBSTRING => return Some(substring(parser)),
            _ => {}
        }
    }
    let literal = matches!(next, Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_));
    if literal && unquoted && TYPED_LITERALS.iter().any(|t| word.value.eq_ignore_ascii_case(t)) {
        return Some(typed_literal(parser, word));
    }
    if unquoted && word.value.eq_ignore_ascii_case("variadic") && starts_expression(next) {
        let prefix = word.to_ident(parser.peek_token_ref().span);
        parser.advance_token();
        let value = parser.parse_expr();
        return Some(value.map(|value| Expr::Prefixed { prefix, value: Box::new(value) }));
    }
    // A plain name that starts no type: no attempt at parsing one. INTERVAL is one where no value
    // follows.
    let plain = (!unquoted || word.keyword == Keyword::NoKeyword) && !is_isnull(word) && !literal
        || unquoted && word.keyword == Keyword::INTERVAL && !starts_interval(next);
    if !plain {
        return None;
    }
    let call = *next == Token::LParen;
    let span = parser.peek_token_ref().span;
    parser.advance_token();
    let ident = word.to_ident(span);
    Some(if call {
        parser.parse_function(ObjectName::from(vec![ident]))
    } else {
        Ok(Expr::Identifier(ident))
    })
}

/// Whether an expression, not an operator, goes on with this token.
fn starts_expression(token: &Token) -> bool {
    matches!(
        token,
        Token::Word(_) | Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_)
    )
}

/// Whether the value of an interval stands here.
fn starts_interval(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::Number(..)
            | Token::Placeholder(_)
            | Token::LParen
    )
}

/// `name 'text'` for types that the library does not know.
fn typed_literal(parser: &mut Parser, word: &Word) -> Result<Expr, ParserError> {
    let name = ObjectName::from(vec![Ident::new(word.value.to_ascii_lowercase())]);
    parser.advance_token();
    Ok(Expr::TypedString(TypedString {
        data_type: DataType::Custom(name, vec![]),
        value: parser.parse_value()?,
        uses_odbc_syntax: false,
    }))
}

/// `trim([BOTH | LEADING | TRAILING] [what] FROM text)` and `trim(text [, what])`.
fn trim(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let side =
        match parser.parse_one_of_keywords(&[Keyword::BOTH, Keyword::LEADING, Keyword::TRAILING]) {
            Some(Keyword::LEADING) => Some(TrimWhereField::Leading),
            Some(Keyword::TRAILING) => Some(TrimWhereField::Trailing),
            Some(_) => Some(TrimWhereField::Both),
            None => None,
        };
    let mut what = None;
    let mut text = None;
    if !parser.parse_keyword(Keyword::FROM) {
        let first = Box::new(parser.parse_expr()?);
        if parser.parse_keyword(Keyword::FROM) { what = Some(first) } else { text = Some(first) }
    }
    let text = match text {
        Some(text) => text,
        None => Box::new(parser.parse_expr()?),
    };
    if what.is_none() && parser.consume_token(&Token::Comma) {
        what = Some(Box::new(parser.parse_expr()?));
    }
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Trim { expr: text, trim_where: side, trim_what: what, trim_characters: None })
}

/// `substring(text FROM start FOR count)` in either order, `substring(text SIMILAR pattern ESCAPE
/// escape)`, and the plain call.
fn substring(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let text = Box::new(parser.parse_expr()?);
    let (mut from, mut length) = (None, None);
    let special = parser.consume_token(&Token::Comma);
    if special {
        from = Some(Box::new(parser.parse_expr()?));
        if parser.consume_token(&Token::Comma) {
            length = Some(Box::new(parser.parse_expr()?));
        }
    } else if parser.parse_keyword(Keyword::SIMILAR) {
        from = Some(Box::new(parser.parse_expr()?));
        parser.expect_keyword(Keyword::ESCAPE)?;
        length = Some(Box::new(parser.parse_expr()?));
    } else {
        for _ in 0..2 {
            if from.is_none() && parser.parse_keyword(Keyword::FROM) {
                from = Some(Box::new(parser.parse_expr()?));
            } else if length.is_none() && parser.parse_keyword(Keyword::FOR) {
                length = Some(Box::new(parser.parse_expr()?));
            }
        }
    }
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Substring {
        expr: text,
        substring_from: from,
        substring_for: length,
        special,
        shorthand: false,
    })
}

/// `position(part IN text)` and the plain call, told apart without a second attempt.
fn position(parser: &mut Parser, word: &Word) -> Result<Expr, ParserError> {
    let span = parser.peek_token_ref().span;
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let first = parser.parse_subexpr(RANGE)?;
    if parser.parse_keyword(Keyword::IN) {
        let text = parser.parse_expr()?;
        parser.expect_token(&Token::RParen)?;
        return Ok(Expr::Position { expr: Box::new(first), r#in: Box::new(text) });
    }
    let mut args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(first))];
    while parser.consume_token(&Token::Comma) {
        args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(parser.parse_expr()?)));
    }
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Function(Function {
        name: ObjectName::from(vec![word.to_ident(span)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    }))
}
