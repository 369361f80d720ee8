//! Which parser takes a statement.
//!
//! A text is tokenized once and cut at its semicolons. The first words decide who reads a
//! statement: each head has a function named after it. Statements that are known but not built
//! become a node that names them; an unknown head is an error with a suggestion.
//! Invariant: every token of a statement is read by someone; what is left over is an error.

mod admin;
mod constraint;
mod copy;
mod cursor;
mod dml;
mod durable;
mod merge;
mod relation;
mod sink;
mod subscribe;
mod subscription;
mod transaction;
mod view;

use sqlparser::tokenizer::Token;

use crate::ast::{Statement, StatementKind, With};
use crate::cut::measure::{Shape, measure};
use crate::cut::tokens::Source;
use crate::error::ParseError;
use crate::limits;
use crate::lower::{self, Cx, near};
use crate::span::Span;
use cursor::Cursor;

/// Parses a script: statements separated by semicolons.
///
/// # Errors
/// The first statement that is not one, with its place in the text.
pub fn parse(text: &str) -> Result<Vec<Statement>, ParseError> {
    if text.len() > limits::SCRIPT_BYTES {
        let message = format!("script is longer than {} bytes", limits::SCRIPT_BYTES);
        return Err(ParseError::limit(Span::default(), message)
            .with_hint("Run it in parts; COPY takes data of any size."));
    }
    let source = Source::new(text)?;
    let mut statements = Vec::new();
    for (from, to) in ranges(&source) {
        statements.push(statement(&source, from, to)?);
    }
    Ok(statements)
}

/// Parses exactly one statement; a closing semicolon is allowed.
///
/// # Errors
/// If the text is not one statement.
pub fn parse_one(text: &str) -> Result<Statement, ParseError> {
    let mut statements = parse(text)?;
    match (statements.pop(), statements.first()) {
        (Some(only), None) => Ok(only),
        (Some(last), Some(_)) => {
            Err(ParseError::syntax(last.span, "expected one statement, found several"))
        }
        (None, _) => Err(ParseError::syntax(Span::new(text.len(), text.len()), "empty statement")),
    }
}

/// The token ranges of the statements, without semicolons and without empty statements.
fn ranges(src: &Source<'_>) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at <= src.len() {
        if at == src.len() || src.is(at, &Token::SemiColon) {
            if at > start {
                all.push((start, at));
            }
            start = at + 1;
        } else if let Some(close) = src.partner(at).filter(|&p| p > at) {
            at = close;
        }
        at += 1;
    }
    all
}

/// One statement: on this thread's stack if it is shallow, else on a large one.
fn statement(src: &Source<'_>, from: usize, to: usize) -> Result<Statement, ParseError> {
    let Shape { depth, chain } = measure(src, from, to)?;
    if depth <= limits::SMALL_STACK_DEPTH && chain <= limits::SMALL_STACK_CHAIN {
        return Cursor::new(&Cx::new(src), from, to).statement();
    }
    let failed = || ParseError::limit(src.span(from), "no stack for so deep a statement");
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("parser".to_owned())
            .stack_size(limits::LARGE_STACK_BYTES)
            .spawn_scoped(scope, || Cursor::new(&Cx::new(src), from, to).statement())
            .map_err(|_| failed())?
            .join()
            .map_err(|_| failed())?
    })
}

/// Heads of statements that are only known by name. PREPARE TRANSACTION is more.
const NOT_BUILT: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "BENCH",
    "CALL",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "DEALLOCATE",
    "DECLARE",
    "DISCARD",
    "DO",
    "EXECUTE",
    "GRANT",
    "IMPORT",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MOVE",
    "NOTIFY",
    "PAUSE",
    "PREPARE",
    "REASSIGN",
    "REFRESH",
    "REINDEX",
    "RESET",
    "RESUME",
    "REVOKE",
    "SECURITY",
    "UNLISTEN",
    "USE",
    "VACUUM",
];

/// Heads whose second word belongs to their name.
const TWO_WORDS: &[&str] = &["ALTER", "COMMENT", "REFRESH"];

/// Second words that belong to a head's name.
const SECOND_WORDS: &[&str] = &[
    "TABLE",
    "SOURCE",
    "STREAM",
    "VIEW",
    "MATERIALIZED",
    "SINK",
    "INDEX",
    "SYSTEM",
    "DATABASE",
    "SCHEMA",
    "ROLE",
    "USER",
    "TYPE",
    "FUNCTION",
    "SEQUENCE",
    "SUBSCRIPTION",
    "ON",
    "ALERT",
];

/// Heads that have a form of their own.
const BUILT: &[&str] = &[
    "SELECT",
    "WITH",
    "VALUES",
    "TABLE",
    "CREATE",
    "DROP",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "TRUNCATE",
    "SUBSCRIBE",
    "EXPLAIN",
    "SHOW",
    "DESCRIBE",
    "SET",
    "COPY",
    "WAIT",
    "FLUSH",
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "CHECKPOINT",
    "BACKUP",
    "RESTORE",
    "CHECK",
    "FETCH",
    "ACKNOWLEDGE",
];

impl Cursor<'_, '_> {
    /// A whole statement.
    pub(crate) fn statement(&mut self) -> Result<Statement, ParseError> {
        let span = self.src.span_of(self.at, self.to);
        let kind = self.cx.deeper(span, || self.kind())?;
        if let StatementKind::Unsupported { .. } = kind {
            self.at = self.to;
        }
        self.expect_end()?;
        Ok(Statement { kind, span })
    }

    /// What a statement says.
    fn kind(&mut self) -> Result<StatementKind, ParseError> {
        let head = self.src.word(self.at).unwrap_or_default().to_ascii_uppercase();
        match head.as_str() {
            "SELECT" | "WITH" | "VALUES" | "TABLE" => self.query_statement(),
            "" if self.src.is(self.at, &Token::LParen) => self.query_statement(),
            "CREATE" => self.create(),
            "DROP" => self.drop_statement(),
            "INSERT" => self.insert(),
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            "MERGE" => self.merge(),
            "TRUNCATE" => self.truncate(),
            "SUBSCRIBE" => self.subscribe(),
            "EXPLAIN" => self.explain(),
            "SHOW" => self.show(),
            "DESCRIBE" | "DESC" => self.describe(),
            "SET" => self.set(),
            "COPY" => self.copy(),
            "WAIT" => self.wait(),
            "BEGIN" | "START" => self.begin(),
            "COMMIT" | "END" => self.commit(),
            "ROLLBACK" | "ABORT" => self.rollback(),
            "SAVEPOINT" => self.savepoint(),
            "RELEASE" => self.release(),
            "FLUSH" => {
                self.at += 1;
                Ok(StatementKind::Flush)
            }
            "CHECKPOINT" => {
                self.at += 1;
                Ok(StatementKind::Checkpoint)
            }
            "BACKUP" => self.backup(),
            "RESTORE" => self.restore(),
            "CHECK" => self.check(),
            "FETCH" => self.fetch(),
            "ACKNOWLEDGE" => self.acknowledge(),
            "PREPARE" if self.is_prepare_transaction() => self.prepare_transaction(),
            known if NOT_BUILT.contains(&known) => Ok(self.not_built(known)),
            other => Err(self.unknown(other)),
        }
    }

    /// A query as a statement, with its EMIT clause.
    fn query_statement(&mut self) -> Result<StatementKind, ParseError> {
        let change = self.find(|src, at| {
            ["INSERT", "UPDATE", "DELETE", "MERGE"].iter().any(|w| src.is_word(at, w))
                && src.is(at.saturating_sub(1), &Token::RParen)
        });
        if self.is("WITH") && change < self.to {
            return self.change_with(change);
        }
        let query = self.query_to(self.to)?;
        Ok(StatementKind::Query(Box::new(query)))
    }

    /// WITH before a change: its tables move into the INSERT's query, or are kept beside UPDATE and
    /// DELETE.
    fn change_with(&mut self, change: usize) -> Result<StatementKind, ParseError> {
        let (mut ctes, recursive) = lower::ctes(self.cx, self.at, change)?;
        self.at = change;
        let mut kind = self.kind()?;
        match &mut kind {
            StatementKind::Insert(insert) => {
                if let Some(source) = &mut insert.source {
                    ctes.append(&mut source.ctes);
                    source.ctes = ctes;
                    source.recursive = source.recursive.or(recursive);
                }
            }
            StatementKind::Update(update) => update.with = With { ctes, recursive },
            StatementKind::Delete(delete) => delete.with = With { ctes, recursive },
            StatementKind::Merge(merge) => merge.with = With { ctes, recursive },
            _ => {}
        }
        Ok(kind)
    }

    /// CREATE something.
    fn create(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        let or_replace = self.take_words(&["OR", "REPLACE"]);
        while ["TEMP", "TEMPORARY", "LOCAL", "GLOBAL", "UNLOGGED"].iter().any(|w| self.take(w)) {}
        let kind = self.src.word(self.at).unwrap_or_default().to_ascii_uppercase();
        match kind.as_str() {
            "SOURCE" | "STREAM" | "TABLE" => self.create_relation(or_replace),
            "VIEW" => self.create_view(or_replace, false),
            "MATERIALIZED" if self.src.is_word(self.at + 1, "VIEW") => {
                self.at += 1;
                self.create_view(or_replace, true)
            }
            "SINK" => self.create_sink(),
            "UNIQUE" | "INDEX" => self.create_index(),
            "ASSERTION" => self.create_assertion(or_replace),
            "SUBSCRIPTION" => self.create_subscription(or_replace),
            "FOREIGN" => Ok(StatementKind::Unsupported { what: "CREATE FOREIGN TABLE".to_owned() }),
            "EVENT" => Ok(StatementKind::Unsupported { what: "CREATE EVENT TRIGGER".to_owned() }),
            "ALERT" | "FUNCTION" | "AGGREGATE" | "PROCEDURE" | "TYPE" | "SCHEMA" | "SEQUENCE"
            | "TRIGGER" | "ROLE" | "USER" | "DATABASE" | "EXTENSION" | "DOMAIN" | "CAST"
            | "COLLATION" | "OPERATOR" | "RULE" | "POLICY" | "SECRET" | "CONNECTION" | "MACRO"
            | "CATALOG" | "STATISTICS" | "LANGUAGE" | "PUBLICATION" | "SERVER" | "TABLESPACE"
            | "VIRTUAL" | "RECURSIVE" => {
                Ok(StatementKind::Unsupported { what: format!("CREATE {kind}") })
            }
            _ => {
                let kinds = [
                    "SOURCE",
                    "STREAM",
                    "TABLE",
                    "VIEW",
                    "MATERIALIZED",
                    "SINK",
                    "INDEX",
                    "ASSERTION",
                    "SUBSCRIPTION",
                    "ALERT",
                    "FUNCTION",
                ];
                let error = self.wrong(
                    "SOURCE, STREAM, TABLE, VIEW, MATERIALIZED VIEW, SINK, INDEX, ASSERTION or \
                     SUBSCRIPTION",
                );
                Err(self.suggest(error, &kind, &kinds))
            }
        }
    }

    /// A known statement that is not built.
    fn not_built(&self, head: &str) -> StatementKind {
        let second = self.src.word(self.at + 1).unwrap_or_default().to_ascii_uppercase();
        let mut what = head.to_owned();
        if TWO_WORDS.contains(&head) && SECOND_WORDS.contains(&second.as_str()) {
            what = format!("{head} {second}");
            if second == "MATERIALIZED" {
                what.push_str(" VIEW");
            }
        }
        StatementKind::Unsupported { what }
    }

    /// A head that nobody knows.
    fn unknown(&self, head: &str) -> ParseError {
        let message = near(self.src, self.at, self.to);
        let error = ParseError::syntax(self.src.span(self.at), message);
        let known: Vec<&str> = BUILT.iter().chain(NOT_BUILT).copied().collect();
        self.suggest(error, head, &known)
    }

    /// Adds "did you mean" if a word is close to a known one.
    fn suggest(&self, error: ParseError, word: &str, known: &[&str]) -> ParseError {
        let allowed = if word.len() > 4 { 2 } else { 1 };
        let best = known
            .iter()
            .map(|k| (distance(word, k), *k))
            .filter(|(d, _)| *d <= allowed && !word.is_empty())
            .min();
        match best {
            Some((_, k)) => error.with_hint(format!("Did you mean {k}?")),
            None => error,
        }
    }
}

/// How many letters must be changed, added, dropped or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(32).collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}
