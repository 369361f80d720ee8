//! Indexes of tables: made with the table or later, dropped, looked up.
//!
//! The catalog says which there are, the contents hold them; both change here together.
//! Invariant: an index of a relation's [`arena_tr_planner::catalog::Keys`] has its number in the
//! contents at the same position of the entry.

use std::sync::Arc;

use arena_tr_planner::catalog::{Index, Relation, UniqueKey};
use arena_tr_storage::table::{IndexId, IndexSpec, RelationStore};
use arena_tr_types::{RelationId, SqlState, Value};

use super::definitions::Object;
use super::{Engine, Entry};
use crate::error::{Error, Result};

/// The numbers of a relation's indexes in its contents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    /// Of its indexes.
    pub(crate) indexes: Vec<IndexId>,
    /// Of the indexes over the columns of its foreign keys.
    pub(crate) foreign: Vec<IndexId>,
}

fn labels(relation: &Relation, columns: &[usize]) -> Vec<String> {
    columns.iter().map(|c| relation.schema.fields[*c].name.to_string()).collect()
}

fn spec(relation: &Relation, name: &str, columns: &[usize], unique: bool) -> IndexSpec {
    let labels = labels(relation, columns);
    IndexSpec { name: name.to_owned(), columns: columns.to_vec(), labels, unique }
}

/// Adds what a relation's keys ask for to its contents.
///
/// # Errors
/// When memory runs out.
pub(super) fn add_all(store: &mut RelationStore, relation: &Relation) -> Result<Numbers> {
    if let (Some(name), Some(key)) = (&relation.keys.primary, &relation.primary_key) {
        store.name_key(name, &labels(relation, key));
    }
    let mut numbers = Numbers::default();
    for index in &relation.keys.indexes {
        let spec = spec(relation, &index.name, &index.columns, index.unique);
        numbers.indexes.push(store.add_index(spec)?);
    }
    for key in &relation.keys.foreign {
        numbers.foreign.push(store.add_index(spec(relation, &key.name, &key.columns, false))?);
    }
    Ok(numbers)
}

impl Engine {
    /// Adds an index to a table with rows.
    ///
    /// # Errors
    /// 23505 when it is unique and the rows are not; when memory runs out.
    pub(crate) fn add_index(&mut self, id: RelationId, index: Index) -> Result<()> {
        let entry = self.entry_mut(id)?;
        let mut relation = (*entry.relation).clone();
        let spec = spec(&relation, &index.name, &index.columns, index.unique);
        let Some(store) = &mut entry.store else {
            return Err(Error::new(SqlState::INTERNAL, "a relation without rows has no index"));
        };
        let number = store.add_index(spec)?;
        entry.numbers.indexes.push(number);
        self.noted.made(Object::Index(id, index.name.clone()));
        relation.keys.indexes.push(index);
        self.redefine(id, relation)
    }

    /// Drops an index by its position.
    ///
    /// # Errors
    /// When the relation is gone.
    pub(crate) fn drop_index(&mut self, id: RelationId, at: usize) -> Result<()> {
        let entry = self.entry_mut(id)?;
        let mut relation = (*entry.relation).clone();
        let index = relation.keys.indexes.remove(at);
        let number = entry.numbers.indexes.remove(at);
        if let Some(store) = &mut entry.store {
            store.drop_index(number);
        }
        self.noted.dropped(Object::Index(id, index.name));
        self.redefine(id, relation)
    }

    /// Puts a changed description of a relation in the place of the old one.
    pub(super) fn redefine(&mut self, id: RelationId, relation: Relation) -> Result<()> {
        let relation = Arc::new(relation);
        self.entry_mut(id)?.relation = Arc::clone(&relation);
        Arc::make_mut(&mut self.catalog).relations.insert(relation.name.clone(), relation);
        Ok(())
    }
}

impl Entry {
    /// The row with this key that no two rows share; the values stand in the key's own order.
    ///
    /// # Errors
    /// When the values are not of the key's types.
    pub(crate) fn find_unique(
        &self,
        key: UniqueKey,
        values: &[Value],
    ) -> Result<Option<Vec<Value>>> {
        let Some(store) = &self.store else { return Ok(None) };
        let types = self.relation.schema.types();
        let row = match key {
            UniqueKey::Primary => store.find_key(values)?,
            UniqueKey::Index(at) => {
                store.lookup(self.numbers.indexes[at], values)?.into_iter().next()
            }
        };
        Ok(row.map(|row| row.values(&types)))
    }
}
