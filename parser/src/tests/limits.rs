//! Bounds: whatever the text, an answer comes, on the small stack that a test thread has.

use super::support;
use crate::ast::query::SetExpr;
use crate::ast::{ExprKind, SelectItem, StatementKind};
use crate::{ParseError, ParseErrorKind, limits, parse};

/// The error of a text that must not parse.
fn error(sql: &str) -> ParseError {
    match parse(sql) {
        Ok(_) => panic!("parsed: {}", sql.chars().take(80).collect::<String>()),
        Err(e) => e,
    }
}

/// How many terms the only select item has.
fn terms(sql: &str) -> usize {
    let tree = parse(sql).unwrap_or_else(|e| panic!("{e}"));
    let [statement] = tree.as_slice() else { panic!("one statement") };
    let StatementKind::Query(query) = &statement.kind else { panic!("a query") };
    let SetExpr::Select(select) = &query.body else { panic!("a select") };
    let [SelectItem::Expr { expr, .. }] = select.items.as_slice() else { panic!("one item") };
    match &expr.kind {
        ExprKind::Or(terms) | ExprKind::And(terms) => terms.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn long_chains_of_or_and_and_are_wide() {
    for n in [2, 100, 1_000, 10_000] {
        let or = vec!["a = 1"; n].join(" OR ");
        assert_eq!(terms(&format!("SELECT {or}")), n);
        let and = vec!["a"; n].join(" AND ");
        assert_eq!(terms(&format!("SELECT {and}")), n);
    }
}

#[test]
fn longer_chains_are_errors() {
    for chain in [
        vec!["a = 1"; 100_000].join(" OR "),
        vec!["1"; 200].join(" + "),
        vec!["1"; 20_000].join(" + "),
        vec!["1"; 200_000].join(" + "),
        format!("a{}", "::int".repeat(10_000)),
        format!("a{}", "[1]".repeat(10_000)),
        format!("a{}", " IS NULL".repeat(10_000)),
        format!("a::int{}", "[]".repeat(100_000)),
        format!("{} a", "NOT ".repeat(10_000)),
        format!("{} a", "- ".repeat(10_000)),
        format!("a{}", ".b".repeat(200_000)),
        vec!["a"; 10_000].join(" < "),
    ] {
        assert_eq!(error(&format!("SELECT {chain}")).kind, ParseErrorKind::Limit);
    }
}

#[test]
fn deep_nesting_is_an_error() {
    for n in [200, 10_000, 100_000] {
        let (open, close) = ("(".repeat(n), ")".repeat(n));
        for sql in [
            format!("SELECT {open}1{close}"),
            format!("SELECT * FROM {open}SELECT 1{close}"),
            format!("SELECT {}1{close}", "f(".repeat(n)),
            format!("SELECT {}1{}", "ARRAY[".repeat(n), "]".repeat(n)),
            format!("{open}SELECT 1{close}"),
            format!("CREATE TABLE t (a {}INT{close})", "ROW(a ".repeat(n)),
        ] {
            assert_eq!(error(&sql).kind, ParseErrorKind::Limit, "{n}: {}", &sql[..40]);
        }
        // Unclosed, whatever is inside.
        assert_eq!(error(&format!("SELECT {open}")).kind, ParseErrorKind::Syntax);
        error(&format!("SELECT {}", "CASE WHEN ".repeat(n.min(10_000))));
    }
}

#[test]
fn as_deep_as_allowed_works() {
    let n = limits::TREE_DEPTH - 8;
    let parentheses = format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&parentheses).is_ok());
    let calls = format!("SELECT {}1{}", "f(".repeat(n), ")".repeat(n));
    assert!(parse(&calls).is_ok());
    let cases = format!("SELECT {}1{}", "CASE WHEN a THEN ".repeat(60), " END".repeat(60));
    assert!(parse(&cases).is_ok());
    let subqueries = format!("{}SELECT 1{}", "SELECT * FROM (".repeat(30), ") AS t".repeat(30));
    assert!(parse(&subqueries).is_ok(), "{:?}", parse(&subqueries));
}

#[test]
fn chains_of_set_operations_and_joins() {
    let union = vec!["SELECT 1"; 1_000].join(" UNION ALL ");
    assert!(parse(&union).is_ok());
    let except = vec!["SELECT 1"; 1_000].join(" EXCEPT ");
    assert_eq!(error(&except).kind, ParseErrorKind::Limit);
    let joins = format!("SELECT * FROM a{}", " JOIN b ON TRUE".repeat(100));
    assert!(parse(&joins).is_ok());
    for joins in
        [" JOIN b ON TRUE".repeat(5_000), " JOIN b".repeat(5_000), " JOIN b".repeat(50_000)]
    {
        error(&format!("SELECT * FROM a{joins}"));
    }
}

#[test]
fn large_statements() {
    let rows = vec!["(1, 'abc', NULL)"; 10_000].join(", ");
    assert!(parse(&format!("INSERT INTO t VALUES {rows}")).is_ok());
    let rows = vec!["(1, 'abc', NULL)"; 40_000].join(", ");
    assert_eq!(error(&format!("INSERT INTO t VALUES {rows}")).kind, ParseErrorKind::Limit);
    let text = "x".repeat(limits::STATEMENT_BYTES);
    assert_eq!(error(&format!("SELECT '{text}'")).kind, ParseErrorKind::Limit);
    let sets = ["a, b, c"; 4].join(", ");
    let cube = error(&format!("SELECT 1 GROUP BY CUBE ({sets}), CUBE ({sets})"));
    assert_eq!(cube.kind, ParseErrorKind::Limit);
    let columns: Vec<String> = (0..1_600).map(|i| format!("c{i} INT DEFAULT {i} + 1")).collect();
    assert!(parse(&format!("CREATE TABLE t ({})", columns.join(", "))).is_ok());
}

#[test]
fn nothing_takes_exponential_time() {
    let start = std::time::Instant::now();
    for head in [
        "position(",
        "CASE ",
        "EXISTS(",
        "trim(",
        "extract(year from ",
        "CAST(",
        "INTERVAL ",
        "f(a => ",
        "overlay(",
        "substring(",
        "NOT ",
        "ARRAY(",
        "(SELECT ",
        "date ",
        "a.b(",
        "ROW(",
        "ceil(",
        "convert(",
    ] {
        let _ = parse(&format!("SELECT {}1", head.repeat(100)));
        let _ = parse(&format!("SELECT {}1{}", head.repeat(60), ", 1)".repeat(60)));
        let _ = parse(&format!("SELECT * FROM {}1{}", head.repeat(60), ")".repeat(60)));
    }
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}

/// A small generator of pseudo-random numbers.
struct Random(u64);

impl Random {
    /// The next number below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// A text with something cut, doubled, swapped or put in.
fn mutated(text: &str, pieces: &[&str], random: &mut Random) -> String {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let mut to = (at + random.below(12)).min(text.len());
    while !text.is_char_boundary(to) {
        to += 1;
    }
    let piece = pieces[random.below(pieces.len())];
    match random.below(5) {
        0 => text[..at].to_owned(),
        1 => format!("{}{}", &text[..at], &text[to..]),
        2 => format!("{}{piece}{}", &text[..at], &text[at..]),
        3 => format!("{}{piece}{}", &text[..at], &text[to..]),
        _ => format!("{}{}{}", &text[..to], &text[at..to], &text[to..]),
    }
}

/// What mutations put in.
const PIECES: &[&str] = &[
    "(",
    ")",
    "'",
    "\"",
    ",",
    ";",
    "--",
    "/*",
    "*/",
    "$$",
    "$1",
    "::",
    ":",
    "[",
    "]",
    "{",
    "}",
    " SELECT ",
    " FROM ",
    " WHERE ",
    " AS ",
    " ON ",
    " NOT ",
    " TABLE ",
    " TUMBLE(",
    " EMIT FINAL ",
    " WATERMARK FOR ",
    " MATCH_RECOGNIZE (",
    " OVER (",
    " EXCLUDE TIES ",
    " INTERVAL ",
    "é",
    "\0",
    "日本",
    "\t",
    "\n",
    "1e",
    "0x",
    "U&'",
    " UESCAPE ",
    "E'\\",
    " CASE ",
    " END ",
    "=>",
    "*",
    ".",
    "?",
    "|",
    "&",
    "@",
    "#",
    "!",
    "\\",
    "`",
    " BETWEEN ",
    " SYMMETRIC ",
    " FETCH FIRST (",
    " ASOF JOIN ",
    " FOR SYSTEM_TIME AS OF EPOCH ",
];

#[test]
fn no_text_makes_it_panic() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let known: Vec<&str> = support::STATEMENTS
        .iter()
        .copied()
        .chain(support::NOT_BUILT.iter().map(|(sql, _)| *sql))
        .collect();
    let mut parsed = 0;
    for round in 0..20_000 {
        let mut text = known[random.below(known.len())].to_owned();
        for _ in 0..=random.below(3) {
            text = mutated(&text, PIECES, &mut random);
        }
        match parse(&text) {
            Ok(tree) => {
                parsed += 1;
                for statement in tree {
                    assert!((statement.span.end as usize) <= text.len());
                    let _ = statement.to_string();
                }
            }
            Err(e) => {
                let (start, end) = (e.span.start as usize, e.span.end as usize);
                assert!(start <= end && end <= text.len(), "round {round}: {e:?} in {text}");
                assert!(text.is_char_boundary(start) && text.is_char_boundary(end));
                let _ = crate::span::render(&text, &e.span, &e.message, e.hint.as_deref());
            }
        }
        for range in crate::scan::split(&text) {
            assert!(text.get(range).is_some());
        }
    }
    assert!(parsed > 1_000, "too few mutations stay valid to try what follows: {parsed}");
}

#[test]
fn every_prefix_of_a_statement_gets_an_answer() {
    for sql in support::STATEMENTS {
        for (at, _) in sql.char_indices() {
            let _ = parse(&sql[..at]);
        }
    }
}
