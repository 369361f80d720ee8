//! Arenas: owners of memory that is freed at once.

use std::fmt;

/// How long the contents of an arena live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// One batch: registers. The cursor is reset, the chunks are kept.
    Scratch,
    /// One epoch's input, until every program has stepped and the log has it. Freed whole.
    Ingest,
    /// One window pane, session or join bucket, until the watermark passes it. Freed in bulk.
    Pane,
    /// The view's life: group tables, join indexes, tables. Free lists inside.
    Keyed,
}

/// Who pays for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The view (or relation) by its id; 0 is the database itself.
    pub view: u32,
    /// The operator (state number) within the view's program.
    pub operator: u16,
    /// The tier.
    pub tier: Tier,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scratch => "scratch",
            Self::Ingest => "ingest",
            Self::Pane => "pane",
            Self::Keyed => "keyed",
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} arena of view {} operator {}", self.tier, self.view, self.operator)
    }
}
