//! JSONB: reading, PostgreSQL's canonical text, access by key, index and path, order.
//!
//! A JSONB value is carried as its canonical text: keys by length then bytes, the last of equal
//! keys kept, one space after `:` and `,`. A part of a canonical text is canonical itself, so
//! access (`access`) returns slices and allocates nothing. [`Json`] is the tree that reading
//! builds (`parse`) and that builders of JSON fill.
//! Invariant: every function that takes `doc` expects canonical text; on other text it gives some
//! answer, never a panic.

mod access;
mod parse;
#[cfg(test)]
mod tests;
mod tree;

pub use access::{
    Elements, Entries, as_text, elements, entries, get_index, get_key, get_path, length, type_of,
    unquote,
};
pub use parse::canonical;
pub use tree::{Json, cmp, hash, push_quoted};
