//! A charge for memory that is not an arena's.
//!
//! Invariant: what was charged is discharged, once, when the charge is dropped.

use super::{Owner, Pool};

/// Bytes charged to an owner for as long as this lives.
#[derive(Debug)]
pub struct Charge {
    pool: Pool,
    owner: Owner,
    bytes: u64,
}

impl Charge {
    /// Charges these bytes; never refused, see [`Pool::check`].
    pub fn new(pool: &Pool, owner: Owner, bytes: usize) -> Self {
        let bytes = bytes as u64;
        pool.charge(owner, bytes);
        Self { pool: pool.clone(), owner, bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.pool.discharge(self.owner, self.bytes);
    }
}
