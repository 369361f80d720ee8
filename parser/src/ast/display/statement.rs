//! Statements as SQL.
//!
//! Invariant: clauses print in the order of the documentation, whatever order they were written in.

use std::fmt::{self, Display, Formatter};

use super::{commas, string};
use crate::ast::{
    ColumnDef, Copy, CopySubject, CreateRelation, CreateSink, CreateView, Envelope, Explain,
    ExplainForm, ExplainTarget, FormatEncode, LateRows, ObjectKind, RelationKind, SinkInput,
    Statement, StatementKind, Subscribe, WatermarkDef, WithOption,
};

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Display for StatementKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(query) => query.fmt(f),
            Self::CreateRelation(relation) => relation.fmt(f),
            Self::CreateView(view) => view.fmt(f),
            Self::CreateSink(sink) => sink.fmt(f),
            Self::CreateIndex(index) => index.fmt(f),
            Self::CreateAssertion(assertion) => assertion.fmt(f),
            Self::CreateSubscription(subscription) => subscription.fmt(f),
            Self::Drop { kind, if_exists, names, cascade } => {
                write!(
                    f,
                    "DROP {}{}",
                    kind_name(*kind),
                    if *if_exists { " IF EXISTS " } else { " " }
                )?;
                commas(f, names)?;
                f.write_str(if *cascade { " CASCADE" } else { "" })
            }
            Self::Insert(insert) => insert.fmt(f),
            Self::Update(update) => update.fmt(f),
            Self::Delete(delete) => delete.fmt(f),
            Self::Merge(merge) => merge.fmt(f),
            Self::Subscribe(subscribe) => subscribe.fmt(f),
            Self::Fetch(fetch) => fetch.fmt(f),
            Self::Acknowledge(acknowledge) => acknowledge.fmt(f),
            Self::Explain(explain) => explain.fmt(f),
            Self::Show { what } => write!(f, "SHOW {what}"),
            Self::Describe { name } => write!(f, "DESCRIBE {name}"),
            Self::Set { name, value } => write!(f, "SET {name} = {value}"),
            Self::Copy(copy) => copy.fmt(f),
            Self::WaitForSources => f.write_str("WAIT FOR SOURCES"),
            Self::Flush => f.write_str("FLUSH"),
            Self::Transaction(transaction) => transaction.fmt(f),
            Self::Checkpoint => f.write_str("CHECKPOINT"),
            Self::Backup { to } => write!(f, "BACKUP TO {to}"),
            Self::Restore { from } => write!(f, "RESTORE FROM {from}"),
            Self::CheckDatabase => f.write_str("CHECK DATABASE"),
            Self::CheckView { name, repair } => {
                write!(f, "CHECK MATERIALIZED VIEW {name}")?;
                f.write_str(if *repair { " REPAIR" } else { "" })
            }
            Self::Unsupported { what } => f.write_str(what),
        }
    }
}

/// A kind of object in capitals.
fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Source => "SOURCE",
        ObjectKind::Stream => "STREAM",
        ObjectKind::Table => "TABLE",
        ObjectKind::View => "VIEW",
        ObjectKind::MaterializedView => "MATERIALIZED VIEW",
        ObjectKind::Sink => "SINK",
        ObjectKind::Index => "INDEX",
        ObjectKind::Assertion => "ASSERTION",
        ObjectKind::Subscription => "SUBSCRIPTION",
    }
}

/// `OR REPLACE ` or nothing.
pub(super) fn or_replace(there: bool) -> &'static str {
    if there { "OR REPLACE " } else { "" }
}

/// `IF NOT EXISTS ` or nothing.
pub(super) fn if_not_exists(there: bool) -> &'static str {
    if there { "IF NOT EXISTS " } else { "" }
}

/// ` WITH (options)`, if there are any.
pub(super) fn with_options(f: &mut Formatter<'_>, options: &[WithOption]) -> fmt::Result {
    if options.is_empty() {
        return Ok(());
    }
    f.write_str(" WITH (")?;
    commas(f, options)?;
    f.write_str(")")
}

impl Display for WithOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        string(f, &self.key)?;
        write!(f, " = {}", self.value)
    }
}

impl Display for CreateRelation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RelationKind::Source => "SOURCE",
            RelationKind::Stream => "STREAM",
            RelationKind::Table => "TABLE",
        };
        let (replace, exists) = (or_replace(self.or_replace), if_not_exists(self.if_not_exists));
        write!(f, "CREATE {replace}{kind} {exists}{}", self.name)?;
        let mut gap = " (";
        for column in &self.columns {
            write!(f, "{gap}{column}")?;
            gap = ", ";
        }
        for constraint in &self.constraints {
            write!(f, "{gap}{constraint}")?;
            gap = ", ";
        }
        if let Some(watermark) = &self.watermark {
            write!(f, "{gap}{watermark}")?;
            gap = ", ";
        }
        if gap == ", " {
            f.write_str(")")?;
        }
        with_options(f, &self.options)?;
        if let Some(format) = &self.format {
            write!(f, " {format}")?;
        }
        match &self.query {
            Some(query) => write!(f, " AS {query}"),
            None => Ok(()),
        }
    }
}

impl Display for ColumnDef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.data_type)?;
        if let Some(computed) = &self.computed {
            write!(f, " AS ({computed})")?;
        }
        f.write_str(if self.not_null { " NOT NULL" } else { "" })?;
        f.write_str(if self.primary_key { " PRIMARY KEY" } else { "" })?;
        f.write_str(if self.unique { " UNIQUE" } else { "" })?;
        if let Some(default) = &self.default {
            write!(f, " DEFAULT ({default})")?;
        }
        self.checks.iter().try_for_each(|check| write!(f, " CHECK ({check})"))
    }
}

impl Display for WatermarkDef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "WATERMARK FOR {} AS {}", self.column, self.expr)?;
        if let Some(idle) = &self.idle_timeout {
            write!(f, " IDLE TIMEOUT {idle}")?;
        }
        if let Some(close) = &self.close_after {
            write!(f, " CLOSE AFTER {close}")?;
        }
        match &self.late {
            Some(LateRows::Drop) => f.write_str(" LATE ROWS DROP"),
            Some(LateRows::Error) => f.write_str(" LATE ROWS ERROR"),
            Some(LateRows::To(name)) => write!(f, " LATE ROWS TO {name}"),
            None => Ok(()),
        }
    }
}

impl Display for FormatEncode {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "FORMAT {} ENCODE {}", self.format, self.encode)?;
        if self.options.is_empty() {
            return Ok(());
        }
        f.write_str(" (")?;
        commas(f, &self.options)?;
        f.write_str(")")
    }
}

impl Display for CreateView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let materialized = if self.materialized { "MATERIALIZED " } else { "" };
        let (replace, exists) = (or_replace(self.or_replace), if_not_exists(self.if_not_exists));
        write!(f, "CREATE {replace}{materialized}VIEW {exists}{}", self.name)?;
        if !self.columns.is_empty() {
            f.write_str(" (")?;
            commas(f, &self.columns)?;
            f.write_str(")")?;
        }
        with_options(f, &self.options)?;
        write!(f, " AS {}", self.query)
    }
}

impl Display for CreateSink {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE SINK {}{}", if_not_exists(self.if_not_exists), self.name)?;
        match &self.input {
            SinkInput::Relation(name) => write!(f, " FROM {name}")?,
            SinkInput::Query(query) => write!(f, " AS {query}")?,
        }
        with_options(f, &self.options)?;
        if let Some(format) = &self.format {
            write!(f, " {format}")?;
        }
        match &self.envelope {
            Some(envelope) => write!(f, " {envelope}"),
            None => Ok(()),
        }
    }
}

impl Display for Envelope {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upsert(key) => {
                f.write_str("ENVELOPE UPSERT (KEY (")?;
                commas(f, key)?;
                f.write_str("))")
            }
            Self::Debezium => f.write_str("ENVELOPE DEBEZIUM"),
            Self::Append => f.write_str("ENVELOPE APPEND"),
        }
    }
}

impl Display for Subscribe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SUBSCRIBE ({})", self.query)?;
        if let Some(envelope) = &self.envelope {
            write!(f, " {envelope}")?;
        }
        with_options(f, &self.options)?;
        if let Some(epoch) = self.as_of {
            write!(f, " AS OF EPOCH {epoch}")?;
        }
        match self.up_to {
            Some(epoch) => write!(f, " UP TO EPOCH {epoch}"),
            None => Ok(()),
        }
    }
}

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            ExplainForm::Logical => "LOGICAL",
            ExplainForm::Physical => "PHYSICAL",
            ExplainForm::Bytecode => "BYTECODE",
            ExplainForm::State => "STATE",
        };
        write!(f, "EXPLAIN ({form}) {}", if self.analyze { "ANALYZE " } else { "" })?;
        match &self.target {
            ExplainTarget::Statement(statement) => statement.fmt(f),
            ExplainTarget::View(name) => write!(f, "MATERIALIZED VIEW {name}"),
        }
    }
}

impl Display for Copy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("COPY ")?;
        match &self.subject {
            CopySubject::Relation(name, columns) => {
                name.fmt(f)?;
                if !columns.is_empty() {
                    f.write_str(" (")?;
                    commas(f, columns)?;
                    f.write_str(")")?;
                }
            }
            CopySubject::Query(query) => write!(f, "({query})")?,
        }
        f.write_str(if self.from { " FROM " } else { " TO " })?;
        match (&self.path, self.from) {
            (Some(path), _) => string(f, path)?,
            (None, true) => f.write_str("STDIN")?,
            (None, false) => f.write_str("STDOUT")?,
        }
        with_options(f, &self.options)
    }
}
