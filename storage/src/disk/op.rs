//! The verbs of errors: "cannot *read* /data/log/1: ...".
//!
//! Invariant: the three disks name the same operation with the same word.

pub(super) const CREATE_DIR: &str = "create directory";
pub(super) const LIST: &str = "list";
pub(super) const EXISTS: &str = "look for";
pub(super) const OPEN: &str = "open";
pub(super) const RENAME: &str = "rename";
pub(super) const REMOVE: &str = "remove";
pub(super) const REMOVE_DIR: &str = "remove directory";
pub(super) const SYNC_DIR: &str = "sync directory";
pub(super) const LOCK: &str = "lock";
pub(super) const LEN: &str = "measure";
pub(super) const READ: &str = "read";
pub(super) const WRITE: &str = "write";
pub(super) const ALLOCATE: &str = "allocate";
pub(super) const SET_LEN: &str = "resize";
pub(super) const SYNC: &str = "sync";
pub(super) const MAP: &str = "map";
pub(super) const SYNC_MAP: &str = "sync the mapping of";
