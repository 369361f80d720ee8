//! Point reads: a query that fixes a key reads the rows of that key, not the whole table.
//!
//! A filter right above an input that says `column = constant` for all columns of the primary key,
//! a UNIQUE constraint or an index is answered from the index. The program stays what it is and
//! filters once more, so its input needs only to hold every row that can pass.
//! Invariant: a row of the table that the filter keeps is among the rows found.

use arena_tr_planner::catalog::{Relation, RelationKind, UniqueKey};
use arena_tr_planner::physical::{Expr, ExprKind, Op, PhysicalPlan};
use arena_tr_storage::Batch;
use arena_tr_storage::table::RowRef;
use arena_tr_types::{DataType, Func, Value};

use crate::engine::{Engine, Entry};
use crate::error::Result;

/// How an input's rows are found.
pub(crate) struct Point<'a> {
    entry: &'a Entry,
    index: Found,
    key: Vec<Value>,
}

#[derive(Clone, Copy)]
enum Found {
    Primary,
    Index(usize),
}

/// How the rows of an input can be found by key, if they can.
pub(crate) fn find<'a>(engine: &'a Engine, plan: &PhysicalPlan, input: usize) -> Option<Point<'a>> {
    let entry = engine.relations.get(&plan.inputs[input].relation)?;
    if plan.inputs[input].moment.is_some() {
        return None;
    }
    if entry.relation.kind != RelationKind::Table {
        return None;
    }
    let fixed = fixed_columns(plan, input)?;
    let value = |column: &usize| {
        let (_, value) = fixed.iter().find(|(c, _)| c == column)?;
        fits(&entry.relation.schema.fields[*column].data_type, value).then(|| (*value).clone())
    };
    let key = |columns: &[usize]| columns.iter().map(value).collect::<Option<Vec<Value>>>();
    keys(&entry.relation).find_map(|(index, columns)| {
        let key = key(columns)?;
        Some(Point { entry, index, key })
    })
}

/// The keys of a relation, those with one row for each value first.
fn keys(relation: &Relation) -> impl Iterator<Item = (Found, &[usize])> {
    let unique = relation.unique_keys().map(|(key, columns)| match key {
        UniqueKey::Primary => (Found::Primary, columns),
        UniqueKey::Index(at) => (Found::Index(at), columns),
    });
    let others = relation.keys.indexes.iter().enumerate().filter(|(_, index)| !index.unique);
    unique.chain(others.map(|(at, index)| (Found::Index(at), &index.columns[..])))
}

/// Columns of the relation that the only reader of an input wants equal to constants.
fn fixed_columns(plan: &PhysicalPlan, input: usize) -> Option<Vec<(usize, &Value)>> {
    let reads = |op: &Op| matches!(op, Op::Input { index } if *index == input);
    let mut inputs = plan.nodes.iter().enumerate().filter(|(_, node)| reads(&node.op));
    let (at, _) = inputs.next().filter(|_| inputs.next().is_none())?;
    let is_reader = |id: &&arena_tr_planner::physical::NodeId| id.0 as usize == at;
    let mut readers = plan.nodes.iter().filter(|node| node.inputs.iter().any(|id| is_reader(&id)));
    let reader = readers.next().filter(|_| readers.next().is_none())?;
    let Op::Filter { predicate } = &reader.op else { return None };
    if plan.root.0 as usize == at {
        return None;
    }
    let arms = match &predicate.kind {
        ExprKind::And(arms) => arms.as_slice(),
        _ => std::slice::from_ref(predicate),
    };
    let columns = &plan.inputs[input].columns;
    Some(arms.iter().filter_map(|arm| fixed_column(arm, columns)).collect())
}

fn fixed_column<'p>(arm: &'p Expr, columns: &[usize]) -> Option<(usize, &'p Value)> {
    let (Func::Eq, a, b) = arm.as_binary()? else { return None };
    let (column, value) = match (a.as_column(), b.as_column()) {
        (Some(column), None) => (column, b.as_literal()?),
        (None, Some(column)) => (column, a.as_literal()?),
        _ => return None,
    };
    Some((*columns.get(column)?, value))
}

/// Whether a value is of just this type: another may be equal and still not be found.
fn fits(data_type: &DataType, value: &Value) -> bool {
    matches!(
        (data_type, value),
        (DataType::Bool, Value::Bool(_))
            | (DataType::Int2, Value::Int2(_))
            | (DataType::Int4, Value::Int4(_))
            | (DataType::Int8, Value::Int8(_))
            | (DataType::Numeric(_), Value::Numeric(_))
            | (DataType::Text | DataType::Varchar(_), Value::Text(_))
            | (DataType::Bytea, Value::Bytea(_))
            | (DataType::Date, Value::Date(_))
            | (DataType::Time, Value::Time(_))
            | (DataType::Timestamp, Value::Timestamp(_))
            | (DataType::TimestampTz, Value::TimestampTz(_))
            | (DataType::Uuid, Value::Uuid(_))
    )
}

impl Point<'_> {
    /// The rows.
    ///
    /// # Errors
    /// When the contents have no such index.
    pub(crate) fn rows(&self) -> Result<Vec<Batch>> {
        let Some(store) = &self.entry.store else { return Ok(Vec::new()) };
        let rows = match self.index {
            Found::Primary => store.find_key(&self.key)?.into_iter().collect(),
            Found::Index(at) => store.lookup(self.entry.numbers.indexes[at], &self.key)?,
        };
        let batch = |row: &RowRef<'_>| {
            let n = usize::try_from(row.weight).unwrap_or(0);
            row.batch.take_rows(&vec![row.row as u32; n])
        };
        Ok(rows.iter().map(batch).collect())
    }

    /// What EXPLAIN says of it.
    pub(super) fn describe(&self) -> String {
        let relation = &self.entry.relation;
        let (name, columns) = match self.index {
            Found::Primary => (
                relation.keys.primary.as_deref().unwrap_or("the primary key"),
                relation.primary_key.as_deref().unwrap_or_default(),
            ),
            Found::Index(at) => {
                let index = &relation.keys.indexes[at];
                (index.name.as_str(), &index.columns[..])
            }
        };
        let equal = |(column, value): (&usize, &Value)| {
            let name = &relation.schema.fields[*column].name;
            match value {
                Value::Text(text) => format!("{name} = '{}'", text.replace('\'', "''")),
                other => format!("{name} = {other}"),
            }
        };
        let equal: Vec<String> = columns.iter().zip(&self.key).map(equal).collect();
        format!("Point read {} by {name} ({})", relation.name, equal.join(", "))
    }
}
