//! What rustyline needs to know of SQL: completion, colours, and when a statement is whole.
//!
//! Names come from the catalog at the moment of asking, keywords and functions from the engine's
//! tables.
//! Invariant: nothing here runs a statement that changes anything.

use std::borrow::Cow;

use arena_tr::sql::{self, TokenKind};
use arena_tr::{Database, Session};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

/// The shell's helper.
pub(crate) struct SqlHelper {
    db: Database,
    colour: bool,
    /// What is typed is no SQL: the rows of a COPY.
    pub(crate) plain: bool,
}

impl SqlHelper {
    pub(crate) fn new(db: Database, colour: bool) -> Self {
        Self { db, colour, plain: false }
    }

    fn names(&self) -> Vec<String> {
        let mut session: Session = self.db.session();
        let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' \
                   UNION SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'";
        let rows = session.query(sql, &[]).map(|rows| rows.to_vec()).unwrap_or_default();
        rows.into_iter().map(|row| row[0].to_string()).collect()
    }

    fn candidates(&self, word: &str) -> Vec<String> {
        let lower = word.to_lowercase();
        let upper = word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let mut out: Vec<String> =
            self.names().into_iter().filter(|name| name.starts_with(&lower)).collect();
        out.sort_unstable();
        let functions = sql::function_names().filter(|name| name.starts_with(&lower));
        out.extend(functions.map(|name| format!("{name}(")));
        let keywords = sql::keywords().iter().filter(|k| k.to_lowercase().starts_with(&lower));
        out.extend(keywords.map(|k| if upper { k.to_uppercase() } else { k.to_lowercase() }));
        out.dedup();
        out
    }
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let start = line[..pos]
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\\' || c == '.'))
            .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
        let word = &line[start..pos];
        if word.starts_with('\\') || (word.starts_with('.') && start == 0) {
            let commands = crate::command::NAMES.iter().filter(|name| name.starts_with(word));
            return Ok((start, commands.map(|name| pair(name)).collect()));
        }
        let (start, word) = match word.rfind('.') {
            Some(dot) => (start + dot + 1, &word[dot + 1..]),
            None => (start, word),
        };
        if word.is_empty() {
            return Ok((start, Vec::new()));
        }
        Ok((start, self.candidates(word).iter().map(|name| pair(name)).collect()))
    }
}

fn pair(text: &str) -> Pair {
    Pair { display: text.to_owned(), replacement: text.to_owned() }
}

impl Hinter for SqlHelper {
    type Hint = String;
}

impl Validator for SqlHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let whole = self.plain
            || text.trim().is_empty()
            || crate::command::is_command(text)
            || sql::is_complete(text);
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Highlighter for SqlHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !self.colour || self.plain || crate::command::is_command(line) {
            return Cow::Borrowed(line);
        }
        let mut out = String::with_capacity(line.len() * 2);
        let mut at = 0;
        for token in sql::tokens(line) {
            let (start, end) = (token.span.start as usize, token.span.end as usize);
            out.push_str(&line[at..start]);
            let colour = match token.kind {
                TokenKind::Keyword => "\x1b[34m",
                TokenKind::String | TokenKind::UnterminatedString => "\x1b[32m",
                TokenKind::Number => "\x1b[36m",
                TokenKind::Comment | TokenKind::UnterminatedComment => "\x1b[90m",
                _ => "",
            };
            out.push_str(colour);
            out.push_str(&line[start..end]);
            if !colour.is_empty() {
                out.push_str("\x1b[0m");
            }
            at = end;
        }
        out.push_str(&line[at..]);
        Cow::Owned(out)
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.colour
    }
}

impl Helper for SqlHelper {}
