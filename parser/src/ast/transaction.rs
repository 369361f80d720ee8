//! Statements that begin, end and divide transactions.
//!
//! Invariant: what PostgreSQL writes in several ways (END, ABORT, START TRANSACTION) is one
//! variant here.

use super::{Ident, Text};

/// A statement about the transaction itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// BEGIN, START TRANSACTION.
    Begin(Begin),
    /// COMMIT, END.
    Commit,
    /// ROLLBACK, ABORT.
    Rollback,
    /// SAVEPOINT name.
    Savepoint(Ident),
    /// ROLLBACK TO [SAVEPOINT] name.
    RollbackTo(Ident),
    /// RELEASE [SAVEPOINT] name.
    Release(Ident),
    /// PREPARE TRANSACTION 'gid'.
    Prepare(Text),
    /// COMMIT PREPARED 'gid'.
    CommitPrepared(Text),
    /// ROLLBACK PREPARED 'gid'.
    RollbackPrepared(Text),
}

/// What BEGIN says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Begin {
    /// Whether it was written as START TRANSACTION.
    pub start: bool,
    /// ISOLATION LEVEL, if it is named.
    pub isolation: Option<Isolation>,
    /// READ ONLY (true) or READ WRITE (false), if it is named.
    pub read_only: Option<bool>,
}

/// An isolation level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// READ UNCOMMITTED.
    ReadUncommitted,
    /// READ COMMITTED.
    ReadCommitted,
    /// REPEATABLE READ.
    RepeatableRead,
    /// SNAPSHOT.
    Snapshot,
    /// SERIALIZABLE.
    Serializable,
}
