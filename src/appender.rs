//! Adding many rows without SQL.
//!
//! Rows are gathered in columns and committed together: `commit` makes one epoch of what was
//! appended since the last one. Columns that are in columns already go in without being copied.
//! Invariant: rows of one appender are in the relation in the order of their appending; what was
//! not committed when the appender is dropped is not in the database.

use arena_tr_planner::catalog::RelationKind;
use arena_tr_storage::{Batch, ColumnBuilder};
use arena_tr_types::{DataType, Epoch, RelationId, SqlState, Value};

use crate::database::Database;
use crate::engine::attempt::Attempt;
use crate::engine::commit::Deltas;
use crate::engine::{kind_name, unknown};
use crate::error::{Error, Result};

/// Rows gathered before [`Appender::append_row`] turns them into a batch.
const ROWS_PER_BATCH: usize = 16 * 1024;

/// A handle for adding rows to one stream or table.
///
/// ```
/// # use arena_tr::Database;
/// let db = Database::in_memory();
/// db.session().execute("CREATE STREAM s (id BIGINT, name TEXT)")?;
/// let mut appender = db.appender("s")?;
/// appender.append((1i64, "one"))?;
/// appender.append((2i64, None::<&str>))?;
/// appender.commit()?;
/// assert_eq!(db.session().query("SELECT * FROM s", &[])?.len(), 2);
/// # Ok::<(), arena_tr::Error>(())
/// ```
pub struct Appender {
    db: Database,
    id: RelationId,
    name: String,
    types: Vec<DataType>,
    builders: Vec<ColumnBuilder>,
    rows: usize,
    full: Vec<Batch>,
}

/// A cell that knows how to put itself into a column of the right type.
pub trait Cell {
    /// Appends itself.
    ///
    /// # Errors
    /// When the column's type cannot take it.
    fn push(self, to: &mut ColumnBuilder, data_type: &DataType) -> Result<()>;
}

/// A row: tuples of cells up to twelve, or a slice of values.
pub trait IntoRow {
    /// Number of cells.
    fn len(&self) -> usize;

    /// Whether there is no cell.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends each cell to its column.
    ///
    /// # Errors
    /// When a column's type cannot take its cell.
    fn push(self, to: &mut [ColumnBuilder], types: &[DataType]) -> Result<()>;
}

impl Appender {
    pub(crate) fn new(db: Database, name: &str) -> Result<Self> {
        let engine = db.engine();
        let relation = engine.find(name).ok_or_else(|| unknown(name))?.clone();
        drop(engine);
        if !matches!(relation.kind, RelationKind::Stream | RelationKind::Table) {
            return Err(Error::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot append to \"{name}\": it is a {}", kind_name(relation.kind)),
            ));
        }
        let types: Vec<DataType> = relation
            .schema
            .fields
            .iter()
            .zip(&relation.computed)
            .filter(|(_, computed)| computed.is_none())
            .map(|(field, _)| field.data_type.clone())
            .collect();
        let builders = builders(&types, 0);
        Ok(Self {
            db,
            id: relation.id,
            name: name.to_owned(),
            types,
            builders,
            rows: 0,
            full: Vec::new(),
        })
    }

    /// Appends a row: a tuple with one cell per column (computed columns left out), or values.
    ///
    /// # Errors
    /// When the number of cells or a cell's type does not fit; the row is then not appended.
    pub fn append(&mut self, row: impl IntoRow) -> Result<()> {
        if row.len() != self.types.len() {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "\"{}\" has {} columns, the row {}",
                    self.name,
                    self.types.len(),
                    row.len()
                ),
            ));
        }
        if let Err(error) = row.push(&mut self.builders, &self.types) {
            // Some columns have the cell, some do not: cut all back to the rows before.
            self.seal();
            return Err(error);
        }
        self.rows += 1;
        if self.rows == ROWS_PER_BATCH {
            self.seal();
        }
        Ok(())
    }

    /// Appends a row of values.
    ///
    /// # Errors
    /// As [`Appender::append`].
    pub fn append_row(&mut self, row: &[Value]) -> Result<()> {
        self.append(row)
    }

    /// Appends rows that are in columns already, without copying them.
    ///
    /// # Errors
    /// When number or types of the columns do not fit.
    pub fn append_columns(&mut self, batch: Batch) -> Result<()> {
        let fits = batch.columns.len() == self.types.len()
            && batch.columns.iter().zip(&self.types).all(|(c, t)| c.physical() == t.physical());
        if !fits || batch.weights.is_some() {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("the batch does not have the columns of \"{}\"", self.name),
            ));
        }
        self.seal();
        self.full.push(batch);
        Ok(())
    }

    /// Commits what was appended since the last commit as one epoch.
    ///
    /// # Errors
    /// When a constraint is violated or a row is late and refused; then nothing of it is in the
    /// database.
    pub fn commit(&mut self) -> Result<Epoch> {
        self.seal();
        let full = std::mem::take(&mut self.full);
        let epoch = {
            let mut engine = Attempt::new(self.db.engine());
            if full.is_empty() {
                return Ok(engine.epoch);
            }
            let mut deltas = Deltas::new();
            for batch in full {
                engine.insert(self.id, batch, &mut deltas)?;
            }
            engine.commit(deltas)?
        };
        self.db.settle(None, Some(epoch))?;
        Ok(epoch)
    }

    /// Makes a batch of the whole rows in the builders.
    fn seal(&mut self) {
        let fresh = builders(&self.types, self.rows.min(ROWS_PER_BATCH));
        let columns = std::mem::replace(&mut self.builders, fresh);
        if self.rows > 0 {
            let rows = std::mem::take(&mut self.rows);
            let whole = columns.into_iter().map(|c| c.finish().slice(0, rows)).collect();
            self.full.push(Batch::new(whole, rows));
        }
    }
}

fn builders(types: &[DataType], capacity: usize) -> Vec<ColumnBuilder> {
    types.iter().map(|t| ColumnBuilder::new(t.physical(), capacity)).collect()
}

fn mismatch(what: &str, data_type: &DataType) -> Error {
    Error::new(
        SqlState::DATATYPE_MISMATCH,
        format!("a column of type {data_type} cannot take a {what}"),
    )
}

impl Cell for &Value {
    fn push(self, to: &mut ColumnBuilder, data_type: &DataType) -> Result<()> {
        let value = if self.is_null() { Value::Null } else { self.cast(data_type)? };
        Ok(to.push_value(&value)?)
    }
}

impl Cell for Value {
    fn push(self, to: &mut ColumnBuilder, data_type: &DataType) -> Result<()> {
        (&self).push(to, data_type)
    }
}

impl<T: Cell> Cell for Option<T> {
    fn push(self, to: &mut ColumnBuilder, data_type: &DataType) -> Result<()> {
        match self {
            Some(cell) => cell.push(to, data_type),
            None => {
                to.push_null();
                Ok(())
            }
        }
    }
}

impl Cell for &str {
    fn push(self, to: &mut ColumnBuilder, data_type: &DataType) -> Result<()> {
        match data_type {
            DataType::Text | DataType::Varchar(None) => {
                to.push_str(self.as_bytes());
                Ok(())
            }
            other => Ok(to.push_value(&Value::parse(self, other)?)?),
        }
    }
}

impl Cell for String {
    fn push(self, to: &mut ColumnBuilder, data_type: &DataType) -> Result<()> {
        self.as_str().push(to, data_type)
    }
}

macro_rules! cells {
    ($($t:ty => $what:literal, $value:expr, { $($ty:pat => $method:ident($arg:expr)),* };)*) => {$(
        impl Cell for $t {
            fn push(self, to: &mut ColumnBuilder, data_type: &DataType) -> Result<()> {
                match data_type {
                    $($ty => { to.$method($arg(self)); Ok(()) })*
                    other if other.is_numeric() => $value(self).push(to, other),
                    other => Err(mismatch($what, other)),
                }
            }
        }
    )*};
}

cells! {
    i64 => "64-bit integer", Value::Int8, {
        DataType::Int8 | DataType::Timestamp | DataType::TimestampTz | DataType::Time
            => push_i64(std::convert::identity)
    };
    i32 => "32-bit integer", Value::Int4, {
        DataType::Int4 | DataType::Date => push_i32(std::convert::identity),
        DataType::Int8 => push_i64(i64::from)
    };
    f64 => "64-bit float", Value::Float8, { DataType::Float8 => push_f64(std::convert::identity) };
    bool => "boolean", Value::Bool, { DataType::Bool => push_bool(std::convert::identity) };
}

impl IntoRow for &[Value] {
    fn len(&self) -> usize {
        <[Value]>::len(self)
    }

    fn push(self, to: &mut [ColumnBuilder], types: &[DataType]) -> Result<()> {
        for ((cell, builder), data_type) in self.iter().zip(to).zip(types) {
            cell.push(builder, data_type)?;
        }
        Ok(())
    }
}

macro_rules! rows {
    ($($n:literal: $($cell:ident $i:tt),+;)*) => {$(
        impl<$($cell: Cell),+> IntoRow for ($($cell,)+) {
            fn len(&self) -> usize {
                $n
            }

            fn push(self, to: &mut [ColumnBuilder], types: &[DataType]) -> Result<()> {
                $(self.$i.push(&mut to[$i], &types[$i])?;)+
                Ok(())
            }
        }
    )*};
}

rows! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}
