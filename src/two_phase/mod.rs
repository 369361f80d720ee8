//! One commit over several databases: a small coordinator of two-phase commits.
//!
//! First every [`Participant`] prepares: it promises that it can commit, durably. Then the decision
//! is logged ([`decisions`]), and only then is anybody told of it. Whoever was away is told later,
//! by [`TwoPhase::recover`]. What is prepared under a name of this coordinator without a logged
//! decision was never decided, and is rolled back (presumed abort).
//!
//! Invariant: no participant commits before the decision is durable; none rolls back after it.

mod decisions;
mod participant;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arena_tr_types::SqlState;

use crate::error::{Error, Result};
use crate::options::Options;

use decisions::{Decisions, Number, Undecided};
pub use participant::Participant;

/// Commits transactions over several databases: in all of them or in none.
///
/// Each database does its part in a transaction of a session; [`TwoPhase::commit`] ends them all.
/// After a crash, of whoever, [`TwoPhase::recover`] ends what was left. A coordinator is known by
/// its directory; several threads may use one.
///
/// ```
/// use std::sync::Arc;
///
/// use arena_tr::disk::MemDisk;
/// use arena_tr::{Database, Options, TwoPhase};
///
/// let (ours, theirs) = (Database::in_memory(), Database::in_memory());
/// for db in [&ours, &theirs] {
///     db.session().execute(
///         "CREATE TABLE accounts (id INT PRIMARY KEY, money INT CHECK (money >= 0));
///          INSERT INTO accounts VALUES (1, 100)",
///     )?;
/// }
/// # let disk: Arc<dyn arena_tr::disk::Disk> = Arc::new(MemDisk::new());
/// # let options = Options { disk, ..Options::default() };
/// let transfers = TwoPhase::open_with("transfers", &options)?;
///
/// let (mut from, mut to) = (ours.session(), theirs.session());
/// from.execute("BEGIN; UPDATE accounts SET money = money - 30 WHERE id = 1")?;
/// to.execute("BEGIN; UPDATE accounts SET money = money + 30 WHERE id = 1")?;
/// let committed = transfers.commit(&mut [&mut from, &mut to])?;
/// assert!(committed.unfinished.is_empty());
///
/// // When a program starts again:
/// let recovered = transfers.recover(&mut [&mut ours.clone(), &mut theirs.clone()]);
/// assert!(recovered.is_complete());
/// let rows = theirs.session().query("SELECT money FROM accounts", &[])?;
/// assert_eq!(rows.to_vec()[0][0].to_string(), "130");
/// # Ok::<(), arena_tr::Error>(())
/// ```
pub struct TwoPhase {
    prefix: String,
    state: Mutex<State>,
}

struct State {
    decisions: Decisions,
    /// The last number that was given away since opening.
    last: u64,
    /// Transactions of which it is not known here, or not yet, how they end.
    running: BTreeSet<Number>,
}

/// A transaction that has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What it is called in the databases as long as they have not committed.
    pub gid: String,
    /// Participants that have not said that they committed. They have promised to:
    /// [`TwoPhase::recover`] tells them again.
    pub unfinished: Vec<String>,
}

/// What [`TwoPhase::recover`] did.
#[derive(Debug, Clone, Default)]
pub struct Recovered {
    /// Parts of transactions that were committed now.
    pub committed: u64,
    /// Parts of transactions that were rolled back now.
    pub rolled_back: u64,
    /// Decisions that some participant may still have to hear of.
    pub unfinished: u64,
    /// Participants that did not answer, and what they said instead.
    pub failures: Vec<(String, Error)>,
}

impl Recovered {
    /// Whether nothing is left to be done, as far as these participants go.
    pub fn is_complete(&self) -> bool {
        self.unfinished == 0 && self.failures.is_empty()
    }
}

/// What is to become of something that is prepared.
enum Fate {
    Commit,
    RollBack,
    /// Another thread is at it, or it is not known.
    Leave,
}

/// What was under way when recovering began.
struct Before {
    /// The last number that was given away.
    last: u64,
    /// Transactions that ran or were decided.
    busy: BTreeSet<Number>,
}

impl TwoPhase {
    /// The coordinator in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// 55006 when somebody has it open, XX001 when it is damaged, 58030 when the disk refuses.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(dir, &Options::default())
    }

    /// The same with options: the disk, the randomness and the log's are used.
    ///
    /// # Errors
    /// As [`TwoPhase::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let decisions = Decisions::open(dir.as_ref(), options)?;
        let prefix = format!("arena-tr-{:032x}-", decisions.identity());
        let state = State { decisions, last: 0, running: BTreeSet::new() };
        Ok(Self { prefix, state: Mutex::new(state) })
    }

    /// How the names of this coordinator's transactions begin.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Commits the open transactions of all participants, or rolls all of them back.
    ///
    /// # Errors
    /// When one cannot prepare, or the decision cannot be logged: all are rolled back, or will be
    /// by [`TwoPhase::recover`]. 08007 when it is not known whether the decision is in the log:
    /// that shows when the coordinator is opened again and recovers.
    pub fn commit(&self, participants: &mut [&mut dyn Participant]) -> Result<Committed> {
        let number = self.begin();
        let gid = self.gid(number);
        let ended = self.run(number, &gid, participants);
        if !matches!(&ended, Err(error) if error.state() == UNKNOWN) {
            // One of unknown end is left alone for as long as this coordinator is open.
            self.state().running.remove(&number);
        }
        ended
    }

    fn run(
        &self,
        number: Number,
        gid: &str,
        participants: &mut [&mut dyn Participant],
    ) -> Result<Committed> {
        for i in 0..participants.len() {
            if let Err(error) = participants[i].prepare(gid) {
                roll_back(gid, participants);
                return Err(error);
            }
        }
        let names = participants.iter().map(|participant| participant.name()).collect();
        match self.decide(number, names) {
            Ok(()) => {}
            Err(Undecided::Not(error)) => {
                roll_back(gid, participants);
                return Err(error);
            }
            Err(Undecided::Maybe(error)) => return Err(unknown(gid, &error)),
        }
        let mut unfinished = Vec::new();
        for participant in participants {
            if participant.commit(gid).is_err() {
                unfinished.push(participant.name());
            }
        }
        if unfinished.is_empty() {
            // Not forgotten, it is found done when recovering.
            let _ = self.state().decisions.forget(number);
        }
        Ok(Committed { gid: gid.to_owned(), unfinished })
    }

    fn decide(&self, number: Number, names: Vec<String>) -> std::result::Result<(), Undecided> {
        let (log, lsn) = self.state().decisions.append(number, names)?;
        log.wait(lsn).map_err(|error| Undecided::Maybe(error.into()))
    }

    /// Ends what is prepared by this coordinator in these databases, each as it was decided, and
    /// forgets the decisions that all participants know then. May be called at any time, and again.
    pub fn recover(&self, participants: &mut [&mut dyn Participant]) -> Recovered {
        let mut recovered = Recovered::default();
        // Decided before anybody is asked what it has prepared: who has nothing has committed.
        let (before, mut waiting) = self.look();
        for participant in participants {
            let name = participant.name();
            match self.end_all(&mut **participant, &before, &mut recovered) {
                Ok(left) => {
                    for (number, names) in &mut waiting {
                        if !left.contains(number) {
                            names.remove(&name);
                        }
                    }
                }
                Err(error) => recovered.failures.push((name, error)),
            }
        }
        for (number, names) in waiting {
            let done = names.is_empty();
            if !done || self.state().decisions.forget(number).is_err() {
                recovered.unfinished += 1;
            }
        }
        recovered
    }

    /// Ends what one participant has prepared; the transactions that are left.
    fn end_all(
        &self,
        participant: &mut dyn Participant,
        before: &Before,
        recovered: &mut Recovered,
    ) -> Result<BTreeSet<Number>> {
        let mut left = BTreeSet::new();
        for gid in participant.prepared()? {
            let Some(number) = self.number(&gid) else { continue };
            let ended = match self.fate(number, before) {
                Fate::Leave => continue,
                Fate::Commit => participant.commit(&gid).map(|()| &mut recovered.committed),
                Fate::RollBack => participant.roll_back(&gid).map(|()| &mut recovered.rolled_back),
            };
            match ended {
                Ok(count) => *count += 1,
                Err(error) => {
                    left.insert(number);
                    recovered.failures.push((participant.name(), error));
                }
            }
        }
        Ok(left)
    }

    /// What is under way, and the decisions that nobody is telling of, with those who have to hear.
    fn look(&self) -> (Before, BTreeMap<Number, BTreeSet<String>>) {
        let state = self.state();
        let open = state.decisions.open_ones();
        let busy = state.running.iter().chain(open.keys()).copied().collect();
        let due = open.iter().filter(|(number, _)| !state.running.contains(number));
        let due = due.map(|(number, names)| (*number, names.iter().cloned().collect())).collect();
        (Before { last: state.last, busy }, due)
    }

    fn fate(&self, number: Number, before: &Before) -> Fate {
        let state = self.state();
        if state.running.contains(&number) {
            return Fate::Leave;
        }
        if state.decisions.open_ones().contains_key(&number) {
            return Fate::Commit;
        }
        // It has ended since the participant was asked.
        let is_new = number.opened == state.decisions.opened() && number.n > before.last;
        if is_new || before.busy.contains(&number) { Fate::Leave } else { Fate::RollBack }
    }

    fn begin(&self) -> Number {
        let mut state = self.state();
        state.last += 1;
        let number = Number { opened: state.decisions.opened(), n: state.last };
        state.running.insert(number);
        number
    }

    fn gid(&self, number: Number) -> String {
        format!("{}{}-{}", self.prefix, number.opened, number.n)
    }

    /// Which of its own transactions a name is.
    fn number(&self, gid: &str) -> Option<Number> {
        let (opened, n) = gid.strip_prefix(&self.prefix)?.split_once('-')?;
        Some(Number { opened: opened.parse().ok()?, n: n.parse().ok()? })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a transaction has committed is not known (class 08 of the standard).
const UNKNOWN: SqlState = SqlState("08007");

fn unknown(gid: &str, error: &Error) -> Error {
    let message = format!("it is not known whether transaction \"{gid}\" commits: {error}");
    Error::new(UNKNOWN, message).with_hint("open the coordinator again and let it recover")
}

/// Tells all that nothing was decided. Who does not hear it is told when recovering.
fn roll_back(gid: &str, participants: &mut [&mut dyn Participant]) {
    for participant in participants {
        let _ = participant.roll_back(gid);
    }
}
