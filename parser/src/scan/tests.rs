//! What the scanner takes, and that its boundaries are the parser's.

use super::{KEYWORDS, TokenKind, is_complete, split, tokens};
use crate::cut::tokens::Source;
use crate::tests::support;

/// Kinds and texts of a text's tokens.
fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
    tokens(text)
        .iter()
        .map(|t| (t.kind, &text[t.span.start as usize..t.span.end as usize]))
        .collect()
}

#[test]
fn every_kind_is_recognized() {
    use TokenKind as K;
    assert_eq!(
        kinds("SELECT a, \"B\"\"b\" FROM t -- end\nWHERE x >= $1 /* c /* d */ */ AND y = E'\\'' ;"),
        [
            (K::Keyword, "SELECT"),
            (K::Identifier, "a"),
            (K::Punctuation, ","),
            (K::QuotedIdentifier, "\"B\"\"b\""),
            (K::Keyword, "FROM"),
            (K::Identifier, "t"),
            (K::Comment, "-- end"),
            (K::Keyword, "WHERE"),
            (K::Identifier, "x"),
            (K::Operator, ">="),
            (K::Parameter, "$1"),
            (K::Comment, "/* c /* d */ */"),
            (K::Keyword, "AND"),
            (K::Identifier, "y"),
            (K::Operator, "="),
            (K::String, "E'\\''"),
            (K::Punctuation, ";"),
        ]
    );
}

#[test]
fn what_has_no_end_is_one_token_to_the_end() {
    use TokenKind as K;
    assert_eq!(kinds("x 'abc; "), [(K::Identifier, "x"), (K::UnterminatedString, "'abc; ")]);
    assert_eq!(kinds("/* a /* b */"), [(K::UnterminatedComment, "/* a /* b */")]);
    assert_eq!(kinds("\"a"), [(K::UnterminatedIdentifier, "\"a")]);
    assert_eq!(kinds("$a$ x $b$"), [(K::UnterminatedString, "$a$ x $b$")]);
    assert_eq!(kinds("E'\\"), [(K::UnterminatedString, "E'\\")]);
}

#[test]
fn statements_end_at_top_level_semicolons() {
    let text = "a 'x;y'; ; -- c;\n b $t$ ; $t$ (c; d) ;\n  e /* ; */ f ";
    let parts: Vec<_> = split(text).into_iter().map(|r| &text[r]).collect();
    assert_eq!(parts, ["a 'x;y'", "b $t$ ; $t$ (c; d)", "e /* ; */ f"]);
}

#[test]
fn a_text_is_complete_when_nothing_is_open() {
    for complete in ["", "  \n", "-- c", "select 1;", "select 1; -- c", "a; b;", ";", "/* c */"] {
        assert!(is_complete(complete), "{complete}");
    }
    for open in ["select 1", "a; b", "select ';", "/* c", "f(1;", "select $$;", "\"a;", "a;\nb 'x'"]
    {
        assert!(!is_complete(open), "{open}");
    }
}

#[test]
fn keywords_are_sorted_capitals() {
    assert!(KEYWORDS.is_sorted_by(|a, b| a < b));
    assert!(KEYWORDS.iter().all(|k| k.len() <= 24 && *k == k.to_ascii_uppercase()));
}

/// The scanner's boundaries against the parser's. The parser joins adjacent strings and `UESCAPE`,
/// so each of its tokens must consist of whole tokens of the scanner, more than one only if
/// strings.
fn agree(text: &str) {
    let Ok(source) = Source::new(text) else { return };
    let scanned: Vec<_> =
        tokens(text).into_iter().filter(|t| t.kind != TokenKind::Comment).collect();
    let mut next = scanned.iter().peekable();
    for at in 0..source.len() {
        let span = source.span(at);
        let mut end = None;
        let mut count = 0;
        while let Some(token) = next.next_if(|t| t.span.end <= span.end) {
            if count == 0 {
                assert_eq!(token.span.start, span.start, "in {text}");
            }
            end = Some(token.span.end);
            count += 1;
        }
        assert_eq!(end, Some(span.end), "token {at} of {text}: {:?}", source.token(at));
        let first = &text[span.start as usize..];
        let joinable = first.contains('\'') || first.to_ascii_lowercase().starts_with("u&");
        assert!(count == 1 || joinable, "{count} tokens for one in {text}");
    }
    assert!(next.next().is_none(), "the scanner has more tokens in {text}");
}

#[test]
fn boundaries_are_the_parsers() {
    for text in support::STATEMENTS {
        agree(text);
    }
    for record in support::records() {
        agree(&record.sql);
    }
    agree(
        "a->>'b' #>> c @> d <@ e ? f ?| g ?& h || i !~~* j ~~* k <<1>>2 :: := => |/ ||/ @@ ^@ && !!",
    );
    agree(
        "1.5e-10 .5 5. 0x1F 1e5 x'1F' b'01' n'a' U&'a' UESCAPE '!' U&\"a\" é_ß \"ü\" 'ö' $1 $$a$$",
    );
}
