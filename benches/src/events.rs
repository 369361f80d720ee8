//! Nexmark's events in memory, twice: as the engine's batches and as plain vectors for loops by
//! hand.
//!
//! Both hold the same rows in the same order. The order between sources is kept in `tags`: the
//! loops by hand walk it as one stream, as the events would arrive. Times are whole milliseconds,
//! as Nexmark's are.
//! Invariant: commit `i` of every source covers the same `EVENTS_PER_COMMIT` events.

use std::sync::{Arc, Mutex};

use arena_tr::{Batch, Column, Database, Options, Result};
use arena_tr_storage::column::{Buffer, Fixed};

use crate::queries;

/// Events of all kinds in one commit.
pub const EVENTS_PER_COMMIT: usize = 10_000;
/// Events of a group in which the order is shuffled.
const GROUP: usize = 64;
/// Microseconds between events.
const MICROS_PER_EVENT: i64 = 100;
/// Columns of times of each source, which is how a row's place among the sources is found.
const TIMES: [&[usize]; 3] = [&[6], &[5, 6], &[5]];

/// Strings one after the other, and where each is.
#[derive(Debug, Default)]
pub struct Text {
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
}

/// Everybody who signs up.
#[derive(Debug, Default)]
pub struct Persons {
    /// Key.
    pub id: Vec<i64>,
    /// Event time, microseconds.
    pub time: Vec<i64>,
    /// Name.
    pub name: Text,
    /// City.
    pub city: Text,
    /// State of the United States, two letters.
    pub state: Text,
}

/// Everything that is put up.
#[derive(Debug, Default)]
pub struct Auctions {
    /// Key.
    pub id: Vec<i64>,
    /// Price at which bidding starts.
    pub initial: Vec<i64>,
    /// Price below which nothing is sold.
    pub reserve: Vec<i64>,
    /// Event time, microseconds.
    pub time: Vec<i64>,
    /// When bidding ends, microseconds.
    pub expires: Vec<i64>,
    /// Who sells.
    pub seller: Vec<i64>,
    /// Category.
    pub category: Vec<i64>,
    /// What it is.
    pub item: Text,
    /// More about it.
    pub description: Text,
    /// Filling.
    pub extra: Text,
}

/// Every bid.
#[derive(Debug, Default)]
pub struct Bids {
    /// For what.
    pub auction: Vec<i64>,
    /// By whom.
    pub bidder: Vec<i64>,
    /// How much.
    pub price: Vec<i64>,
    /// Event time, microseconds.
    pub time: Vec<i64>,
    /// Where the bidder comes from.
    pub channel: Text,
    /// Page.
    pub url: Text,
    /// Filling.
    pub extra: Text,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// The next of the persons.
    Person,
    /// The next of the auctions.
    Auction,
    /// The next of the bids.
    Bid,
}

/// The events.
#[derive(Debug, Default)]
pub struct Events {
    /// Batches of each source, one per commit: persons, auctions, bids.
    pub batches: [Vec<Batch>; 3],
    /// Persons as vectors.
    pub persons: Persons,
    /// Auctions as vectors.
    pub auctions: Auctions,
    /// Bids as vectors.
    pub bids: Bids,
    /// The order of arrival.
    pub tags: Vec<Tag>,
}

impl Text {
    /// String number `i`.
    #[inline]
    pub fn get(&self, i: usize) -> &[u8] {
        let (start, len) = self.spans[i];
        &self.bytes[start as usize..start as usize + len as usize]
    }

    fn extend(&mut self, column: &Column) {
        let strings = column.as_str().expect("a column of text");
        for i in 0..strings.len() {
            let bytes = strings.get(i);
            let start = u32::try_from(self.bytes.len()).expect("less than 4 GiB of one column");
            self.bytes.extend_from_slice(bytes);
            self.spans.push((start, bytes.len() as u32));
        }
    }
}

fn extend(to: &mut Vec<i64>, column: &Column) {
    to.extend_from_slice(&column.as_i64().expect("a column of 64-bit integers").values);
}

impl Events {
    /// The first `n` events of the built-in generator, in commits of [`EVENTS_PER_COMMIT`].
    ///
    /// # Errors
    /// When the generator cannot be set up.
    pub fn generate(n: usize) -> Result<Self> {
        let options = Options { source_batch_rows: EVENTS_PER_COMMIT, ..Options::default() };
        let db = Database::with_options(options);
        arena_tr_connectors::register_all(&db);
        let mut session = db.session();
        session.execute(&queries::sources(&format!("'nexmark', events = {n}, seed = 7")))?;
        let commit: Arc<Mutex<[Option<Batch>; 3]>> = Arc::default();
        for (i, name) in queries::SOURCES.iter().enumerate() {
            let commit = Arc::clone(&commit);
            session.subscribe_with(&format!("SELECT * FROM {name}"), &[], move |changes| {
                let batch = Batch::concat(&changes.delta).expect("a change has rows");
                commit.lock().expect("nobody panics with it")[i] = Some(batch);
            })?;
        }
        let mut events = Self::default();
        loop {
            let round = db.run_sources_once()?;
            if round.rows > 0 {
                let commit = std::mem::take(&mut *commit.lock().expect("nobody panics with it"));
                events.add(commit);
            }
            if round.bounded_left == 0 {
                break;
            }
        }
        events.interleave();
        events.round_times();
        Ok(events)
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    fn add(&mut self, commit: [Option<Batch>; 3]) {
        let [persons, auctions, bids] = commit.map(|b| b.expect("each kind is in each commit"));
        let c = &persons.columns;
        let to = &mut self.persons;
        extend(&mut to.id, &c[0]);
        to.name.extend(&c[1]);
        to.city.extend(&c[4]);
        to.state.extend(&c[5]);
        extend(&mut to.time, &c[6]);
        let c = &auctions.columns;
        let to = &mut self.auctions;
        extend(&mut to.id, &c[0]);
        to.item.extend(&c[1]);
        to.description.extend(&c[2]);
        extend(&mut to.initial, &c[3]);
        extend(&mut to.reserve, &c[4]);
        extend(&mut to.time, &c[5]);
        extend(&mut to.expires, &c[6]);
        extend(&mut to.seller, &c[7]);
        extend(&mut to.category, &c[8]);
        to.extra.extend(&c[9]);
        let c = &bids.columns;
        let to = &mut self.bids;
        extend(&mut to.auction, &c[0]);
        extend(&mut to.bidder, &c[1]);
        extend(&mut to.price, &c[2]);
        to.channel.extend(&c[3]);
        to.url.extend(&c[4]);
        extend(&mut to.time, &c[5]);
        to.extra.extend(&c[6]);
        for (source, batch) in self.batches.iter_mut().zip([persons, auctions, bids]) {
            source.push(batch);
        }
    }

    /// Finds the order of arrival: events of one group of the generator are near each other, and
    /// shuffled.
    fn interleave(&mut self) {
        let first = self.persons.time.iter().chain(&self.bids.time).copied().min().unwrap_or(0);
        let group = |time: i64| ((time - first) / MICROS_PER_EVENT) as usize / GROUP;
        let n = self.persons.id.len() + self.auctions.id.len() + self.bids.auction.len();
        let mut tags: Vec<Vec<Tag>> = vec![Vec::with_capacity(GROUP); n / GROUP + 1];
        let kinds = [
            (Tag::Person, &self.persons.time),
            (Tag::Auction, &self.auctions.time),
            (Tag::Bid, &self.bids.time),
        ];
        for (tag, times) in kinds {
            times.iter().for_each(|time| tags[group(*time)].push(tag));
        }
        let mut dice = 1u64;
        for group in &mut tags {
            for i in (1..group.len()).rev() {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                group.swap(i, (dice >> 33) as usize % (i + 1));
            }
        }
        self.tags = tags.concat();
    }

    /// Cuts times to milliseconds.
    fn round_times(&mut self) {
        let vectors = [
            &mut self.persons.time,
            &mut self.auctions.time,
            &mut self.auctions.expires,
            &mut self.bids.time,
        ];
        vectors.into_iter().flatten().for_each(|time| *time = whole_millis(*time));
        for (source, columns) in self.batches.iter_mut().zip(TIMES) {
            for batch in source {
                for &i in columns {
                    let times = batch.columns[i].as_i64().expect("a column of times");
                    let cut: Vec<i64> = times.values.iter().map(|t| whole_millis(*t)).collect();
                    batch.columns[i] = Column::I64(Fixed::new(Buffer::from_slice(&cut)));
                }
            }
        }
    }
}

fn whole_millis(micros: i64) -> i64 {
    micros - micros.rem_euclid(1_000)
}
