//! EXPLAIN, SHOW, DESCRIBE, SET, WAIT FOR.
//!
//! Invariant: an option or a form that is not built is named.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::ast::{Explain, ExplainForm, ExplainTarget, Ident, Literal, StatementKind};
use crate::error::ParseError;

/// The form a word names.
fn form_of(word: &str) -> Option<ExplainForm> {
    match word {
        "LOGICAL" => Some(ExplainForm::Logical),
        "PHYSICAL" => Some(ExplainForm::Physical),
        "BYTECODE" => Some(ExplainForm::Bytecode),
        "STATE" => Some(ExplainForm::State),
        _ => None,
    }
}

impl Cursor<'_, '_> {
    /// The current unquoted word in capitals, or nothing.
    fn upper(&self) -> String {
        let word = if self.done() { None } else { self.src.word(self.at) };
        word.unwrap_or_default().to_ascii_uppercase()
    }

    /// EXPLAIN [(options)] [ANALYZE] [form] target.
    pub(super) fn explain(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        let mut explain = Explain {
            form: ExplainForm::default(),
            analyze: false,
            target: ExplainTarget::View(crate::ast::ObjectName {
                parts: vec![],
                span: self.here(),
            }),
        };
        let options = self.is_token(&Token::LParen) && !super::dml::starts_query(self.src, self.at);
        if options {
            for mut option in self.parentheses()?.comma_separated() {
                if let Some(what) = option.explain_option(&mut explain)? {
                    return Ok(StatementKind::Unsupported { what });
                }
            }
        }
        loop {
            let word = self.upper();
            if word == "ANALYZE" {
                explain.analyze = true;
            } else if let Some(form) = form_of(&word) {
                explain.form = form;
            } else if word != "VERBOSE" {
                break;
            }
            self.at += 1;
        }
        self.take_words(&["PLAN", "FOR"]);
        explain.target = self.explain_target()?;
        Ok(StatementKind::Explain(Box::new(explain)))
    }

    /// One option in parentheses; the name of one that is not built.
    fn explain_option(&mut self, explain: &mut Explain) -> Result<Option<String>, ParseError> {
        let word = self.upper();
        self.at += 1;
        if let Some(form) = form_of(&word) {
            explain.form = form;
        } else {
            match word.as_str() {
                "ANALYZE" => explain.analyze = self.switch()?,
                "VERBOSE" | "COSTS" | "SUMMARY" | "TIMING" | "BUFFERS" => {
                    self.switch()?;
                }
                "FORMAT" if self.take("TEXT") => {}
                "CHANGELOG" | "CLIF" | "JSON" | "FORMAT" => {
                    return Ok(Some(format!("EXPLAIN ({word})")));
                }
                _ => {
                    self.at -= 1;
                    return Err(self.wrong("LOGICAL, PHYSICAL, BYTECODE, STATE or ANALYZE"));
                }
            }
        }
        self.expect_end()?;
        Ok(None)
    }

    /// Nothing, or a boolean.
    fn switch(&mut self) -> Result<bool, ParseError> {
        if self.done() {
            return Ok(true);
        }
        let value = match self.upper().as_str() {
            "TRUE" | "ON" => true,
            "FALSE" | "OFF" => false,
            _ => return Err(self.wrong("a boolean")),
        };
        self.at += 1;
        Ok(value)
    }

    /// MATERIALIZED VIEW v, VIEW v, or a statement.
    fn explain_target(&mut self) -> Result<ExplainTarget, ParseError> {
        if self.take_words(&["MATERIALIZED", "VIEW"]) || self.take("VIEW") {
            return Ok(ExplainTarget::View(self.object_name()?));
        }
        if self.done() {
            return Err(self.wrong("a statement"));
        }
        let mut rest = self.part(self.at, self.to);
        let statement = rest.statement()?;
        self.at = self.to;
        Ok(ExplainTarget::Statement(Box::new(statement)))
    }

    /// SHOW x: words and dots up to the end are one name.
    pub(super) fn show(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        if self.is("CREATE") {
            return Ok(StatementKind::Unsupported { what: "SHOW CREATE".to_owned() });
        }
        if self.take("COLUMNS") {
            self.expect(&["FROM"])?;
            return Ok(StatementKind::Describe { name: self.object_name()? });
        }
        let start = self.at;
        let what = self.words()?;
        Ok(StatementKind::Show {
            what: Ident { name: what, quoted: false, span: self.since(start) },
        })
    }

    /// Words, joined by spaces or by the dots between them.
    fn words(&mut self) -> Result<String, ParseError> {
        let mut name = String::new();
        while let Some(Token::Word(word)) = self.src.token(self.at).filter(|_| !self.done()) {
            if !name.is_empty() && !name.ends_with('.') {
                name.push(' ');
            }
            let quoted = word.quote_style.is_some();
            name.push_str(&if quoted { word.value.clone() } else { word.value.to_lowercase() });
            self.at += 1;
            if self.take_token(&Token::Period) {
                name.push('.');
            }
        }
        if name.is_empty() || name.ends_with('.') { Err(self.wrong("a name")) } else { Ok(name) }
    }

    /// DESCRIBE x.
    pub(super) fn describe(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        let has_kind = |kind: &str| self.is(kind) && self.at + 1 < self.to;
        if ["TABLE", "SOURCE", "STREAM", "VIEW", "SINK"].iter().any(|k| has_kind(k)) {
            self.at += 1;
        } else {
            self.take_words(&["MATERIALIZED", "VIEW"]);
        }
        Ok(StatementKind::Describe { name: self.object_name()? })
    }

    /// SET [SESSION | LOCAL] x = y, SET x TO y, SET TIME ZONE y.
    pub(super) fn set(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        for kind in ["TRANSACTION", "CONSTRAINTS", "ROLE"] {
            if self.is(kind) {
                return Ok(StatementKind::Unsupported { what: format!("SET {kind}") });
            }
        }
        let scoped = self.is("SESSION") || self.is("LOCAL");
        if scoped && matches!(self.src.token(self.at + 1), Some(Token::Word(_))) {
            self.at += 1;
        }
        let start = self.at;
        let name = if self.take_words(&["TIME", "ZONE"]) {
            "timezone".to_owned()
        } else {
            let name = self.object_name()?;
            if !self.take_token(&Token::Eq) && !self.take("TO") {
                return Err(self.wrong("= or TO"));
            }
            name.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".")
        };
        let span = self.src.span(start);
        let mut value = self.setting()?;
        while self.take_token(&Token::Comma) {
            let next = self.setting()?;
            value = Literal::String(format!("{}, {}", plain(&value), plain(&next)));
        }
        Ok(StatementKind::Set { name: Ident { name, quoted: false, span }, value })
    }

    /// One value of a setting: like an option's, with words such as ON and DEFAULT.
    fn setting(&mut self) -> Result<Literal, ParseError> {
        self.option_value()
    }

    /// WAIT FOR SOURCES.
    pub(super) fn wait(&mut self) -> Result<StatementKind, ParseError> {
        self.expect(&["WAIT", "FOR"])?;
        if self.is("EPOCH") {
            return Ok(StatementKind::Unsupported { what: "WAIT FOR EPOCH".to_owned() });
        }
        self.expect(&["SOURCES"])?;
        Ok(StatementKind::WaitForSources)
    }
}

/// A value's text.
fn plain(value: &Literal) -> String {
    match value {
        Literal::String(s) | Literal::Number(s) => s.clone(),
        Literal::Bool(b) => b.to_string(),
        Literal::Interval { value, .. } => value.clone(),
        Literal::Null | Literal::Bytes(_) => String::new(),
    }
}
