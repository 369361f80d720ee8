//! FOR SYSTEM_TIME AS OF behind a table of FROM.
//!
//! `FOR SYSTEM_TIME AS OF EPOCH n`, `FOR SYSTEM_TIME AS OF timestamp`: the grammar library knows
//! the clause only for literals and only before the alias, so it is parsed here and kept.
//! Invariant: EPOCH directly behind AS OF is the keyword unless a period follows; a column of that
//! name takes double quotes.

use sqlparser::tokenizer::Token;

use super::Cutter;
use crate::ast::AsOf;
use crate::error::ParseError;
use crate::lower;

impl Cutter<'_, '_> {
    /// The clause at FOR SYSTEM_TIME: parsed, cut out and kept.
    pub(super) fn system_time(&mut self) -> Result<(), ParseError> {
        let (start, kind) = (self.at, self.at + 2);
        if !self.src.are_words(kind, &["AS", "OF"]) {
            return Err(self.other_system_time(kind));
        }
        let operand = kind + 2;
        let is_epoch =
            self.src.is_word(operand, "EPOCH") && !self.src.is(operand + 1, &Token::Period);
        let from = operand + usize::from(is_epoch);
        let to = self.behind_expression(from - self.at);
        if from >= to {
            let what = if is_epoch { "a number" } else { "EPOCH and a number or a timestamp" };
            return Err(self.expected(from, what));
        }
        let levels = self.levels.len();
        let span = self.src.span(from);
        let (expr, next) =
            self.cx.deeper_by(levels, span, || lower::leading_expr(self.cx, from, to))?;
        let as_of = if is_epoch { AsOf::Epoch(expr) } else { AsOf::Timestamp(expr) };
        let key = self.src.end(start.saturating_sub(1));
        let place = (self.src.start(start), self.src.end(next - 1));
        self.cuts.as_ofs.get_mut().insert(key, (as_of, place.0, place.1));
        self.at = next;
        Ok(())
    }

    /// FOR SYSTEM_TIME with anything but AS OF.
    fn other_system_time(&self, at: usize) -> ParseError {
        for word in ["BETWEEN", "FROM", "ALL", "CONTAINED"] {
            if self.src.is_word(at, word) {
                let what = format!("FOR SYSTEM_TIME {word}");
                return ParseError::unsupported(self.src.span_of(self.at, at + 1), &what);
            }
        }
        self.expected(at, "AS OF")
    }

    /// The error for a token in whose place something else must stand.
    fn expected(&self, at: usize, what: &str) -> ParseError {
        let message = format!("{}, expected {what}", lower::near(self.src, at, self.to));
        ParseError::syntax(self.src.span(at), message)
            .with_hint("Its form is FOR SYSTEM_TIME AS OF EPOCH 4711, or AS OF TIMESTAMP '...'.")
    }
}
