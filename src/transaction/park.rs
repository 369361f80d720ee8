//! PREPARE TRANSACTION: a transaction leaves its session and waits under a name.
//!
//! Everything that COMMIT looks at is looked at here, but for lateness: rows of streams are judged
//! in the order of their arrival, and they arrive with COMMIT PREPARED.
//! Invariant: what is prepared fits the relations as they are, and conflicts with nothing else that
//! is prepared.

use super::{Transaction, conflict, relation_of};
use crate::database::Database;
use crate::engine::attempt::Attempt;
use crate::engine::commit::Deltas;
use crate::error::Result;

impl Transaction {
    /// Prepares its changes under a name. It has ended then, also on failure.
    ///
    /// # Errors
    /// As [`Transaction::commit`], and 42710 when another transaction has the name.
    pub(crate) fn prepare_as(&mut self, db: &Database, gid: &str) -> Result<()> {
        let mut engine = Attempt::new(db.engine());
        engine.check_gid(gid)?;
        let Some(held) = &self.held else {
            return engine.prepare(gid, Deltas::new(), Deltas::new());
        };
        let snapshots = held.get(engine.time(), engine.options.snapshot_max_age)?;
        self.footprint(&engine, &snapshots)?;
        let changes = self.net(&engine, &snapshots)?;
        let mut kept = Deltas::new();
        for (id, work) in self.work.iter().filter(|(_, work)| work.has_leaving()) {
            let relation = relation_of(&snapshots.catalog, *id)?;
            let net = changes.get(id).map_or(&[][..], Vec::as_slice);
            let rows = work.kept(&relation, net)?;
            if !rows.is_empty() && engine.relations.contains_key(id) {
                kept.insert(*id, rows);
            }
        }
        engine.check_claims(&changes, &kept)?;
        engine.check_fit(&changes).map_err(conflict)?;
        engine.prepare(gid, changes, kept)
    }
}
