//! What a transaction has done to one relation and nobody else sees yet.
//!
//! Rows that come and go are staged in the order of the statements. Whether keys hold is known at
//! the statement: rows that only arrive are compared with the relation and with each other; as soon
//! as one leaves, the transaction has a copy of the relation of its own.
//! Invariant: the staged changes fit the snapshot; a statement that fails leaves them as they were.

use std::collections::BTreeMap;

use arena_tr_planner::catalog::Relation;
use arena_tr_storage::Batch;
use arena_tr_storage::arena::Pool;
use arena_tr_storage::table::{RelationStore, TableSnapshot};

use super::footprint::{Keys, each_leaving, leaving};
use crate::engine::Engine;
use crate::error::Result;

/// The staged changes of one relation.
#[derive(Default)]
pub(crate) struct Work {
    /// Each statement's changes.
    staged: Vec<Vec<Batch>>,
    /// Whether rows leave.
    leaves: bool,
    own: Option<Own>,
    /// What others changed of the snapshot, as it was, and the version that they left.
    before: Option<(u64, RelationStore)>,
}

/// What the transaction keeps to find keys.
enum Own {
    /// The rows that arrived.
    Arrived(RelationStore),
    /// The whole relation as the transaction sees it.
    Whole(RelationStore),
}

impl Work {
    /// Number of statements staged: where a savepoint stands.
    pub(crate) fn len(&self) -> usize {
        self.staged.len()
    }

    /// Forgets what was staged after a savepoint.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.staged.len() {
            self.staged.truncate(len);
            self.leaves = self.staged.iter().flatten().any(Batch::has_retractions);
            self.own = None;
        }
    }

    /// Whether rows leave.
    pub(crate) fn has_leaving(&self) -> bool {
        self.leaves
    }

    /// The keys of the rows that leave, those included that come back.
    pub(crate) fn leaving(&self, relation: &Relation) -> Keys {
        self.staged.iter().flat_map(|delta| leaving(relation, delta)).collect()
    }

    /// Rows that leave and come back, as rows that leave: `net` does not show them, and all the
    /// same nobody else may change them.
    pub(crate) fn kept(&self, relation: &Relation, net: &[Batch]) -> Result<Vec<Batch>> {
        let types = relation.schema.types();
        let (mut seen, mut rows) = (leaving(relation, net), Vec::new());
        for delta in &self.staged {
            each_leaving(relation, delta, |key, batch, row| {
                if seen.insert(key) {
                    rows.push(batch.row(row, &types));
                }
            });
        }
        let none = rows.is_empty();
        Ok(if none { Vec::new() } else { vec![Batch::from_rows(&rows, &types)?.negate()] })
    }

    /// The relation as the transaction sees it.
    pub(crate) fn contents(
        &mut self,
        relation: &Relation,
        base: &TableSnapshot,
        pool: &Pool,
    ) -> Result<Vec<Batch>> {
        if self.has_leaving() {
            return Ok(self.whole(relation, base, pool)?.scan());
        }
        let mut all = base.scan();
        all.extend(self.staged.iter().flatten().cloned());
        Ok(all)
    }

    /// The transaction's own copy of the relation, made when it is first wanted.
    pub(crate) fn whole(
        &mut self,
        relation: &Relation,
        base: &TableSnapshot,
        pool: &Pool,
    ) -> Result<&mut RelationStore> {
        if !matches!(self.own, Some(Own::Whole(_))) {
            let mut store = Engine::scratch_store(pool, relation)?;
            store.apply(&base.scan())?;
            for delta in &self.staged {
                store.apply(delta)?;
            }
            self.own = Some(Own::Whole(store));
        }
        match &mut self.own {
            Some(Own::Whole(store)) => Ok(store),
            _ => Err(crate::engine::gone(relation.id)),
        }
    }

    /// Stages a statement's changes.
    ///
    /// # Errors
    /// 23505 when a key would be there twice.
    pub(crate) fn stage(
        &mut self,
        relation: &Relation,
        (base, live): (&TableSnapshot, &RelationStore),
        pool: &Pool,
        delta: Vec<Batch>,
    ) -> Result<()> {
        let leaves = delta.iter().any(Batch::has_retractions);
        if leaves || matches!(self.own, Some(Own::Whole(_))) {
            self.whole(relation, base, pool)?.apply(&delta)?;
        } else if Engine::has_keys(relation) {
            self.stage_arriving(relation, (base, live), pool, &delta)?;
        }
        self.leaves |= leaves;
        self.staged.push(delta);
        Ok(())
    }

    /// Rows that only arrive are looked up in the relation as it is now, which is the snapshot but
    /// for what others changed since, and in what of the snapshot others changed.
    fn stage_arriving(
        &mut self,
        relation: &Relation,
        (base, live): (&TableSnapshot, &RelationStore),
        pool: &Pool,
        delta: &[Batch],
    ) -> Result<()> {
        if self.has_leaving() {
            self.whole(relation, base, pool)?.apply(delta)?;
            return Ok(());
        }
        live.check(delta)?;
        if live.version() != base.version() {
            let known = self.before.take().filter(|(version, _)| *version == live.version());
            let before = match known {
                Some((_, before)) => before,
                None => {
                    let mut before = Engine::scratch_store(pool, relation)?;
                    before.apply(&changed_since(base, live))?;
                    before
                }
            };
            let checked = before.check(delta);
            self.before = Some((live.version(), before));
            checked?;
        }
        if self.own.is_none() {
            let mut arrived = Engine::scratch_store(pool, relation)?;
            for delta in &self.staged {
                arrived.apply(delta)?;
            }
            self.own = Some(Own::Arrived(arrived));
        }
        if let Some(Own::Arrived(arrived)) = &mut self.own {
            arrived.apply(delta)?;
        }
        Ok(())
    }

    /// What the transaction does to the relation in all.
    pub(crate) fn net(&self) -> Vec<Batch> {
        if self.has_leaving() {
            return Batch::consolidate(self.staged.concat());
        }
        Batch::concat(&self.staged.concat()).map_or_else(Vec::new, |all| all.split().collect())
    }
}

/// The snapshot's rows in pieces that changed since it was taken.
fn changed_since(base: &TableSnapshot, live: &RelationStore) -> Vec<Batch> {
    let live = live.snapshot();
    let now: BTreeMap<u64, u64> = live.chunks().iter().map(|c| (c.number, c.changed)).collect();
    let same = |number| now.get(number).is_some_and(|changed| *changed <= base.version());
    let chunks = base.chunks();
    chunks.iter().filter(|c| !same(&c.number)).flat_map(|c| c.scan()).collect()
}
