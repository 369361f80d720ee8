//! Nexmark's queries as an expert would write them by hand: one thread, plain loops over vectors,
//! hash maps.
//!
//! They keep a stream's rules: rows in the order of arrival, joins that take either side first, a
//! watermark four seconds behind the latest event, windows whose state goes when they close. A row
//! of the result is written, strings included, to a buffer of 64 KiB that the compiler cannot see
//! through. What a general engine also does (commits, retractions, NULLs, overflow checks) they
//! leave out: they are the bar, not a rival.
//! Invariant: a loop gives as many rows as the query's result has in the end, unless its doc says
//! otherwise.

mod group;
mod join;
mod stateless;
mod window;

use std::hint::black_box;

use foldhash::fast::FixedState;

use crate::events::Events;

type Map<K, V> = hashbrown::HashMap<K, V, FixedState>;
type Set<K> = hashbrown::HashSet<K, FixedState>;

/// How far the watermark is behind the latest event, in microseconds.
const LAG: i64 = 4_000_000;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
const DAY: i64 = 86_400 * SECOND;

/// Takes rows: bytes into a buffer that is thrown away when it is full.
#[derive(Default)]
struct Out {
    buffer: Vec<u8>,
    rows: u64,
}

impl Out {
    fn new() -> Self {
        Self { buffer: Vec::with_capacity(80 << 10), rows: 0 }
    }

    #[inline(always)]
    fn int(&mut self, value: i64) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    #[inline(always)]
    fn text(&mut self, value: &[u8]) {
        self.buffer.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(value);
    }

    #[inline(always)]
    fn end(&mut self) {
        self.rows += 1;
        if self.buffer.len() > 64 << 10 {
            black_box(&self.buffer);
            self.buffer.clear();
        }
    }
}

/// Writes the columns of a bid that every result with whole bids has.
#[inline(always)]
fn bid_row(events: &Events, out: &mut Out, k: usize) {
    let b = &events.bids;
    out.int(b.auction[k]);
    out.int(b.bidder[k]);
    out.int(b.price[k]);
    out.int(b.time[k]);
    out.text(b.extra.get(k));
}

/// Writes the two columns of a bid that only some results have.
#[inline(always)]
fn bid_origin(events: &Events, out: &mut Out, k: usize) {
    out.text(events.bids.channel.get(k));
    out.text(events.bids.url.get(k));
}

/// The loop for a query; gives the rows of its result.
pub fn by_name(query: &str) -> Option<fn(&Events) -> u64> {
    Some(match query {
        "q0" => stateless::q0,
        "q1" => stateless::q1,
        "q2" => stateless::q2,
        "q3" => join::q3,
        "q4" => join::q4,
        "q5" => window::q5,
        "q7" => window::q7,
        "q8" => window::q8,
        "q9" => join::q9,
        "q11" => window::q11,
        "q12" => window::q12,
        "q15" => group::q15,
        "q16" => group::q16,
        "q17" => group::q17,
        "q18" => group::q18,
        "q19" => group::q19,
        "q20" => join::q20,
        _ => return None,
    })
}
