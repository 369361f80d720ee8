//! Values of a key: what rows are found and told apart by.
//!
//! Invariant: keys are equal when SQL says that all their values are, and equal keys hash alike.

use std::hash::{Hash, Hasher};

use arena_tr_types::Value;

/// Values of a key; equal as SQL says.
#[derive(Debug, Clone)]
pub(crate) struct Key(pub(crate) Vec<Value>);

impl Key {
    /// The key of a row; `None` if it has NULL in it.
    pub(crate) fn of(row: &[Value], columns: &[usize]) -> Option<Self> {
        let values: Vec<Value> = columns.iter().map(|c| row[*c].clone()).collect();
        (!values.iter().any(Value::is_null)).then_some(Self(values))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| a.eq_sql(b))
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| value.hash_sql(state));
    }
}
