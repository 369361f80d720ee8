//! Dates, times, intervals: their arithmetic, and the text forms PostgreSQL gives them.
//!
//! Invariant: all arithmetic is checked or saturating; nothing here reads a clock.

/// Microseconds since 1970-01-01 00:00:00, of an event or of a commit.
pub type Timestamp = i64;
/// `infinity` as a TIMESTAMP, and the watermark at the end of time.
pub const TIMESTAMP_INFINITY: Timestamp = i64::MAX;
/// `-infinity` as a TIMESTAMP, and the watermark before any row.
pub const TIMESTAMP_NEG_INFINITY: Timestamp = i64::MIN;

/// INTERVAL: months, days and microseconds are kept apart, because a month has no fixed number of days.
/// 16 bytes without padding. Compared by its length with 30-day months and 24-hour days, as in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Interval {
    /// Microseconds.
    pub micros: i64,
    /// Days.
    pub days: i32,
    /// Months.
    pub months: i32,
}
