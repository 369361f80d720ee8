//! Rows held until a window is closed.

/// Rows held until the watermark passes their time.
#[derive(Debug)]
pub struct Hold {}
