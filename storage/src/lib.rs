//! Memory that can be saved: arenas, columns, batches, and the state that programs keep.
