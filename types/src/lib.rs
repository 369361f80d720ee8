//! The vocabulary of Arena-TR: what a value is, before anyone stores, parses or computes it.
//!
//! Every crate speaks these words; this one imports none of ours. Reading order: [`data_type`] and
//! [`value`] say what a cell may hold, [`decimal`], [`time`] and [`json`] give the three kinds of
//! value that need arithmetic or text forms of their own, [`text`] reads and prints all of them,
//! [`schema`] names columns, [`function`] lists every built-in function and aggregate with its
//! signature, [`error`] carries SQLSTATE codes, [`id`] and [`limits`] keep bare integers out of
//! interfaces.
//!
//! **Invariant:** it knows no memory layout, no SQL text and no IO.
#![forbid(unsafe_code)]

pub mod data_type;
pub mod decimal;
pub mod error;
pub mod function;
pub mod id;
pub mod json;
pub mod limits;
pub mod schema;
pub mod text;
pub mod time;
pub mod value;

pub use data_type::{DataType, PhysicalType};
pub use decimal::Decimal;
pub use error::{SqlError, SqlState};
pub use function::{AggFunc, Func};
pub use id::{ColumnId, Epoch, RelationId};
pub use schema::{Field, Schema};
pub use time::{Interval, Timestamp};
pub use value::Value;
