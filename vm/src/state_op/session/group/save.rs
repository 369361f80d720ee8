//! What sessions keep between epochs, shown to a visitor.
//!
//! Invariant: what an epoch touched is not shown, because it is nothing between epochs.

use arena_tr_storage::StorageError;
use arena_tr_storage::state::{StateVisitor, Visit};

use super::SessionGroup;

impl SessionGroup {
    /// Forgets an epoch that was begun in the state that is being replaced.
    fn forget_epoch(&mut self) {
        self.found.clear();
        self.made.clear();
        self.joined.clear();
        self.touched.clear();
        self.before.clear();
        self.closed.clear();
        (self.polled, self.polled_before) = (0, 0);
        self.errors.clear();
    }
}

impl Visit for SessionGroup {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.forget_epoch();
        } else {
            let ended = self.touched.is_empty() && self.closed.is_empty();
            debug_assert!(ended && self.joined.is_empty(), "the epoch has ended");
        }
        self.partitions.visit(visitor)?;
        self.spans.visit(visitor)?;
        self.timers.visit(visitor)?;
        self.timers_root.visit(visitor)?;
        self.groups.visit(visitor)?;
        self.aside.visit_scratch(visitor);
        self.next_id.visit(visitor)
    }
}
