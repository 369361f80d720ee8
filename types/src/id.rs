//! Newtypes that keep a count, an index and a number of a commit apart.
//!
//! Invariant: no bare integer names a relation, a column or an epoch across a function boundary.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub $int);

        impl $name {
            /// The number as an index.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A relation of the catalog: source, stream, table or view. Never reused within a database.
    RelationId(u32), "rel"
);
id!(
    /// A column of one relation, by position.
    ColumnId(u32), "col"
);
id!(
    /// The number of a commit: logical time and read version. The first commit is 1.
    Epoch(u64), ""
);

impl Epoch {
    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
