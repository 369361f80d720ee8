//! Foreign keys: what a commit may not leave behind, and what follows a row that goes.
//!
//! Actions (CASCADE, SET NULL, SET DEFAULT) join the statement's changes before it commits; then
//! the commit is checked as a whole, over the rows as they will be. So rows that need each other
//! may come and go in one statement, and RESTRICT waits for its end as NO ACTION does.
//! Invariant: after a commit every key of a referencing row that has no NULL is a key of a row of
//! the referenced table.

use std::collections::{BTreeMap, HashMap, VecDeque};

use arena_tr_planner::catalog::{ForeignKey, ReferentialAction, Relation, UniqueKey};
use arena_tr_storage::Batch;
use arena_tr_types::{RelationId, SqlError, SqlState, Value};

use super::commit::Deltas;
use super::{Engine, Entry};
use crate::error::{Error, Result};
use crate::key::Key;

/// A foreign key that references a table: whose, and which of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) child: RelationId,
    pub(crate) at: usize,
}

/// Foreign keys by the table that they reference.
pub(crate) type Links = BTreeMap<RelationId, Vec<Link>>;

/// A row of a table that goes, or becomes another.
pub(crate) type Replaced = (Vec<Value>, Option<Vec<Value>>);

/// How many rows more there will be of each key, and how many arrive.
pub(super) type Net = HashMap<Key, (i64, i64)>;

pub(super) fn net(delta: &[Batch], relation: &Relation, columns: &[usize]) -> Net {
    let types = relation.schema.types();
    let mut net = Net::new();
    for (row, weight) in delta.iter().flat_map(|batch| batch.to_weighted_rows(&types)) {
        let Some(key) = Key::of(&row, columns) else { continue };
        let (sum, arriving) = net.entry(key).or_default();
        *sum += weight;
        *arriving += weight.max(0);
    }
    net
}

impl Engine {
    /// Finds out anew which foreign keys reference which table.
    pub(crate) fn relink(&mut self) {
        let mut links = Links::new();
        for entry in self.relations.values() {
            for (at, key) in entry.relation.keys.foreign.iter().enumerate() {
                if let Some(parent) = self.find(&key.parent) {
                    let link = Link { child: entry.relation.id, at };
                    links.entry(parent.id).or_default().push(link);
                }
            }
        }
        self.links = links;
    }

    /// The foreign keys of other tables that reference one.
    pub(crate) fn links_from_others(&self, id: RelationId) -> Vec<Link> {
        let links = self.links.get(&id).map_or(&[][..], Vec::as_slice);
        links.iter().copied().filter(|link| link.child != id).collect()
    }

    fn linked(&self, link: Link) -> Result<(&Entry, &ForeignKey)> {
        let entry = self.entry(link.child)?;
        Ok((entry, &entry.relation.keys.foreign[link.at]))
    }

    /// The error of dropping a table that foreign keys of other tables reference.
    pub(crate) fn referenced_error(&self, id: RelationId, link: Link) -> Result<Error> {
        let parent = &self.entry(id)?.relation.name;
        let (child, key) = self.linked(link)?;
        let message = format!("cannot drop table {parent} because other objects depend on it");
        let detail = format!(
            "constraint {} on table {} depends on table {parent}",
            key.name, child.relation.name
        );
        Ok(SqlError::new(SqlState::DEPENDENT_OBJECTS, message)
            .with_detail(detail)
            .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
            .into())
    }

    /// Drops the foreign keys of other tables that reference one.
    pub(crate) fn drop_links(&mut self, id: RelationId) -> Result<()> {
        while let Some(link) = self.links_from_others(id).pop() {
            self.drop_link(link)?;
        }
        Ok(())
    }

    /// The foreign keys that reference columns which this is the only key of.
    pub(crate) fn only_key_of(&self, relation: &Relation, key: UniqueKey) -> Vec<Link> {
        let links = self.links.get(&relation.id).map_or(&[][..], Vec::as_slice);
        let depends = |link: &&Link| {
            let Ok((_, foreign)) = self.linked(**link) else { return false };
            let mut fitting = relation
                .unique_keys()
                .filter(|(_, columns)| same_columns(columns, &foreign.parent_columns));
            fitting.next().is_some_and(|(first, _)| first == key) && fitting.next().is_none()
        };
        links.iter().filter(depends).copied().collect()
    }

    /// Drops the foreign keys that need an index.
    pub(crate) fn drop_dependents_of_key(&mut self, id: RelationId, at: usize) -> Result<()> {
        let relation = std::sync::Arc::clone(&self.entry(id)?.relation);
        while let Some(link) = self.only_key_of(&relation, UniqueKey::Index(at)).pop() {
            self.drop_link(link)?;
        }
        Ok(())
    }

    fn drop_link(&mut self, link: Link) -> Result<()> {
        let entry = self.entry_mut(link.child)?;
        let mut relation = (*entry.relation).clone();
        relation.keys.foreign.remove(link.at);
        let number = entry.numbers.foreign.remove(link.at);
        if let Some(store) = &mut entry.store {
            store.drop_index(number);
        }
        self.redefine(link.child, relation)?;
        self.relink();
        Ok(())
    }

    /// Whether the rows as they will be fulfil all foreign keys.
    ///
    /// # Errors
    /// 23503 when they do not.
    pub(super) fn check_foreign_keys(&self, deltas: &Deltas) -> Result<()> {
        if self.links.is_empty() {
            return Ok(());
        }
        for (id, delta) in deltas {
            let entry = self.entry(*id)?;
            let is_linked = !entry.relation.keys.foreign.is_empty() || self.links.contains_key(id);
            if let (Some(store), true) = (&entry.store, is_linked) {
                // A key that is there twice is the more telling error.
                store.check(delta)?;
            }
            for at in 0..entry.relation.keys.foreign.len() {
                self.check_child(Link { child: *id, at }, delta, deltas)?;
            }
            for link in self.links.get(id).into_iter().flatten() {
                self.check_parent(*link, entry, delta, deltas)?;
            }
        }
        Ok(())
    }

    /// Whether every row of a table references what is there.
    ///
    /// # Errors
    /// 23503 when one does not.
    pub(super) fn check_references(&self, id: RelationId) -> Result<()> {
        let entry = self.entry(id)?;
        for key in &entry.relation.keys.foreign {
            let Some(parent) = self.find(&key.parent) else { continue };
            let parent = self.entry(parent.id)?;
            for value in net(&self.contents(id), &entry.relation, &key.columns).keys() {
                if parents(parent, key, value)? > 0 {
                    continue;
                }
                let message = format!("foreign key \"{}\" does not hold", key.name);
                let labels = labels(&entry.relation, &key.columns);
                let detail = format!("({labels})=({}) is not in \"{}\"", texts(value), key.parent);
                let error = SqlError::new(SqlState::FOREIGN_KEY_VIOLATION, message);
                return Err(error.with_detail(detail).into());
            }
        }
        Ok(())
    }

    /// Every key that arrives is there.
    fn check_child(&self, link: Link, delta: &[Batch], deltas: &Deltas) -> Result<()> {
        let (child, key) = self.linked(link)?;
        let Some(parent) = self.find(&key.parent) else { return Ok(()) };
        let parent = self.entry(parent.id)?;
        let parent_net = deltas
            .get(&parent.relation.id)
            .map_or_else(Net::new, |d| net(d, &parent.relation, &key.parent_columns));
        let child_net = net(delta, &child.relation, &key.columns);
        for (value, (sum, _)) in child_net.iter().filter(|(_, (_, arriving))| *arriving > 0) {
            let more = parent_net.get(value).map_or(0, |(sum, _)| *sum);
            let is_there = || Ok::<_, Error>(parents(parent, key, value)? + more > 0);
            if !is_there()? && children(child, link, value)? + sum > 0 {
                let labels = labels(&child.relation, &key.columns);
                let message = format!(
                    "insert or update on table \"{}\" violates foreign key constraint \"{}\"",
                    child.relation.name, key.name
                );
                let detail = format!(
                    "Key ({labels})=({}) is not present in table \"{}\".",
                    texts(value),
                    key.parent
                );
                let error = SqlError::new(SqlState::FOREIGN_KEY_VIOLATION, message);
                return Err(error.with_detail(detail).into());
            }
        }
        Ok(())
    }

    /// No key that goes is still referenced.
    fn check_parent(
        &self,
        link: Link,
        parent: &Entry,
        delta: &[Batch],
        deltas: &Deltas,
    ) -> Result<()> {
        let (child, key) = self.linked(link)?;
        let child_net = deltas
            .get(&link.child)
            .map_or_else(Net::new, |d| net(d, &child.relation, &key.columns));
        let parent_net = net(delta, &parent.relation, &key.parent_columns);
        for (value, (sum, _)) in parent_net.iter().filter(|(_, (sum, _))| *sum < 0) {
            let more = child_net.get(value).map_or(0, |(sum, _)| *sum);
            if parents(parent, key, value)? + sum > 0 || children(child, link, value)? + more <= 0 {
                continue;
            }
            let message = format!(
                "update or delete on table \"{}\" violates foreign key constraint \"{}\" \
                 on table \"{}\"",
                key.parent, key.name, child.relation.name
            );
            let detail = format!(
                "Key ({})=({}) is still referenced from table \"{}\".",
                labels(&parent.relation, &key.parent_columns),
                texts(value),
                child.relation.name
            );
            let error = SqlError::new(SqlState::FOREIGN_KEY_VIOLATION, message);
            return Err(error.with_detail(detail).into());
        }
        Ok(())
    }

    /// Whether rows of other tables change when rows of this one go or get other keys.
    pub(crate) fn has_referential_actions(&self, id: RelationId) -> bool {
        use ReferentialAction::{NoAction, Restrict};
        let acts = |link: &Link| {
            self.linked(*link).is_ok_and(|(_, key)| {
                [key.on_delete, key.on_update].iter().any(|a| !matches!(a, NoAction | Restrict))
            })
        };
        self.links.get(&id).is_some_and(|links| links.iter().any(acts))
    }

    /// Adds to a statement's changes what foreign keys do when rows of a table go or get other
    /// keys.
    ///
    /// # Errors
    /// When a row that is changed so breaks a constraint.
    pub(crate) fn refer(
        &mut self,
        id: RelationId,
        replaced: impl FnOnce() -> Vec<Replaced>,
        deltas: &mut Deltas,
    ) -> Result<()> {
        if !self.links.contains_key(&id) {
            return Ok(());
        }
        let mut queue: VecDeque<(RelationId, Replaced)> =
            replaced().into_iter().map(|row| (id, row)).collect();
        while let Some((id, (old, new))) = queue.pop_front() {
            for link in self.links.get(&id).cloned().unwrap_or_default() {
                for row in self.act(link, &old, new.as_deref(), deltas)? {
                    queue.push_back((link.child, row));
                }
            }
        }
        Ok(())
    }

    /// Does one foreign key's action for one row of the table that it references; the rows that it
    /// changed.
    fn act(
        &mut self,
        link: Link,
        old: &[Value],
        new: Option<&[Value]>,
        deltas: &mut Deltas,
    ) -> Result<Vec<Replaced>> {
        let key = self.linked(link)?.1.clone();
        let Some(gone) = Key::of(old, &key.parent_columns) else { return Ok(Vec::new()) };
        let next: Option<Vec<Value>> =
            new.map(|row| key.parent_columns.iter().map(|c| row[*c].clone()).collect());
        if next.as_ref().is_some_and(|next| Key(next.clone()) == gone) {
            return Ok(Vec::new());
        }
        let action = if new.is_some() { key.on_update } else { key.on_delete };
        let relation = std::sync::Arc::clone(&self.entry(link.child)?.relation);
        let values = match (action, next) {
            (ReferentialAction::NoAction | ReferentialAction::Restrict, _) => {
                return Ok(Vec::new());
            }
            (ReferentialAction::Cascade, next) => next,
            (ReferentialAction::SetNull, _) => Some(vec![Value::Null; key.columns.len()]),
            (ReferentialAction::SetDefault, _) => {
                let columns = key.columns.iter();
                Some(columns.map(|c| self.default_of(&relation, *c)).collect::<Result<_>>()?)
            }
        };
        if values.is_some() && relation.computed.iter().any(Option::is_some) {
            let what = "a referential action that changes rows with computed columns";
            return Err(Error::unsupported(what));
        }
        let rows = self.referencing(link, &key, &gone, deltas)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let types = relation.schema.types();
        let delta = deltas.entry(link.child).or_default();
        delta.push(Batch::from_rows(&rows, &types)?.negate());
        let Some(values) = values else {
            return Ok(rows.into_iter().map(|row| (row, None)).collect());
        };
        let changed: Vec<Vec<Value>> = rows
            .iter()
            .map(|row| {
                let mut row = row.clone();
                for (column, value) in key.columns.iter().zip(&values) {
                    row[*column] = value.clone();
                }
                row
            })
            .collect();
        let stored = self.check_rows(link.child, Batch::from_rows(&changed, &types)?)?;
        deltas.entry(link.child).or_default().push(stored);
        Ok(rows.into_iter().zip(changed.into_iter().map(Some)).collect())
    }

    /// The rows that reference a key, as the changes so far leave them; each as often as it is
    /// there.
    fn referencing(
        &self,
        link: Link,
        key: &ForeignKey,
        value: &Key,
        deltas: &Deltas,
    ) -> Result<Vec<Vec<Value>>> {
        let child = self.entry(link.child)?;
        let types = child.relation.schema.types();
        let mut rows: Vec<(Vec<Value>, i64)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut add = |row: Vec<Value>, weight: i64| {
            let place = *places.entry(identity(&row)).or_insert(rows.len());
            match rows.get_mut(place) {
                Some((_, sum)) => *sum += weight,
                None => rows.push((row, weight)),
            }
        };
        if let Some(store) = &child.store {
            for row in store.lookup(child.numbers.foreign[link.at], &value.0)? {
                add(row.values(&types), row.weight);
            }
        }
        for batch in deltas.get(&link.child).into_iter().flatten() {
            for (row, weight) in batch.to_weighted_rows(&types) {
                if Key::of(&row, &key.columns).as_ref() == Some(value) {
                    add(row, weight);
                }
            }
        }
        let repeat = |(row, n): (Vec<Value>, i64)| std::iter::repeat_n(row, n.max(0) as usize);
        Ok(rows.into_iter().flat_map(repeat).collect())
    }
}

/// A text that two rows of one table share only if they are identical.
pub(crate) fn identity(row: &[Value]) -> String {
    Value::Struct(row.into()).to_string()
}

/// Whether two keys are of the same columns, in any order.
fn same_columns(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|c| b.contains(c))
}

fn labels(relation: &Relation, columns: &[usize]) -> String {
    let names = columns.iter().map(|c| &*relation.schema.fields[*c].name);
    names.collect::<Vec<_>>().join(", ")
}

fn texts(key: &Key) -> String {
    key.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How many stored rows of the referenced table have a key: one or none.
fn parents(parent: &Entry, key: &ForeignKey, value: &Key) -> Result<i64> {
    let fits = |columns: &[usize]| same_columns(columns, &key.parent_columns);
    let found: Option<(UniqueKey, Vec<usize>)> = parent
        .relation
        .unique_keys()
        .find(|(_, columns)| fits(columns))
        .map(|(unique, columns)| (unique, columns.to_vec()));
    let Some((unique, columns)) = found else { return Ok(0) };
    let place = |c: &usize| key.parent_columns.iter().position(|p| p == c).unwrap_or(0);
    let values: Vec<Value> = columns.iter().map(|c| value.0[place(c)].clone()).collect();
    Ok(i64::from(parent.find_unique(unique, &values)?.is_some()))
}

/// How many stored rows reference a key.
fn children(child: &Entry, link: Link, value: &Key) -> Result<i64> {
    let Some(store) = &child.store else { return Ok(0) };
    let rows = store.lookup(child.numbers.foreign[link.at], &value.0)?;
    Ok(rows.iter().map(|row| row.weight).sum())
}
