//! Named, typed columns.
//!
//! A schema is the shape of a relation or of a batch: what the binder resolves names against and
//! what a result prints as its header.
//! Invariant: the order of fields is the order of columns everywhere.

use std::sync::Arc;

use crate::data_type::DataType;

/// One column: its name, type and whether it may hold NULL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Name as the catalog keeps it (folded to lower case unless quoted).
    pub name: Arc<str>,
    /// Its type.
    pub data_type: DataType,
    /// Whether NULL may occur.
    pub nullable: bool,
}

impl Field {
    /// A field.
    pub fn new(name: impl Into<Arc<str>>, data_type: DataType, nullable: bool) -> Self {
        Self { name: name.into(), data_type, nullable }
    }
}

/// The columns of a relation, in order. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schema {
    /// The fields in column order.
    pub fields: Arc<[Field]>,
}

impl Schema {
    /// The types of the columns, in order.
    pub fn types(&self) -> Vec<DataType> {
        self.fields.iter().map(|f| f.data_type.clone()).collect()
    }

    /// A schema of these fields.
    pub fn new(fields: impl Into<Arc<[Field]>>) -> Self {
        Self { fields: fields.into() }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Index of the column of this name, if there is one.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| &*f.name == name)
    }
}
