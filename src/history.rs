//! What relations held before the last commits, for FOR SYSTEM_TIME AS OF.
//!
//! While history is kept, a commit that changes a relation first puts its contents aside: a
//! snapshot that shares all columns with the relation, or, if it only grows, its length. Nothing is
//! put aside of what does not change. Commits leave in order of age: when the one behind them is
//! older than the retention, or when there are more than are to be kept.
//!
//! Invariant: for every epoch from the oldest on that is kept, the contents of a relation are those
//! of the first entry whose `until` is behind that epoch, or, without one, those of now.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arena_tr_planner::ConstEval;
use arena_tr_planner::physical::{Expr, Moment};
use arena_tr_storage::arena::{Charge, Tier};
use arena_tr_storage::table::TableSnapshot;
use arena_tr_types::{Epoch, RelationId, SqlState, Timestamp, Value};
use arena_tr_vm::ConstEvaluator;

use crate::engine::Engine;
use crate::error::{Error, Result};

/// The past that can be asked for.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// How long a state can be asked for after a commit has changed it; none: not at all.
    retention: Option<Duration>,
    /// The oldest epoch that can be asked for, then those committed since, and when.
    epochs: VecDeque<(Epoch, Timestamp)>,
    relations: BTreeMap<RelationId, VecDeque<Past>>,
    /// Which relation each entry is of, in the order in which they leave.
    order: VecDeque<(Epoch, RelationId)>,
    /// What was made since history is kept: it was not there before this epoch.
    born: BTreeMap<RelationId, Epoch>,
    /// The epoch that is being made or was made last.
    making: Epoch,
}

/// What a relation was before a commit changed it.
#[derive(Debug)]
struct Past {
    until: Epoch,
    /// The contents, or why there was nothing to read.
    contents: Result<Contents>,
    /// For the lists and marks that the relation had to copy; columns are charged to it anyway.
    charge: Option<Charge>,
}

/// What is put aside.
#[derive(Debug)]
enum Contents {
    Snapshot(TableSnapshot),
    /// Of a relation that only grows: how many rows it had. It still has them, in their order.
    Rows(usize),
}

impl History {
    /// No past yet, but from this epoch on.
    pub(crate) fn new(retention: Option<Duration>, now: (Epoch, Timestamp)) -> Self {
        let retention = retention.filter(|retention| !retention.is_zero());
        Self { retention, epochs: VecDeque::from([now]), ..Self::default() }
    }

    /// How long the past is kept; none: not at all.
    pub(crate) fn retention(&self) -> Option<Duration> {
        self.retention
    }

    /// Notes a commit.
    fn commit(&mut self, epoch: Epoch, now: Timestamp, most_epochs: usize) {
        self.epochs.push_back((epoch, now));
        while self.epochs.len() > most_epochs.max(1) {
            self.epochs.pop_front();
        }
        self.expire(now);
    }

    /// Which of the epochs is the oldest that can be asked for when it is this late.
    fn oldest_at(&self, now: Timestamp) -> usize {
        let Some(retention) = self.retention else { return self.epochs.len().saturating_sub(1) };
        let micros = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let horizon = now.saturating_sub(micros);
        // What held at the horizon can still be asked for.
        self.epochs.partition_point(|(_, at)| *at <= horizon).saturating_sub(1)
    }

    /// Gives up what is older than the retention.
    fn expire(&mut self, now: Timestamp) {
        self.epochs.drain(..self.oldest_at(now));
        let Some((oldest, _)) = self.epochs.front() else { return };
        while let Some((until, id)) = self.order.front().filter(|(until, _)| until <= oldest) {
            if let Some(past) = self.relations.get_mut(id) {
                while past.front().is_some_and(|past| past.until <= *until) {
                    past.pop_front();
                }
                if past.is_empty() {
                    self.relations.remove(id);
                }
            }
            self.order.pop_front();
        }
    }

    /// Notes a new relation.
    pub(crate) fn made(&mut self, id: RelationId, epoch: Epoch) {
        if self.retention.is_some() {
            self.born.insert(id, epoch);
        }
    }

    /// Forgets a relation that is dropped.
    pub(crate) fn dropped(&mut self, id: RelationId) {
        self.relations.remove(&id);
        self.born.remove(&id);
    }

    /// The oldest epoch that can be asked for when it is this late, and when it was.
    fn oldest(&self, now: Timestamp) -> (Epoch, Timestamp) {
        let oldest = self.epochs.get(self.oldest_at(now));
        oldest.copied().unwrap_or((Epoch(0), Timestamp::MIN))
    }

    /// The last epoch that was committed by then.
    fn epoch_at(&self, at: Timestamp) -> Option<Epoch> {
        let n = self.epochs.partition_point(|(_, committed)| *committed <= at);
        n.checked_sub(1).map(|last| self.epochs[last].0)
    }

    /// What a relation held at an epoch that is kept; none: what it holds now.
    fn of(&self, id: RelationId, epoch: Epoch) -> Option<&Result<Contents>> {
        let past = self.relations.get(&id)?;
        past.get(past.partition_point(|past| past.until <= epoch)).map(|past| &past.contents)
    }
}

/// A moment that a statement names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Epoch(i64),
    Time(Timestamp),
}

impl Engine {
    /// Puts a relation's contents aside, which a commit is about to change.
    pub(crate) fn put_aside(&mut self, id: RelationId) {
        if self.history.retention.is_none() || self.recovering {
            return;
        }
        let until = self.history.making;
        let Some(entry) = self.relations.get(&id) else { return };
        let past = self.history.relations.entry(id).or_default();
        if past.back().is_none_or(|past| past.until < until) {
            let contents = entry.snapshot().map(|snapshot| match snapshot.only_grows() {
                true => Contents::Rows(snapshot.len()),
                false => Contents::Snapshot(snapshot),
            });
            past.push_back(Past { until, contents, charge: None });
            self.history.order.push_back((until, id));
        }
    }

    /// Notes the commit that is about to be made.
    pub(crate) fn make_epoch(&mut self, epoch: Epoch) {
        self.history.making = epoch;
    }

    /// Notes the commit that was just made.
    pub(crate) fn note_epoch(&mut self) {
        if !self.recovering {
            let most = self.options.history_epochs_kept;
            self.history.commit(self.epoch, self.now, most);
        }
    }

    /// Charges the relations for what the last commit made them copy because of history.
    pub(crate) fn charge_history(&mut self) {
        let History { making, order, relations, .. } = &mut self.history;
        for (_, id) in order.iter().rev().take_while(|(until, _)| until == making) {
            let store = self.relations.get(id).and_then(|entry| entry.store.as_ref());
            let past = relations.get_mut(id).and_then(VecDeque::back_mut);
            let Some(Past { contents: Ok(Contents::Snapshot(before)), charge, .. }) = past else {
                continue;
            };
            if let Some(store) = store {
                let owner = Self::owner(*id, Tier::Keyed);
                let bytes = before.own_bytes(&store.snapshot());
                *charge = Some(Charge::new(&self.pool, owner, bytes));
            }
        }
    }

    /// Keeps history from now on, without a past.
    pub(crate) fn begin_history(&mut self, retention: Option<Duration>) {
        self.history = History::new(retention, (self.epoch, self.now));
    }

    /// Keeps history for this long from now on, with the past that there is.
    pub(crate) fn set_history_retention(&mut self, retention: Option<Duration>) {
        let retention = retention.filter(|retention| !retention.is_zero());
        if retention.is_none() || self.history.retention.is_none() {
            return self.begin_history(retention);
        }
        self.history.retention = retention;
        self.history.expire(self.time());
    }

    /// The epoch of a moment, where `newest` is the last that the statement sees, and `now()` is
    /// `now`.
    ///
    /// # Errors
    /// 22023 when it is NULL or in the future, 72000 when it is not kept.
    pub(crate) fn epoch_of(
        &self,
        moment: &Moment,
        (newest, now): (Epoch, Timestamp),
    ) -> Result<Epoch> {
        let asked = asked(moment, now)?;
        let (oldest, since) = self.history.oldest(self.time());
        match asked {
            Asked::Epoch(epoch) => match u64::try_from(epoch).map(Epoch) {
                Ok(epoch) if epoch > newest => Err(future(asked, newest)),
                // A transaction's own snapshot is there as long as the transaction.
                Ok(epoch) if epoch >= oldest || epoch == newest => Ok(epoch),
                Ok(_) => Err(self.too_old(asked)),
                Err(_) => Err(Error::new(
                    SqlState::INVALID_PARAMETER,
                    format!("EPOCH must not be negative: {epoch}"),
                )),
            },
            Asked::Time(at) if at > self.time().max(now) => Err(future(asked, newest)),
            Asked::Time(at) if at < since => Err(self.too_old(asked)),
            Asked::Time(at) => match self.history.epoch_at(at) {
                Some(epoch) if epoch > newest => Err(future(asked, newest)),
                Some(epoch) => Ok(epoch),
                None => Err(self.too_old(asked)),
            },
        }
    }

    /// What a relation held at an epoch that can be asked for; none: what it holds at `newest`,
    /// the last that the statement sees.
    ///
    /// # Errors
    /// When it had nothing to read, or was not there.
    pub(crate) fn contents_at(
        &self,
        (id, name): (RelationId, &str),
        (epoch, newest): (Epoch, Epoch),
    ) -> Result<Option<TableSnapshot>> {
        if crate::introspect::is_system(name) {
            let message = format!("system relation \"{name}\" keeps no past to read");
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message));
        }
        if self.history.born.get(&id).is_some_and(|born| epoch < *born) {
            let message = format!("relation \"{name}\" did not exist at epoch {}", epoch.0);
            return Err(Error::new(SqlState::UNDEFINED_TABLE, message));
        }
        // A transaction's own epoch may have expired here, and the transaction still has it.
        if epoch == newest {
            return Ok(None);
        }
        match self.history.of(id, epoch) {
            None => Ok(None),
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(Contents::Snapshot(snapshot))) => Ok(Some(snapshot.clone())),
            Some(Ok(Contents::Rows(rows))) => {
                let store = self.entry(id)?.store.as_ref();
                Ok(store.map(|store| store.snapshot().when_it_had(*rows)))
            }
        }
    }

    /// The error of a moment that is not kept any more, or never was.
    fn too_old(&self, asked: Asked) -> Error {
        let (oldest, since) = self.history.oldest(self.time());
        let mut message = format!("{asked} is not kept: the oldest epoch is {}", oldest.0);
        if since > Timestamp::MIN {
            message.push_str(&format!(" ({})", Value::TimestampTz(since)));
        }
        let hint = match self.history.retention {
            None => {
                "history is not kept: SET history_retention = '10 minutes', or \
                     Options::history_retention; it begins then"
            }
            Some(_) if self.journal.is_some() => {
                "how long history is kept is said by SET history_retention and \
                 Options::history_retention, how much of it by Options::history_epochs_kept; it is \
                 in memory and begins when the database is opened"
            }
            Some(_) => {
                "how long history is kept is said by SET history_retention and \
                 Options::history_retention, how much of it by Options::history_epochs_kept"
            }
        };
        Error::new(SqlState::SNAPSHOT_TOO_OLD, message).with_hint(hint)
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Epoch(epoch) => write!(f, "epoch {epoch}"),
            Self::Time(at) => write!(f, "{}", Value::TimestampTz(*at)),
        }
    }
}

/// What a moment's expression says.
fn asked(moment: &Moment, now: Timestamp) -> Result<Asked> {
    let (Moment::Epoch(expr) | Moment::Time(expr)) = moment;
    let value = ConstEvaluator::at(now).eval(expr);
    match value.map_err(|error| placed(error.into(), expr))? {
        Value::Int8(epoch) => Ok(Asked::Epoch(epoch)),
        Value::Timestamp(at) | Value::TimestampTz(at) => Ok(Asked::Time(at)),
        _ => {
            let message = "the moment of FOR SYSTEM_TIME AS OF must not be NULL";
            Err(placed(Error::new(SqlState::INVALID_PARAMETER, message), expr))
        }
    }
}

fn placed(error: Error, expr: &Expr) -> Error {
    match expr.span {
        Some(span) => error.at(span),
        None => error,
    }
}

fn future(asked: Asked, newest: Epoch) -> Error {
    let message = format!("{asked} has not been yet: the current epoch is {}", newest.0);
    Error::new(SqlState::INVALID_PARAMETER, message)
}
