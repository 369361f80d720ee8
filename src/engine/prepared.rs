//! Transactions that are prepared: durable, seen by nobody, and sure to commit when they are told.
//!
//! Each has its changes and what it [claims](super::claims). Whoever would change what is claimed
//! is refused at once, since nobody knows how long it takes until the transaction ends.
//! Invariant: the changes of every prepared transaction fit the relations as they are, whichever of
//! the others are committed before it.

use std::collections::{BTreeMap, BTreeSet};

use arena_tr_types::{Epoch, RelationId, SqlState};

use super::Engine;
use super::claims::Claims;
use super::commit::Deltas;
use crate::durable::record::{Prepared, PreparedHead};
use crate::error::{Error, Result};
use crate::transaction::leaving;

/// A gid is shorter than this, in bytes.
const MAX_GID_BYTES: usize = 200;

/// The prepared transactions.
#[derive(Default)]
pub(crate) struct PreparedSet {
    by_gid: BTreeMap<String, Held>,
    /// Relations that something is claimed of, all together.
    claimed: BTreeSet<RelationId>,
}

/// A prepared transaction and what it keeps from others.
struct Held {
    prepared: Prepared,
    claims: Claims,
}

impl Held {
    /// Whether it changes a relation, or counts on its rows.
    fn uses(&self, id: RelationId) -> bool {
        let Prepared { changes, kept, .. } = &self.prepared;
        changes.contains_key(&id)
            || kept.contains_key(&id)
            || self.claims.relations().any(|other| other == id)
    }
}

impl PreparedSet {
    /// All, by gid.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Prepared> {
        self.by_gid.values().map(|held| &held.prepared)
    }

    fn insert(&mut self, held: Held) {
        self.claimed.extend(held.claims.relations());
        self.by_gid.insert(held.prepared.head.gid.clone(), held);
    }

    fn remove(&mut self, gid: &str) -> Option<Prepared> {
        let held = self.by_gid.remove(gid)?;
        self.claimed = self.by_gid.values().flat_map(|held| held.claims.relations()).collect();
        Some(held.prepared)
    }
}

impl Engine {
    /// Whether a transaction may be prepared under this name.
    ///
    /// # Errors
    /// 22023 when it is too long, 42710 when another has it.
    pub(crate) fn check_gid(&self, gid: &str) -> Result<()> {
        if gid.len() >= MAX_GID_BYTES {
            let message = format!("transaction identifier \"{gid}\" is too long");
            let hint = format!("it has to be shorter than {MAX_GID_BYTES} bytes");
            return Err(Error::new(SqlState::INVALID_PARAMETER, message).with_hint(hint));
        }
        if self.prepared.by_gid.contains_key(gid) {
            let message = format!("transaction identifier \"{gid}\" is already in use");
            return Err(Error::new(SqlState("42710"), message));
        }
        Ok(())
    }

    /// Whether changes leave alone what is prepared.
    ///
    /// # Errors
    /// 40001 when they do not.
    pub(crate) fn check_prepared(&self, changes: &Deltas) -> Result<()> {
        self.check_claims(changes, &Deltas::new())
    }

    /// The same, with rows that are changed and changed back.
    ///
    /// # Errors
    /// As [`Engine::check_prepared`].
    pub(crate) fn check_claims(&self, changes: &Deltas, kept: &Deltas) -> Result<()> {
        let PreparedSet { by_gid, claimed } = &self.prepared;
        if claimed.is_empty() {
            return Ok(());
        }
        let claims = self.claims((changes, kept), Some(claimed))?;
        let held = by_gid.values().find(|held| claims.meet(&held.claims));
        let Some(held) = held else { return Ok(()) };
        let message = "could not serialize access due to a prepared transaction";
        Err(Error::new(SqlState::SERIALIZATION_FAILURE, message).with_hint(ending(held)))
    }

    /// Whether a definition may change a relation.
    ///
    /// # Errors
    /// 55006 when a prepared transaction counts on it.
    pub(crate) fn check_unused(&self, id: RelationId) -> Result<()> {
        let Some(held) = self.prepared.by_gid.values().find(|held| held.uses(id)) else {
            return Ok(());
        };
        let name = self.relations.get(&id).map_or("", |entry| &entry.relation.name);
        let message = format!("\"{name}\" is being used by a prepared transaction");
        Err(Error::new(SqlState("55006"), message).with_hint(ending(held)))
    }

    /// Whether a relation may be dropped: with `cascade`, foreign keys that reference it go too.
    ///
    /// # Errors
    /// As [`Engine::check_unused`].
    pub(crate) fn check_droppable(&self, id: RelationId, cascade: bool) -> Result<()> {
        self.check_unused(id)?;
        let children = self.links_from_others(id).into_iter().filter(|_| cascade);
        children.map(|link| link.child).try_for_each(|child| self.check_unused(child))
    }

    /// Whether changes fit the contents as they are.
    ///
    /// # Errors
    /// 23505 when a key would be there twice, XX000 when a row is not there.
    pub(crate) fn check_fit(&self, deltas: &Deltas) -> std::result::Result<(), crate::SqlError> {
        let store = |(id, delta)| Some((self.relations.get(id)?.store.as_ref()?, delta));
        deltas.iter().filter_map(store).try_for_each(|(store, delta)| store.check(delta))
    }

    /// Lets the gates judge rows that come in.
    ///
    /// # Errors
    /// When a row is late and its relation refuses late rows.
    pub(crate) fn judge(&mut self, changes: Deltas) -> Result<Deltas> {
        let mut deltas = Deltas::new();
        for (id, net) in changes {
            if self.entry(id)?.gate.is_none() {
                deltas.insert(id, net);
                continue;
            }
            for batch in net {
                self.accept_complete(id, batch, &mut deltas)?;
            }
        }
        Ok(deltas)
    }

    /// Keeps changes under a name that was checked, and logs them. They are in nobody's way.
    ///
    /// # Errors
    /// When a foreign key is broken, 0A000 for rows that might be refused later, and when the disk
    /// refuses; nothing is prepared then.
    pub(crate) fn prepare(&mut self, gid: &str, changes: Deltas, kept: Deltas) -> Result<()> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        for id in changes.keys() {
            let entry = self.entry(*id)?;
            if entry.late_is_error {
                let name = &entry.relation.name;
                let what = format!("preparing rows of \"{name}\", which refuses late rows,");
                return Err(Error::unsupported(what)
                    .with_hint("they are judged at COMMIT PREPARED, which may not fail"));
            }
        }
        if let Some(name) = self.assertions.touched(&changes).first() {
            let what = format!("preparing rows that assertion \"{name}\" reads");
            return Err(Error::unsupported(what)
                .with_hint("it could be violated at COMMIT PREPARED, which may not fail"));
        }
        self.check_foreign_keys(&changes)?;
        let (epoch, now) = (self.epoch, self.time());
        let head = PreparedHead { gid: gid.to_owned(), epoch: epoch.0, now };
        let held = self.hold_prepared(Prepared { head, changes, kept })?;
        if let Some(journal) = &mut self.journal {
            journal.append_prepared(epoch, &held.prepared)?;
        }
        self.prepared.insert(held);
        Ok(())
    }

    fn hold_prepared(&self, prepared: Prepared) -> Result<Held> {
        let claims = self.claims((&prepared.changes, &prepared.kept), None)?;
        Ok(Held { prepared, claims })
    }

    /// Puts a prepared transaction back that was logged.
    ///
    /// # Errors
    /// When its relations are not there.
    pub(crate) fn restore_prepared(&mut self, prepared: Prepared) -> Result<()> {
        let held = self.hold_prepared(prepared)?;
        self.prepared.insert(held);
        Ok(())
    }

    /// Forgets a prepared transaction whose end was logged.
    ///
    /// # Errors
    /// 42704 when there is none of this name.
    pub(crate) fn forget_prepared(&mut self, gid: &str) -> Result<()> {
        self.prepared.remove(gid).map(drop).ok_or_else(|| unknown(gid))
    }

    /// Commits a prepared transaction; the epoch that it made, none if it changes nothing.
    ///
    /// # Errors
    /// 42704 when there is none of this name, and when the disk refuses or memory runs out: it is
    /// prepared still.
    pub(crate) fn commit_prepared(&mut self, gid: &str) -> Result<Option<Epoch>> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let held = self.prepared.by_gid.get(gid).ok_or_else(|| unknown(gid))?;
        let Prepared { changes, kept, .. } = held.prepared.clone();
        let epoch = if changes.is_empty() {
            self.log_ended(gid)?;
            None
        } else {
            let deltas = self.judge(changes)?;
            Some(self.commit_ending(deltas, Some(gid))?)
        };
        self.prepared.remove(gid);
        // Rows that are set to what they were are changed for others, too.
        let footprint = kept
            .iter()
            .filter_map(|(id, rows)| Some((*id, leaving(&self.relations.get(id)?.relation, rows))));
        let footprint = footprint.collect();
        self.note_footprint(footprint);
        Ok(epoch)
    }

    /// Ends a prepared transaction without its changes.
    ///
    /// # Errors
    /// 42704 when there is none of this name, and when the disk refuses: it is prepared still.
    pub(crate) fn roll_back_prepared(&mut self, gid: &str) -> Result<()> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if !self.prepared.by_gid.contains_key(gid) {
            return Err(unknown(gid));
        }
        self.log_ended(gid)?;
        self.forget_prepared(gid)
    }

    fn log_ended(&mut self, gid: &str) -> Result<()> {
        let epoch = self.epoch;
        self.journal.as_mut().map_or(Ok(()), |journal| journal.append_ended(epoch, gid))
    }
}

fn ending(held: &Held) -> String {
    let gid = held.prepared.head.gid.replace('\'', "''");
    format!("COMMIT PREPARED '{gid}' or ROLLBACK PREPARED '{gid}' first, then run it again")
}

fn unknown(gid: &str) -> Error {
    let message = format!("prepared transaction with identifier \"{gid}\" does not exist");
    Error::new(SqlState::UNDEFINED_OBJECT, message)
}
