//! The statements that made what exists: what a snapshot keeps of them.
//!
//! A snapshot holds definitions as SQL text, as the log does, and runs them again when it is
//! loaded. Not all that ever ran are needed: a view that was dropped was made and dropped for
//! nothing. Kept are the statements that made something that is still there, those that dropped
//! part of what a kept one makes, and all that these need to run: what their relations read, and
//! whoever made what they drop.
//!
//! Invariant: running the kept statements in their order, each with its own ids, makes exactly what
//! exists.

use std::collections::BTreeSet;

use arena_tr_types::RelationId;

use super::Engine;
use crate::durable::record::Definition;

/// Something that a statement makes or drops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    Relation(RelationId),
    Sink(String),
    Index(RelationId, String),
    Subscription(String),
    Assertion(String),
}

/// What the running statement has made and dropped so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted {
    made: BTreeSet<Object>,
    dropped: BTreeSet<Object>,
}

impl Noted {
    /// Whether nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty() && self.dropped.is_empty()
    }

    pub(crate) fn made(&mut self, object: Object) {
        self.made.insert(object);
    }

    pub(crate) fn dropped(&mut self, object: Object) {
        // What came and went within a statement was never there.
        if !self.made.remove(&object) {
            self.dropped.insert(object);
        }
    }
}

/// A statement and what it did.
#[derive(Debug, Clone)]
struct Made {
    definition: Definition,
    noted: Noted,
    /// What its relations, sinks and indexes are over.
    uses: BTreeSet<Object>,
}

/// The statements, in the order in which they ran.
#[derive(Debug, Clone, Default)]
pub(crate) struct Definitions {
    list: Vec<Made>,
}

impl Definitions {
    /// Forgets the statements that are not needed any more; those that are.
    pub(crate) fn prune(&mut self) -> Vec<Definition> {
        let mut live: BTreeSet<&Object> = BTreeSet::new();
        for made in &self.list {
            live.retain(|object| !made.noted.dropped.contains(*object));
            live.extend(&made.noted.made);
        }
        let makes_any = |made: &Made, of: &dyn Fn(&Object) -> bool| made.noted.made.iter().any(of);
        let mut kept: Vec<bool> =
            self.list.iter().map(|made| makes_any(made, &|object| live.contains(object))).collect();
        loop {
            let before = kept.iter().filter(|k| **k).count();
            let of_kept = |get: &dyn Fn(&Made) -> &BTreeSet<Object>| -> BTreeSet<Object> {
                let made = self.list.iter().zip(&kept).filter(|(_, kept)| **kept);
                made.flat_map(|(made, _)| get(made).iter().cloned()).collect()
            };
            let there = of_kept(&|made| &made.noted.made);
            let mut needed = of_kept(&|made| &made.noted.dropped);
            needed.extend(of_kept(&|made| &made.uses));
            for (made, kept) in self.list.iter().zip(&mut kept) {
                *kept |= made.noted.dropped.iter().any(|object| there.contains(object))
                    || makes_any(made, &|object| needed.contains(object));
            }
            if kept.iter().filter(|k| **k).count() == before {
                break;
            }
        }
        let mut kept = kept.into_iter();
        self.list.retain(|_| kept.next().unwrap_or(true));
        self.list.iter().map(|made| made.definition.clone()).collect()
    }

    /// The relations that kept statements make.
    pub(crate) fn relations(&self) -> BTreeSet<RelationId> {
        let made = self.list.iter().flat_map(|made| &made.noted.made);
        made.filter_map(|object| match object {
            Object::Relation(id) => Some(*id),
            _ => None,
        })
        .collect()
    }
}

impl Engine {
    /// Notes a statement that has just changed what exists.
    pub(crate) fn note_definition(&mut self, definition: Definition) {
        let noted = std::mem::take(&mut self.noted);
        let mut uses = BTreeSet::new();
        for object in &noted.made {
            match object {
                Object::Relation(id) => {
                    let Some(entry) = self.relations.get(id) else { continue };
                    let inputs = entry.view.iter().flat_map(|view| &view.inputs);
                    let reads = entry.reads.iter().chain(inputs).copied();
                    uses.extend(reads.map(Object::Relation));
                    let foreign = entry.relation.keys.foreign.iter();
                    // A key of the parent may be an index.
                    for parent in foreign.filter_map(|key| self.find(&key.parent)) {
                        uses.insert(Object::Relation(parent.id));
                        let indexes = parent.keys.indexes.iter();
                        uses.extend(indexes.map(|i| Object::Index(parent.id, i.name.clone())));
                    }
                }
                Object::Sink(name) => {
                    uses.extend(self.sinks.get(name).map(|sink| Object::Relation(sink.input)));
                }
                Object::Index(id, _) => {
                    uses.insert(Object::Relation(*id));
                }
                Object::Subscription(name) => {
                    let tracked = self.tracked.get(name);
                    uses.extend(tracked.map(|tracked| Object::Relation(tracked.relation)));
                }
                Object::Assertion(name) => {
                    let reads = self.assertions.get(name).into_iter().flat_map(|a| &a.reads);
                    uses.extend(reads.copied().map(Object::Relation));
                }
            }
        }
        // What it makes itself it does not need.
        uses.retain(|object| !noted.made.contains(object));
        self.definitions.list.push(Made { definition, noted, uses });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(id: u32) -> Object {
        Object::Relation(RelationId(id))
    }

    fn made(sql: &str, made: &[u32], dropped: &[u32], uses: &[u32]) -> Made {
        let set = |ids: &[u32]| ids.iter().map(|id| relation(*id)).collect();
        Made {
            definition: Definition { sql: sql.to_owned(), first_id: 1, now: 0 },
            noted: Noted { made: set(made), dropped: set(dropped) },
            uses: set(uses),
        }
    }

    fn kept(list: Vec<Made>) -> Vec<String> {
        let mut definitions = Definitions { list };
        let kept = definitions.prune();
        assert_eq!(kept, definitions.prune(), "nothing more to forget");
        kept.into_iter().map(|d| d.sql).collect()
    }

    #[test]
    fn what_came_and_went_is_forgotten() {
        let list = vec![
            made("create t", &[1, 2], &[], &[]),
            made("create v", &[3], &[], &[1]),
            made("drop v", &[], &[3], &[]),
            made("create w", &[4], &[], &[1]),
        ];
        assert_eq!(kept(list), ["create t", "create w"]);
    }

    #[test]
    fn what_a_kept_statement_needs_is_kept() {
        // A drop of part of what is kept, and the other things that it drops.
        let list = vec![
            made("create a with late rows", &[1, 2], &[], &[]),
            made("create b", &[3], &[], &[]),
            made("create c over b", &[4], &[], &[3]),
            made("drop late rows, c", &[], &[2, 4], &[]),
            made("drop b", &[], &[3], &[]),
            made("create d", &[5], &[], &[]),
            made("drop d", &[], &[5], &[]),
        ];
        let all = ["create a with late rows", "create b", "create c over b", "drop late rows, c"];
        assert_eq!(kept(list), [&all[..], &["drop b"]].concat());
    }

    #[test]
    fn names_may_be_used_again() {
        let sink = |name: &str| Object::Sink(name.to_owned());
        let (mut create, mut drop) =
            (made("create s", &[], &[], &[1]), made("drop s", &[], &[], &[]));
        create.noted.made.insert(sink("s"));
        drop.noted.dropped.insert(sink("s"));
        let table = made("create t", &[1], &[], &[]);
        let list = vec![table.clone(), create.clone(), drop.clone(), create.clone()];
        assert_eq!(kept(list), ["create t", "create s", "drop s", "create s"]);
        assert_eq!(kept(vec![table, create, drop]), ["create t"]);
    }
}
