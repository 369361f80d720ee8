//! Windows of event time: they close when the watermark passes their end, and their state goes
//! then.
//!
//! Invariant: a closed window's rows have been written; nothing of it is left.

use std::collections::VecDeque;

use super::{LAG, Map, Out, SECOND, Set};
use crate::events::{Events, Tag};

const SLIDE: i64 = 2 * SECOND;
const WINDOW: i64 = 10 * SECOND;
const SLICES: i64 = WINDOW / SLIDE;

/// Counts a key. Most were seen before: they are looked for first.
#[inline(always)]
fn add(counts: &mut Map<i64, u32>, key: i64) {
    match counts.get_mut(&key) {
        Some(n) => *n += 1,
        None => _ = counts.insert(key, 1),
    }
}

/// Counts of each slice of two seconds; five slices are a window.
#[derive(Default)]
struct Slices {
    open: VecDeque<(i64, Map<i64, u32>)>,
    free: Vec<Map<i64, u32>>,
    total: Map<i64, u32>,
}

impl Slices {
    #[inline(always)]
    fn count(&mut self, slice: i64, key: i64) {
        let at = self.open.iter().rposition(|s| s.0 == slice).unwrap_or_else(|| {
            self.open.push_back((slice, self.free.pop().unwrap_or_default()));
            self.open.len() - 1
        });
        add(&mut self.open[at].1, key);
    }

    /// Writes the most frequent keys of the window that ends with this slice, and forgets what no
    /// later one needs.
    fn close(&mut self, end: i64, out: &mut Out) {
        self.total.clear();
        for (_, counts) in self.open.iter().filter(|s| s.0 >= end - SLICES && s.0 < end) {
            for (key, n) in counts {
                *self.total.entry(*key).or_insert(0) += n;
            }
        }
        let top = self.total.values().copied().max().unwrap_or(0);
        for (key, n) in self.total.iter().filter(|(_, n)| **n == top) {
            out.int(*key);
            out.int(i64::from(*n));
            out.int(end);
            out.end();
        }
        while self.open.front().is_some_and(|s| s.0 <= end - SLICES) {
            let (_, mut counts) = self.open.pop_front().expect("there is a front");
            counts.clear();
            self.free.push(counts);
        }
    }
}

pub(super) fn q5(events: &Events) -> u64 {
    let b = &events.bids;
    let mut slices = Slices::default();
    let mut out = Out::new();
    let mut latest = i64::MIN;
    let mut end = b.time.first().map_or(0, |t| t / SLIDE) + 1;
    for k in 0..b.auction.len() {
        let time = b.time[k];
        slices.count(time / SLIDE, b.auction[k]);
        if time > latest {
            latest = time;
            while (latest - LAG) / SLIDE >= end {
                slices.close(end, &mut out);
                end += 1;
            }
        }
    }
    while !slices.open.is_empty() {
        slices.close(end, &mut out);
        end += 1;
    }
    out.rows
}

pub(super) fn q7(events: &Events) -> u64 {
    let b = &events.bids;
    // Number of the window, its highest price, the bids at that price.
    let mut open: Vec<(i64, i64, Vec<u32>)> = Vec::new();
    let mut out = Out::new();
    let mut latest = i64::MIN;
    let write = |bids: &[u32], out: &mut Out| {
        for &k in bids {
            let k = k as usize;
            out.int(b.auction[k]);
            out.int(b.price[k]);
            out.int(b.bidder[k]);
            out.int(b.time[k]);
            out.text(b.extra.get(k));
            out.end();
        }
    };
    for k in 0..b.auction.len() {
        let (time, price) = (b.time[k], b.price[k]);
        let window = time / WINDOW;
        match open.iter_mut().rev().find(|w| w.0 == window) {
            Some((_, top, bids)) if price > *top => {
                *top = price;
                bids.clear();
                bids.push(k as u32);
            }
            Some((_, top, bids)) if price == *top => bids.push(k as u32),
            Some(_) => {}
            None => open.push((window, price, vec![k as u32])),
        }
        if time > latest {
            latest = time;
            while (open[0].0 + 1) * WINDOW <= latest - LAG {
                let (.., bids) = open.remove(0);
                write(&bids, &mut out);
            }
        }
    }
    open.iter().for_each(|(.., bids)| write(bids, &mut out));
    out.rows
}

pub(super) fn q8(events: &Events) -> u64 {
    let (p, a) = (&events.persons, &events.auctions);
    let mut people: Map<(i64, i64), u32> = Map::default();
    let mut sellers: Set<(i64, i64)> = Set::default();
    let (mut person, mut auction, mut closed) = (0, 0, 0);
    let mut out = Out::new();
    let row = |out: &mut Out, k: usize, window: i64| {
        out.int(p.id[k]);
        out.text(p.name.get(k));
        out.int(window);
        out.end();
    };
    for &tag in &events.tags {
        let time = match tag {
            Tag::Person => {
                let k = person;
                person += 1;
                let key = (p.id[k], p.time[k] / WINDOW);
                if people.insert(key, k as u32).is_none() && sellers.contains(&key) {
                    row(&mut out, k, key.1);
                }
                p.time[k]
            }
            Tag::Auction => {
                let k = auction;
                auction += 1;
                let key = (a.seller[k], a.time[k] / WINDOW);
                if sellers.insert(key)
                    && let Some(&k) = people.get(&key)
                {
                    row(&mut out, k as usize, key.1);
                }
                a.time[k]
            }
            Tag::Bid => continue,
        };
        let window = (time - LAG) / WINDOW;
        if window > closed {
            closed = window;
            people.retain(|key, _| key.1 >= window);
            sellers.retain(|key| key.1 >= window);
        }
    }
    out.rows
}

/// A sitting: first and last bid, and how many.
#[derive(Clone, Copy)]
struct Sitting {
    first: i64,
    last: i64,
    bids: u32,
}

/// Gives up on rows so late that they would join two sittings: there is none in order within the
/// gap.
pub(super) fn q11(events: &Events) -> u64 {
    let b = &events.bids;
    let mut open: Map<i64, Sitting> = Map::default();
    let mut out = Out::new();
    let write = |out: &mut Out, bidder: i64, s: &Sitting| {
        out.int(bidder);
        out.int(i64::from(s.bids));
        out.int(s.first);
        out.int(s.last + WINDOW);
        out.end();
    };
    let mut sweep = b.time.first().map_or(0, |t| t + WINDOW);
    for k in 0..b.auction.len() {
        let (time, bidder) = (b.time[k], b.bidder[k]);
        let fresh = Sitting { first: time, last: time, bids: 0 };
        let sitting = open.entry(bidder).or_insert(fresh);
        if time - sitting.last > WINDOW {
            write(&mut out, bidder, sitting);
            *sitting = Sitting { bids: 1, ..fresh };
        } else {
            sitting.bids += 1;
            sitting.last = sitting.last.max(time);
            sitting.first = sitting.first.min(time);
        }
        let watermark = time - LAG;
        if watermark > sweep {
            open.retain(|bidder, s| {
                let stays = s.last + WINDOW >= watermark;
                if !stays {
                    write(&mut out, *bidder, s);
                }
                stays
            });
            sweep = watermark + SLIDE;
        }
    }
    open.iter().for_each(|(bidder, s)| write(&mut out, *bidder, s));
    out.rows
}

pub(super) fn q12(events: &Events) -> u64 {
    let b = &events.bids;
    let mut open: Vec<(i64, Map<i64, u32>)> = Vec::new();
    let mut free: Vec<Map<i64, u32>> = Vec::new();
    let mut out = Out::new();
    let mut latest = i64::MIN;
    let write = |out: &mut Out, window: i64, counts: &Map<i64, u32>| {
        for (bidder, n) in counts {
            out.int(*bidder);
            out.int(i64::from(*n));
            out.int(window);
            out.end();
        }
    };
    for k in 0..b.auction.len() {
        let time = b.time[k];
        let window = time / WINDOW;
        let at = open.iter().rposition(|w| w.0 == window).unwrap_or_else(|| {
            open.push((window, free.pop().unwrap_or_default()));
            open.len() - 1
        });
        add(&mut open[at].1, b.bidder[k]);
        if time > latest {
            latest = time;
            while (open[0].0 + 1) * WINDOW <= latest - LAG {
                let (window, mut counts) = open.remove(0);
                write(&mut out, window, &counts);
                counts.clear();
                free.push(counts);
            }
        }
    }
    open.iter().for_each(|(window, counts)| write(&mut out, *window, counts));
    out.rows
}
