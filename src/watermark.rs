//! Event time at the door: which rows are late, and how far a source has come.
//!
//! Lateness is judged here and nowhere else, row by row in arrival order: a row is late when its
//! event time is below the largest seen before it minus the delay. How rows are batched into
//! commits therefore never changes which are late, and views never judge again.
//! Invariant: the watermark never goes back; every accepted row is at or above the watermark that
//! stood when it arrived.

use arena_tr_storage::Batch;
use arena_tr_types::Timestamp;
use arena_tr_types::time::{TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY};

/// The event-time state of one source or stream.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    /// The event-time column.
    pub(crate) column: usize,
    /// Microseconds that the watermark stays behind the largest event time.
    pub(crate) delay: i64,
    largest: Timestamp,
    ended: bool,
}

/// A batch sorted by the gate. Row indices are of the batch given, ascending.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Rows below the watermark.
    pub(crate) late: Vec<u32>,
    /// Rows whose event time is NULL.
    pub(crate) timeless: Vec<u32>,
    /// The others; `None`: all.
    pub(crate) accepted: Option<Vec<u32>>,
}

impl Gate {
    pub(crate) fn new(column: usize, delay: i64) -> Self {
        Self { column, delay, largest: TIMESTAMP_NEG_INFINITY, ended: false }
    }

    /// The promise as it stands.
    pub(crate) fn watermark(&self) -> Timestamp {
        if self.ended {
            TIMESTAMP_INFINITY
        } else if self.largest == TIMESTAMP_NEG_INFINITY {
            TIMESTAMP_NEG_INFINITY
        } else {
            self.largest.saturating_sub(self.delay)
        }
    }

    /// The largest event time seen.
    pub(crate) fn latest(&self) -> Option<Timestamp> {
        (self.largest != TIMESTAMP_NEG_INFINITY).then_some(self.largest)
    }

    /// The largest event time seen and whether it has ended, to be kept.
    pub(crate) fn position(&self) -> (Timestamp, bool) {
        (self.largest, self.ended)
    }

    /// Puts it where it was.
    pub(crate) fn set_position(&mut self, largest: Timestamp, ended: bool) {
        (self.largest, self.ended) = (largest, ended);
    }

    /// The end of a bounded source is the end of time.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Judges the rows of a batch in order and moves the watermark past them. The batch has no
    /// selection.
    pub(crate) fn judge(&mut self, batch: &Batch) -> Judged {
        debug_assert!(batch.selection.is_none());
        let Some(times) = batch.columns[self.column].as_i64() else {
            return Judged::default();
        };
        let mut judged = Judged::default();
        let values = &times.values[..];
        if times.validity.is_none() && !self.ended && self.pass_all(values) {
            return judged;
        }
        let mut accepted = Vec::with_capacity(values.len());
        for (row, &time) in values.iter().enumerate() {
            let row_idx = row as u32;
            if times.validity.as_ref().is_some_and(|v| !v.get(row)) {
                judged.timeless.push(row_idx);
            } else if self.is_late(time) {
                judged.late.push(row_idx);
            } else {
                self.largest = self.largest.max(time);
                accepted.push(row_idx);
            }
        }
        if accepted.len() < values.len() {
            judged.accepted = Some(accepted);
        }
        judged
    }

    fn is_late(&self, time: Timestamp) -> bool {
        self.ended || (self.largest != TIMESTAMP_NEG_INFINITY && time < self.watermark())
    }

    /// Rows that are all in time, which is the usual case; leaves the gate as it was when one is
    /// not.
    fn pass_all(&mut self, times: &[Timestamp]) -> bool {
        // PERF: least and greatest are found without a branch. If the least is in time behind the
        // greatest, every row is, whatever the order; only then the order matters.
        let (least, greatest) = times
            .iter()
            .fold((i64::MAX, self.largest), |(low, high), &t| (low.min(t), high.max(t)));
        let in_time = least >= greatest.saturating_sub(self.delay) || {
            let mut largest = self.largest;
            times.iter().all(|&time| {
                let limit = largest.saturating_sub(self.delay);
                largest = largest.max(time);
                time >= limit
            })
        };
        if in_time {
            self.largest = greatest;
        }
        in_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arena_tr_types::{DataType, Value};

    fn batch(times: &[Option<i64>]) -> Batch {
        let rows: Vec<Vec<Value>> =
            times.iter().map(|t| vec![t.map_or(Value::Null, Value::Timestamp)]).collect();
        Batch::from_rows(&rows, &[DataType::Timestamp]).expect("values fit their type")
    }

    #[test]
    fn lateness_does_not_depend_on_batching() {
        let times = [Some(10), Some(20), Some(14), Some(15), None, Some(30), Some(24), Some(25)];
        let judge = |size: usize| {
            let mut gate = Gate::new(0, 5);
            let mut late = Vec::new();
            for (i, part) in times.chunks(size).enumerate() {
                let judged = gate.judge(&batch(part));
                late.extend(judged.late.iter().map(|r| i * size + *r as usize));
            }
            (late, gate.watermark())
        };
        assert_eq!(judge(8), (vec![2, 6], 25));
        for size in 1..8 {
            assert_eq!(judge(size), judge(8), "batches of {size}");
        }
    }

    #[test]
    fn equal_to_the_watermark_is_in_time_and_the_end_refuses_all() {
        let mut gate = Gate::new(0, 0);
        assert_eq!(gate.watermark(), TIMESTAMP_NEG_INFINITY);
        assert!(gate.judge(&batch(&[Some(7), Some(7)])).accepted.is_none());
        gate.end();
        assert_eq!(gate.judge(&batch(&[Some(8)])).late, vec![0]);
        assert_eq!(gate.watermark(), TIMESTAMP_INFINITY);
    }
}
