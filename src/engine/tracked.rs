//! Subscriptions that the database keeps track of (CREATE SUBSCRIPTION): the changes of a relation
//! that their consumers have not acknowledged yet.
//!
//! A subscription begins with the relation's contents and goes on with every later epoch's changes,
//! which are kept in a queue of whole epochs until they are acknowledged. The queue follows from
//! the commits and the acknowledgements, both of which are logged: after a crash it is made again
//! by replaying them, and a snapshot carries it. A consumer that falls behind further than the
//! subscription keeps loses the oldest epochs, and is told so when it asks for them; commits never
//! wait for a consumer.
//!
//! Invariant: between the last epoch that was acknowledged or lost and the present, the queue has
//! every epoch in which the relation changed, whole.

use std::collections::VecDeque;

use arena_tr_storage::Batch;
use arena_tr_storage::codec::{Decode, Encode};
use arena_tr_types::{Epoch, RelationId, SqlState, Timestamp};

use super::Engine;
use super::commit::Deltas;
use super::definitions::Object;
use crate::error::{Error, Result};

/// Too many changes wait for their consumer.
pub(crate) const LIMIT_EXCEEDED: SqlState = SqlState("53400");

/// A subscription.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) relation: RelationId,
    pub(crate) limits: Limits,
    pub(crate) place: Place,
    queue: VecDeque<Kept>,
    rows: usize,
}

/// How much a subscription keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Changes older than this, in microseconds.
    pub(crate) retention: Option<i64>,
    /// Changed rows.
    pub(crate) rows: usize,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(crate) struct Place {
    /// The last epoch that its consumer does not need any more.
    pub(crate) acknowledged: Option<u64>,
    /// The last epoch whose changes were given up before they were acknowledged.
    pub(crate) lost: Option<u64>,
    /// The last epoch in which the relation changed.
    pub(crate) last: Option<u64>,
}

/// The changes of an epoch.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) epoch: u64,
    pub(crate) now: Timestamp,
    pub(crate) delta: Vec<Batch>,
}

impl Kept {
    fn rows(&self) -> usize {
        self.delta.iter().map(Batch::live).sum()
    }
}

impl Tracked {
    /// A subscription that begins with these contents.
    pub(crate) fn new(relation: RelationId, limits: Limits, contents: Kept) -> Self {
        let (place, queue) = (Place::default(), VecDeque::new());
        let mut tracked = Self { relation, limits, place, queue, rows: 0 };
        tracked.push(contents);
        tracked
    }

    /// Puts back where it stood.
    pub(crate) fn restore(&mut self, place: Place, queue: Vec<Kept>) {
        self.rows = queue.iter().map(Kept::rows).sum();
        self.queue = VecDeque::from(queue);
        self.place = place;
    }

    /// What waits for its consumer.
    pub(crate) fn queue(&self) -> impl Iterator<Item = &Kept> {
        self.queue.iter()
    }

    /// Changed rows that wait.
    pub(crate) fn pending_rows(&self) -> usize {
        self.rows
    }

    fn push(&mut self, kept: Kept) {
        let rows = kept.rows();
        if rows > 0 {
            self.place.last = Some(kept.epoch);
            self.rows += rows;
            self.queue.push_back(kept);
        }
    }

    /// Gives up what is older or more than it keeps.
    fn cut(&mut self, now: Timestamp) {
        let Limits { retention, rows } = self.limits;
        let oldest = retention.map_or(Timestamp::MIN, |micros| now.saturating_sub(micros));
        while let Some(kept) = self.queue.pop_front_if(|kept| self.rows > rows || kept.now < oldest)
        {
            self.rows -= kept.rows();
            self.place.lost = Some(kept.epoch);
        }
    }

    /// Forgets what its consumer does not need any more.
    pub(crate) fn acknowledge(&mut self, up_to: u64) {
        while let Some(kept) = self.queue.pop_front_if(|kept| kept.epoch <= up_to) {
            self.rows -= kept.rows();
        }
        self.place.acknowledged = self.place.acknowledged.max(Some(up_to));
    }

    /// The epochs behind a position and up to another, as many as have so many rows together, but
    /// one at least. Without a position: behind what was acknowledged.
    ///
    /// # Errors
    /// 22023 when the position was acknowledged already, 53400 when changes behind it are lost.
    pub(crate) fn fetch(
        &self,
        name: &str,
        after: Option<u64>,
        (up_to, rows): (Epoch, Option<u64>),
    ) -> Result<Vec<Kept>> {
        let Place { acknowledged, lost, .. } = self.place;
        if let (Some(after), Some(acknowledged)) =
            (after, acknowledged.filter(|a| after < Some(*a)))
        {
            let message = format!(
                "subscription \"{name}\" has nothing after EPOCH {after} any more: the oldest \
                 position is EPOCH {acknowledged}"
            );
            return Err(Error::new(SqlState::INVALID_PARAMETER, message)
                .with_hint("what was acknowledged is not kept"));
        }
        let after = after.or(acknowledged);
        if let Some(lost) = lost.filter(|lost| after < Some(*lost)) {
            let message = format!(
                "the consumer of subscription \"{name}\" fell behind: changes up to EPOCH {lost} \
                 are lost, which is the oldest position"
            );
            return Err(Error::new(LIMIT_EXCEEDED, message).with_hint(
                "DROP and CREATE it to begin with the contents again, or FETCH ... AFTER EPOCH \
                 that position to go on without them; retention and max_rows say how much it keeps",
            ));
        }
        let mut left = rows.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let mut fetched: Vec<Kept> = Vec::new();
        let wanted =
            self.queue.iter().filter(|kept| Some(kept.epoch) > after && kept.epoch <= up_to.0);
        for kept in wanted {
            let rows = kept.rows();
            if left == 0 || rows > left && !fetched.is_empty() {
                break;
            }
            left = left.saturating_sub(rows);
            fetched.push(kept.clone());
        }
        Ok(fetched)
    }
}

impl Engine {
    /// Keeps the changes of a commit for the subscriptions that follow them.
    pub(crate) fn keep_for_subscriptions(&mut self, epoch: Epoch, now: Timestamp, deltas: &Deltas) {
        for tracked in self.tracked.values_mut() {
            if let Some(delta) = deltas.get(&tracked.relation) {
                tracked.push(Kept { epoch: epoch.0, now, delta: delta.clone() });
            }
            tracked.cut(now);
        }
    }

    /// Notes that a consumer does not need a subscription's changes up to an epoch any more.
    ///
    /// # Errors
    /// When it cannot be logged.
    pub(crate) fn acknowledge(&mut self, name: &str, up_to: u64) -> Result<()> {
        let epoch = self.epoch;
        if let Some(journal) = &mut self.journal {
            journal.acknowledge(name, up_to, epoch)?;
        }
        self.acknowledged(name, up_to);
        Ok(())
    }

    /// Does what an acknowledgement says.
    pub(crate) fn acknowledged(&mut self, name: &str, up_to: u64) {
        if let Some(tracked) = self.tracked.get_mut(name) {
            tracked.acknowledge(up_to);
        }
    }

    /// The names of the subscriptions to a relation.
    pub(crate) fn subscriptions_to(&self, id: RelationId) -> Vec<String> {
        let to = self.tracked.iter().filter(|(_, tracked)| tracked.relation == id);
        to.map(|(name, _)| name.clone()).collect()
    }

    /// Removes a subscription.
    pub(crate) fn drop_subscription(&mut self, name: &str) {
        if self.tracked.remove(name).is_some() {
            self.noted.dropped(Object::Subscription(name.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use arena_tr_types::{DataType, Value};

    use super::*;

    fn kept(epoch: u64, rows: i64) -> Kept {
        let rows: Vec<Vec<Value>> = (0..rows).map(|i| vec![Value::Int8(i)]).collect();
        let delta = vec![Batch::from_rows(&rows, &[DataType::Int8]).expect("numbers")];
        Kept { epoch, now: epoch as i64 * 10, delta }
    }

    fn tracked(limits: Limits) -> Tracked {
        Tracked::new(RelationId(1), limits, kept(0, 0))
    }

    fn epochs(of: &Tracked, after: Option<u64>, rows: Option<u64>) -> Vec<u64> {
        let fetched = of.fetch("s", after, (Epoch(99), rows)).expect("it is kept");
        fetched.iter().map(|kept| kept.epoch).collect()
    }

    #[test]
    fn whole_epochs_are_fetched_until_they_are_acknowledged() {
        let mut s = tracked(Limits { retention: None, rows: 100 });
        for (epoch, rows) in [(1, 3), (2, 2), (4, 5), (5, 0), (6, 1)] {
            s.push(kept(epoch, rows));
            s.cut(epoch as i64 * 10);
        }
        assert_eq!(epochs(&s, None, None), [1, 2, 4, 6]);
        assert_eq!(epochs(&s, None, Some(5)), [1, 2]);
        assert_eq!(epochs(&s, Some(2), Some(1)), [4], "one at least");
        assert_eq!(epochs(&s, None, Some(0)), [0u64; 0]);
        assert_eq!(epochs(&s, Some(6), None), [0u64; 0]);
        assert_eq!(s.fetch("s", None, (Epoch(3), None)).expect("kept").len(), 2);
        s.acknowledge(2);
        assert_eq!((epochs(&s, None, None), s.pending_rows()), (vec![4, 6], 6));
        let error = s.fetch("s", Some(1), (Epoch(9), None)).expect_err("it is gone");
        assert!(error.message().ends_with("the oldest position is EPOCH 2"), "{error}");
        s.acknowledge(1);
        assert_eq!(s.place.acknowledged, Some(2), "it never goes back");
    }

    #[test]
    fn a_consumer_that_falls_behind_is_told() {
        let mut s = tracked(Limits { retention: Some(25), rows: 6 });
        s.push(kept(1, 4));
        s.push(kept(2, 4));
        s.cut(20);
        assert_eq!((s.place.lost, s.pending_rows()), (Some(1), 4), "too many");
        for after in [None, Some(0)] {
            let error = s.fetch("s", after, (Epoch(9), None)).expect_err("it is lost");
            assert_eq!(error.state(), LIMIT_EXCEEDED);
            assert!(error.message().contains("up to EPOCH 1 are lost"), "{error}");
        }
        assert_eq!(epochs(&s, Some(1), None), [2]);
        s.push(kept(5, 1));
        s.cut(46);
        assert_eq!((s.place.lost, s.pending_rows()), (Some(2), 1), "too old");
        s.acknowledge(3);
        assert_eq!(epochs(&s, None, None), [5]);
    }
}
