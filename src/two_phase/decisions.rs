//! What a coordinator has decided and not everybody has heard, in a log of its own.
//!
//! Only decisions to commit are logged: of a transaction that nothing is known of, it is known that
//! it does not commit. A decision is forgotten when all have committed. When the log has grown by a
//! segment, and whenever it is opened, what is left is logged anew and the rest is let go.
//!
//! Invariant: a decision that was acknowledged is found again until it is forgotten; no number is
//! given away twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arena_tr_storage::codec::{self, Decode, Encode};
use arena_tr_storage::log::{Entry, Log, LogError, LogOptions, Lsn};

use crate::durable::Files;
use crate::durable::recover::{LOG, create, files};
use crate::error::{Error, Result};
use crate::options::Options;

/// Bytes of a segment of the log, at most.
const SEGMENT_BYTES: u64 = 256 << 10;

/// Which transaction: how often the coordinator had been opened, and which it was since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(super) struct Number {
    pub(super) opened: u64,
    pub(super) n: u64,
}

/// A record of the log.
#[derive(Debug, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
enum Record {
    /// Everything that is not forgotten, and how often the coordinator has been opened.
    All { opened: u64, open: Vec<(Number, Vec<String>)> },
    /// A transaction commits in all of these.
    Committed(Number, Vec<String>),
    /// All have committed.
    Forgotten(Number),
}

/// Decisions, and the log that they are in.
pub(super) struct Decisions {
    log: Arc<Log>,
    files: Files,
    state: State,
    /// Where the segment began that what is left was logged into last.
    compacted: Lsn,
}

/// What the log says.
#[derive(Default)]
struct State {
    opened: u64,
    /// Decisions with the participants that have to commit.
    open: BTreeMap<Number, Vec<String>>,
}

impl State {
    fn replay(&mut self, payload: &[u8]) -> Result<()> {
        match codec::decode(payload)? {
            Record::All { opened, open } => {
                (self.opened, self.open) = (opened, open.into_iter().collect());
            }
            Record::Committed(number, participants) => {
                self.open.insert(number, participants);
            }
            Record::Forgotten(number) => {
                self.open.remove(&number);
            }
        }
        Ok(())
    }
}

/// A decision that was not made.
pub(super) enum Undecided {
    /// Nothing of it is in the log.
    Not(Error),
    /// It may be found in the log when that is opened again.
    Maybe(Error),
}

impl Decisions {
    /// The decisions in a directory, which is made if it is not there.
    pub(super) fn open(dir: &Path, options: &Options) -> Result<Self> {
        let segment_bytes = options.log.segment_bytes.min(SEGMENT_BYTES);
        let options =
            Options { log: LogOptions { segment_bytes, ..options.log }, ..options.clone() };
        let (files, is_new) = files(Arc::clone(&options.disk), dir, &options)?;
        let (disk, log_dir) = (Arc::clone(&options.disk), dir.join(LOG));
        let seed = options.random.next_u64();
        let mut state = State::default();
        let log = if is_new {
            create(disk, &log_dir, &files, seed, &options)?
        } else {
            let (from, floor) = files.log_positions();
            let each = |entry: Entry| state.replay(&entry.payload);
            Log::open(disk, &log_dir, (from, floor, seed), options.log, each)?
        };
        state.opened += 1;
        let compacted = log.segment_start();
        let mut decisions = Self { log: Arc::new(log), files, state, compacted };
        decisions.compact()?;
        Ok(decisions)
    }

    /// What tells this coordinator from others.
    pub(super) fn identity(&self) -> u128 {
        self.files.database()
    }

    /// How often it has been opened.
    pub(super) fn opened(&self) -> u64 {
        self.state.opened
    }

    /// The decisions that are not forgotten.
    pub(super) fn open_ones(&self) -> &BTreeMap<Number, Vec<String>> {
        &self.state.open
    }

    /// Logs a decision; where the log has to be durable up to for it to count.
    pub(super) fn append(
        &mut self,
        number: Number,
        participants: Vec<String>,
    ) -> std::result::Result<(Arc<Log>, Lsn), Undecided> {
        let record = Record::Committed(number, participants.clone());
        let payload = encoded(&record).map_err(Undecided::Not)?;
        self.log.reserve(payload.len()).map_err(|e| Undecided::Not(e.into()))?;
        let lsn = self.log.append(0, &payload).map_err(|e| Undecided::Maybe(e.into()))?;
        self.state.open.insert(number, participants);
        Ok((Arc::clone(&self.log), lsn))
    }

    /// Forgets a decision: all have committed.
    ///
    /// # Errors
    /// When the disk refuses; it is not forgotten then.
    pub(super) fn forget(&mut self, number: Number) -> Result<()> {
        let payload = encoded(&Record::Forgotten(number))?;
        self.log.reserve(payload.len())?;
        self.log.append(0, &payload)?;
        self.state.open.remove(&number);
        if self.log.segment_start() > self.compacted { self.compact() } else { Ok(()) }
    }

    /// Logs anew what is left, and lets go what was before.
    fn compact(&mut self) -> Result<()> {
        let State { opened, open } = &self.state;
        let open = open.iter().map(|(number, names)| (*number, names.clone())).collect();
        let payload = encoded(&Record::All { opened: *opened, open })?;
        self.log.reserve(payload.len())?;
        let from = self.log.end();
        self.log.append(0, &payload)?;
        let durable = self.log.sync()?;
        self.files.keep_log_from(from, durable).map_err(LogError::from)?;
        self.log.release(from)?;
        self.compacted = self.log.segment_start();
        Ok(())
    }
}

fn encoded(record: &Record) -> Result<Vec<u8>> {
    let mut payload = Vec::new();
    codec::encode(record, &mut payload)?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use arena_tr_storage::disk::{Crash, Disk, FaultDisk, FaultPlan, MemDisk};
    use arena_tr_storage::log::LogIo;

    use super::*;

    const DIR: &str = "/decisions";

    fn options(disk: Arc<dyn Disk>) -> Options {
        let segment_bytes = LogOptions::MIN_SEGMENT_BYTES;
        let log = LogOptions { segment_bytes, io: LogIo::File, aligned: true };
        Options { disk, log, ..Options::default() }
    }

    fn open(disk: impl Disk + 'static) -> Result<Decisions> {
        Decisions::open(Path::new(DIR), &options(Arc::new(disk)))
    }

    fn number(n: u64) -> Number {
        Number { opened: 1, n }
    }

    /// Logs a decision and waits for it.
    fn decide(decisions: &mut Decisions, number: Number) -> Result<()> {
        match decisions.append(number, vec!["a".to_owned(), "b".to_owned()]) {
            Ok((log, lsn)) => Ok(log.wait(lsn)?),
            Err(Undecided::Not(error) | Undecided::Maybe(error)) => Err(error),
        }
    }

    #[test]
    fn what_is_forgotten_takes_no_room_and_the_rest_stays() {
        let disk = MemDisk::new();
        let mut decisions = open(disk.clone()).expect("room");
        for n in 0..300 {
            decide(&mut decisions, number(n)).expect("room");
            if n % 100 != 7 {
                decisions.forget(number(n)).expect("room");
            }
        }
        let left = [number(7), number(107), number(207)];
        assert!(decisions.open_ones().keys().eq(&left));
        let files = disk.list(&Path::new(DIR).join(LOG)).expect("a directory");
        let segments = files.iter().filter(|name| name.ends_with(".log")).count();
        assert!(segments <= 3, "{files:?}");
        let identity = decisions.identity();
        drop(decisions);
        for opened in 2..5 {
            let decisions = open(disk.clone()).expect("it opens");
            assert_eq!((decisions.opened(), decisions.identity()), (opened, identity));
            assert!(decisions.open_ones().keys().eq(&left));
        }
        let first = open(disk.clone()).expect("it opens");
        assert_eq!(open(disk).err().map(|e| e.state().0), Some("55006"), "open already");
        drop(first);
    }

    /// Decides and forgets up to the first error; which decisions have to be found.
    fn run(disk: &FaultDisk) -> (BTreeMap<u64, bool>, u64) {
        let mut known = BTreeMap::new();
        let Ok(mut decisions) = open(disk.clone()) else { return (known, 0) };
        let opened = decisions.opened();
        for n in 0..60 {
            if decide(&mut decisions, number(n)).is_err() {
                break;
            }
            known.insert(n, true);
            if n % 3 > 0 {
                known.insert(n, false);
                if decisions.forget(number(n)).is_err() {
                    break;
                }
            }
        }
        (known, opened)
    }

    #[test]
    fn a_decision_outlives_power_that_goes_at_any_operation() {
        let whole = FaultDisk::new(FaultPlan::default());
        assert_eq!(run(&whole).0.len(), 60);
        let mut states = 0;
        for at in 0..whole.ops() {
            let disk = FaultDisk::new(FaultPlan { crash_at: Some(at), ..FaultPlan::default() });
            let (known, opened) = run(&disk);
            for crash in [Crash::Nothing, Crash::Random, Crash::Torn] {
                let decisions = open(disk.after_crash_with(crash, at))
                    .unwrap_or_else(|e| panic!("operation {at}: {}", e.render()));
                assert!(
                    decisions.opened() > opened,
                    "operation {at}: a number is given away twice"
                );
                for (n, _) in known.iter().filter(|(_, is_open)| **is_open) {
                    let found = decisions.open_ones().contains_key(&number(*n));
                    assert!(found, "operation {at}, {crash:?}: decision {n} is lost");
                }
                states += 1;
            }
        }
        assert!(states > 300, "{states}");
    }
}
