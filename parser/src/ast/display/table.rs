//! Constraints and indexes as SQL.
//!
//! Invariant: a default that is not written is not printed.

use std::fmt::{self, Display, Formatter};

use super::commas;
use crate::ast::{ConstraintKind, CreateIndex, ForeignKey, ReferentialAction, TableConstraint};

impl Display for TableConstraint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "CONSTRAINT {name} ")?;
        }
        let (word, columns) = match &self.kind {
            ConstraintKind::PrimaryKey(columns) => ("PRIMARY KEY", columns),
            ConstraintKind::Unique(columns) => ("UNIQUE", columns),
            ConstraintKind::Check(check) => return write!(f, "CHECK ({check})"),
            ConstraintKind::ForeignKey(key) => return key.fmt(f),
        };
        write!(f, "{word} (")?;
        commas(f, columns)?;
        f.write_str(")")
    }
}

impl Display for ForeignKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("FOREIGN KEY (")?;
        commas(f, &self.columns)?;
        write!(f, ") REFERENCES {}", self.parent)?;
        if !self.parent_columns.is_empty() {
            f.write_str(" (")?;
            commas(f, &self.parent_columns)?;
            f.write_str(")")?;
        }
        for (word, action) in [("DELETE", self.on_delete), ("UPDATE", self.on_update)] {
            if action != ReferentialAction::NoAction {
                write!(f, " ON {word} {action}")?;
            }
        }
        Ok(())
    }
}

impl Display for ReferentialAction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
        })
    }
}

impl Display for CreateIndex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let unique = if self.unique { "UNIQUE " } else { "" };
        let exists = if self.if_not_exists { "IF NOT EXISTS " } else { "" };
        write!(f, "CREATE {unique}INDEX {exists}")?;
        if let Some(name) = &self.name {
            write!(f, "{name} ")?;
        }
        write!(f, "ON {}", self.table)?;
        if let Some(method) = &self.method {
            write!(f, " USING {method}")?;
        }
        f.write_str(" (")?;
        commas(f, &self.columns)?;
        f.write_str(")")
    }
}
