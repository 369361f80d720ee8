//! The interactive program.
fn main() {}
