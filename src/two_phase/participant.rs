//! What takes part in a commit over several databases.
//!
//! Invariant: an answer is given when it holds for ever; asked again, it is the same.

use arena_tr_types::SqlState;

use crate::database::Database;
use crate::durable::Durability;
use crate::engine::attempt::Attempt;
use crate::error::{Error, Result};
use crate::session::Session;

/// Something that can prepare its part of a transaction and end it later: a [`Session`] with its
/// open transaction, a [`Database`] when all is prepared, or a stand-in for one elsewhere.
///
/// Every method may fail, may be called again, and may have worked although it failed (an answer
/// can be lost).
pub trait Participant {
    /// What it is called, the same whenever it is reached: two participants of one transaction have
    /// different names.
    fn name(&self) -> String;

    /// Makes what was done durable under this name, so that [`Participant::commit`] cannot fail for
    /// any reason of its own. Good, too, when that has happened already.
    ///
    /// # Errors
    /// When it cannot be committed.
    fn prepare(&mut self, gid: &str) -> Result<()>;

    /// Commits what is prepared under this name. Good, too, when nothing is: it was committed
    /// before.
    ///
    /// # Errors
    /// When that cannot be said now; ask again.
    fn commit(&mut self, gid: &str) -> Result<()>;

    /// Gives up what is, or was to be, prepared under this name. Good, too, when nothing is.
    ///
    /// # Errors
    /// When that cannot be said now; ask again.
    fn roll_back(&mut self, gid: &str) -> Result<()>;

    /// The names of all that is prepared, of other coordinators' too.
    ///
    /// # Errors
    /// When that cannot be said now.
    fn prepared(&mut self) -> Result<Vec<String>>;
}

/// A database ends what its sessions have prepared.
impl Participant for Database {
    fn name(&self) -> String {
        format!("{:032x}", self.identity())
    }

    fn prepare(&mut self, gid: &str) -> Result<()> {
        if self.prepared()?.iter().any(|other| other == gid) {
            return Ok(());
        }
        let message = "there is no transaction in progress";
        Err(Error::new(SqlState::NO_ACTIVE_TRANSACTION, message))
    }

    fn commit(&mut self, gid: &str) -> Result<()> {
        let epoch = Attempt::new(self.engine()).commit_prepared(gid);
        self.ended(epoch)
    }

    fn roll_back(&mut self, gid: &str) -> Result<()> {
        let done = self.engine().roll_back_prepared(gid);
        self.ended(done.map(|()| None))
    }

    fn prepared(&mut self) -> Result<Vec<String>> {
        let gids = self.engine().prepared.iter().map(|p| p.head.gid.clone()).collect();
        // One that is missing has ended for good.
        self.settle(Some(Durability::Group), None)?;
        Ok(gids)
    }
}

impl Database {
    /// Waits for the end of a prepared transaction; one that is unknown has ended before.
    fn ended(&self, epoch: Result<Option<arena_tr_types::Epoch>>) -> Result<()> {
        let epoch = match epoch {
            Err(error) if error.state() == SqlState::UNDEFINED_OBJECT => None,
            epoch => epoch?,
        };
        self.settle(Some(Durability::Group), epoch)
    }
}

/// A session takes part with the transaction that is open in it.
impl Participant for Session {
    fn name(&self) -> String {
        self.db.name()
    }

    fn prepare(&mut self, gid: &str) -> Result<()> {
        if !self.in_transaction() {
            return self.db.prepare(gid);
        }
        let outcomes = self.execute(&format!("PREPARE TRANSACTION {}", quoted(gid)))?;
        match outcomes.iter().any(|outcome| outcome.tag == "PREPARE TRANSACTION") {
            true => Ok(()),
            false => {
                let message = "the transaction had failed and was rolled back";
                Err(Error::new(SqlState::IN_FAILED_TRANSACTION, message))
            }
        }
    }

    fn commit(&mut self, gid: &str) -> Result<()> {
        self.db.commit(gid)
    }

    fn roll_back(&mut self, gid: &str) -> Result<()> {
        let is_prepared = self.db.prepared()?.iter().any(|other| other == gid);
        if !is_prepared && self.in_transaction() {
            return self.execute("ROLLBACK").map(drop);
        }
        self.db.roll_back(gid)
    }

    fn prepared(&mut self) -> Result<Vec<String>> {
        self.db.prepared()
    }
}

/// A string constant of SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
