//! Transactions as SQL.
//!
//! Invariant: each statement prints in one spelling, whichever it was written in.

use std::fmt::{self, Display, Formatter};

use crate::ast::{Begin, Isolation, Transaction};

impl Display for Transaction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(begin) => begin.fmt(f),
            Self::Commit => f.write_str("COMMIT"),
            Self::Rollback => f.write_str("ROLLBACK"),
            Self::Savepoint(name) => write!(f, "SAVEPOINT {name}"),
            Self::RollbackTo(name) => write!(f, "ROLLBACK TO SAVEPOINT {name}"),
            Self::Release(name) => write!(f, "RELEASE SAVEPOINT {name}"),
            Self::Prepare(gid) => write!(f, "PREPARE TRANSACTION {gid}"),
            Self::CommitPrepared(gid) => write!(f, "COMMIT PREPARED {gid}"),
            Self::RollbackPrepared(gid) => write!(f, "ROLLBACK PREPARED {gid}"),
        }
    }
}

impl Display for Begin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.start { "START TRANSACTION" } else { "BEGIN" })?;
        if let Some(isolation) = self.isolation {
            write!(f, " ISOLATION LEVEL {isolation}")?;
        }
        match self.read_only {
            Some(true) => f.write_str(" READ ONLY"),
            Some(false) => f.write_str(" READ WRITE"),
            None => Ok(()),
        }
    }
}

impl Display for Isolation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Snapshot => "SNAPSHOT",
            Self::Serializable => "SERIALIZABLE",
        })
    }
}
