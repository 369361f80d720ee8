//! Changes in the shape that a consumer of keys expects.
//!
//! An upsert tells the last row of each key and which keys are gone; Debezium tells before and
//! after.
//! Invariant: an epoch that its shape cannot express gives an error and changes nothing.

use std::collections::{HashMap, HashSet};

use arena_tr_parser::ast;
use arena_tr_storage::Batch;
use arena_tr_storage::codec::Bytes;
use arena_tr_types::{DataType, Field, Schema, SqlState, Value};

use crate::durable::record::{get_batches, put_batches};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::subscription::Changes;

/// The live rows of a change and their weights.
pub fn weighted(delta: &[Batch]) -> impl Iterator<Item = (&Batch, usize, i64)> {
    delta.iter().flat_map(|batch| {
        let rows: Vec<usize> = batch.live_rows().iter().collect();
        rows.into_iter().map(move |i| (batch, i, batch.weight(i))).filter(|(_, _, w)| *w != 0)
    })
}

/// Keys that are saved in one piece.
const SAVED_ROWS: usize = 1 << 14;

/// The keys that stand, and what an epoch does to each.
#[derive(Debug)]
pub struct Upserts {
    keys: Vec<usize>,
    types: Vec<DataType>,
    standing: HashSet<Key>,
}

/// The new state of one key.
#[derive(Debug, Clone, Copy)]
pub struct Upsert<'a> {
    /// The key is gone; the row is the one that it had.
    pub deleted: bool,
    /// Where the row is.
    pub batch: &'a Batch,
    /// Which row of the batch.
    pub row: usize,
}

impl Upserts {
    /// No key yet; the keys are columns by position.
    pub fn new(keys: Vec<usize>, types: Vec<DataType>) -> Self {
        Self { keys, types, standing: HashSet::new() }
    }

    /// Appends the keys that stand, for [`Upserts::restore`].
    ///
    /// # Errors
    /// When a key is too long to be kept.
    pub fn save(&self, out: &mut Vec<u8>) -> Result<()> {
        let types = self.key_types();
        let rows: Vec<Vec<Value>> = self.standing.iter().map(|key| key.0.clone()).collect();
        let batches = rows.chunks(SAVED_ROWS).map(|rows| Batch::from_rows(rows, &types));
        let batches = batches.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(put_batches(&batches, out)?)
    }

    /// Puts back the keys that were saved.
    ///
    /// # Errors
    /// When it is not what was saved.
    pub fn restore(&mut self, saved: &[u8]) -> Result<()> {
        let (mut bytes, types) = (Bytes::new(saved), self.key_types());
        let batches = get_batches(&mut bytes)?;
        let is_other = |batch: &Batch| batch.columns.len() != types.len();
        if bytes.left() > 0 || batches.iter().any(is_other) {
            return Err(bytes.corrupt("keys of another shape").into());
        }
        let rows = batches.iter().flat_map(|batch| batch.to_rows(&types));
        self.standing = rows.map(Key).collect();
        Ok(())
    }

    fn key_types(&self) -> Vec<DataType> {
        self.keys.iter().map(|key| self.types[*key].clone()).collect()
    }

    /// What an epoch does to its keys, in the order in which they first come.
    ///
    /// # Errors
    /// When a key would name no row or several: the values of that key. Then nothing is taken.
    pub fn take<'a>(
        &mut self,
        delta: &'a [Batch],
    ) -> std::result::Result<Vec<Upsert<'a>>, Vec<Value>> {
        let mut order: Vec<(Key, Turn<'_>)> = Vec::new();
        let mut place_of: HashMap<Key, usize> = HashMap::new();
        for (batch, i, weight) in weighted(delta) {
            let value = |k: &usize| batch.columns[*k].value(i, &self.types[*k]);
            let key = Key(self.keys.iter().map(value).collect());
            let at = *place_of.entry(key.clone()).or_insert_with(|| {
                order.push((key, Turn::default()));
                order.len() - 1
            });
            let turn = &mut order[at].1;
            turn.weight += weight;
            let row = if weight > 0 { &mut turn.inserted } else { &mut turn.deleted };
            *row = Some((batch, i));
        }
        // All are judged before any is kept.
        for (key, turn) in &order {
            let after = i64::from(self.standing.contains(key)) + turn.weight;
            if !(0..=1).contains(&after) {
                return Err(key.0.clone());
            }
        }
        let mut out = Vec::with_capacity(order.len());
        for (key, turn) in order {
            let before = self.standing.contains(&key);
            let after = i64::from(before) + turn.weight == 1;
            match (after, turn.inserted, turn.deleted) {
                (true, Some((batch, row)), _) => out.push(Upsert { deleted: false, batch, row }),
                (false, _, Some((batch, row))) if before => {
                    out.push(Upsert { deleted: true, batch, row });
                }
                _ => {}
            }
            if after {
                self.standing.insert(key);
            } else {
                self.standing.remove(&key);
            }
        }
        Ok(out)
    }
}

/// What an epoch does to one key.
#[derive(Default)]
struct Turn<'a> {
    weight: i64,
    inserted: Option<(&'a Batch, usize)>,
    deleted: Option<(&'a Batch, usize)>,
}

/// Positions of an envelope's key columns.
pub(crate) fn key_columns(keys: &[ast::Ident], schema: &Schema) -> Result<Vec<usize>> {
    let position = |key: &ast::Ident| {
        schema.index_of(&key.name).ok_or_else(|| {
            let message = format!("column \"{}\" does not exist", key.name);
            Error::new(SqlState::UNDEFINED_COLUMN, message).at(key.span)
        })
    };
    keys.iter().map(position).collect()
}

/// How a subscription shapes its changes. Every row that it gives has the weight 1.
pub(crate) struct Envelope {
    shape: Shape,
    /// The columns that it gives.
    schema: Schema,
}

enum Shape {
    /// `op`, then the columns: 'u' with the row that stands, 'd' with the one that is gone.
    Upsert(Upserts),
    /// `op` ('c' or 'd'), `before` and `after`.
    Debezium,
    /// The rows alone.
    Append,
}

impl Envelope {
    /// An envelope for changes with these columns.
    pub(crate) fn new(envelope: &ast::Envelope, schema: &Schema) -> Result<Self> {
        let op = Field::new("op", DataType::Text, false);
        let (shape, fields) = match envelope {
            ast::Envelope::Upsert(keys) => {
                let upserts = Upserts::new(key_columns(keys, schema)?, schema.types());
                let fields = std::iter::once(op).chain(schema.fields.iter().cloned()).collect();
                (Shape::Upsert(upserts), fields)
            }
            ast::Envelope::Debezium => {
                let row = DataType::Struct(schema.fields.iter().cloned().collect());
                let side = |name| Field::new(name, row.clone(), true);
                (Shape::Debezium, vec![op, side("before"), side("after")])
            }
            ast::Envelope::Append => (Shape::Append, schema.fields.to_vec()),
        };
        Ok(Self { shape, schema: Schema::new(fields) })
    }

    /// The columns that it gives.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The changes in its shape.
    pub(crate) fn shape(&mut self, changes: &Changes) -> Result<Changes> {
        let types = changes.schema.types();
        let rows: Vec<Vec<Value>> = match &mut self.shape {
            Shape::Upsert(upserts) => upserts
                .take(&changes.delta)
                .map_err(|key| not_unique(&key))?
                .into_iter()
                .map(|upsert| {
                    let op = Value::Text(if upsert.deleted { "d" } else { "u" }.into());
                    let mut row = values(upsert.batch, upsert.row, &types);
                    row.insert(0, op);
                    row
                })
                .collect(),
            Shape::Debezium => debezium(&changes.delta, &types),
            Shape::Append => appended(&changes.delta, &types)?,
        };
        let delta = match rows.is_empty() {
            true => Vec::new(),
            false => vec![Batch::from_rows(&rows, &self.schema.types())?],
        };
        Ok(Changes { delta, schema: self.schema.clone(), ..*changes })
    }
}

fn values(batch: &Batch, row: usize, types: &[DataType]) -> Vec<Value> {
    batch.columns.iter().zip(types).map(|(column, ty)| column.value(row, ty)).collect()
}

/// Deletions first: a row that replaces another comes after it.
fn debezium(delta: &[Batch], types: &[DataType]) -> Vec<Vec<Value>> {
    let mut out = Vec::new();
    for deletes in [true, false] {
        for (batch, i, weight) in weighted(delta).filter(|(_, _, w)| (*w < 0) == deletes) {
            let row = Value::Struct(values(batch, i, types).into());
            let change = match deletes {
                true => vec![Value::Text("d".into()), row, Value::Null],
                false => vec![Value::Text("c".into()), Value::Null, row],
            };
            let times = usize::try_from(weight.unsigned_abs()).unwrap_or(usize::MAX);
            out.extend(std::iter::repeat_n(change, times));
        }
    }
    out
}

fn appended(delta: &[Batch], types: &[DataType]) -> Result<Vec<Vec<Value>>> {
    let mut out = Vec::new();
    for (batch, i, weight) in weighted(delta) {
        let Ok(times) = usize::try_from(weight) else {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER,
                "ENVELOPE APPEND cannot express a row that leaves",
            )
            .with_hint("leave out the envelope to follow all changes, or use UPSERT (KEY (...))"));
        };
        out.extend(std::iter::repeat_n(values(batch, i, types), times));
    }
    Ok(out)
}

fn not_unique(key: &[Value]) -> Error {
    let cells: Vec<String> = key.iter().map(ToString::to_string).collect();
    let message = format!("ENVELOPE UPSERT: key ({}) does not name one row", cells.join(", "));
    Error::new(SqlState::UNIQUE_VIOLATION, message)
}
