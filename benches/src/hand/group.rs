//! Groups that live for ever, and the best rows of each.
//!
//! Invariant: the state of a group is what its rows so far give.

use std::hash::Hash;
use std::hint::black_box;

use super::{DAY, Map, Out, SECOND, bid_origin, bid_row};
use crate::events::Events;

/// Bit 0 is set for every bid, bits 1 to 3 say in which of three ranges its price is.
#[inline(always)]
fn range(price: i64) -> usize {
    match price {
        ..10_000 => 1,
        10_000..1_000_000 => 2,
        _ => 3,
    }
}

/// Counts who was not seen yet, in all and in the range. Most were seen: they are looked for first.
#[inline(always)]
fn count_new<K: Eq + Hash>(all: &mut Map<K, u8>, key: K, range: usize, counts: &mut [u64; 4]) {
    let bits = 1u8 | 1 << range;
    match all.get_mut(&key) {
        Some(seen) => {
            let new = bits & !*seen;
            if new != 0 {
                counts[range] += 1;
                *seen |= bits;
            }
        }
        None => {
            counts[0] += 1;
            counts[range] += 1;
            all.insert(key, bits);
        }
    }
}

/// One day after the other in one row of counters, as the events are of one day; the row is written
/// at the end.
pub(super) fn q15(events: &Events) -> u64 {
    let b = &events.bids;
    let mut bidders: Map<(i64, i64), u8> = Map::default();
    let mut auctions: Map<(i64, i64), u8> = Map::default();
    let [mut bids, mut of_bidders, mut of_auctions] = [[0u64; 4]; 3];
    for k in 0..b.auction.len() {
        let (day, range) = (b.time[k] / DAY, range(b.price[k]));
        bids[0] += 1;
        bids[range] += 1;
        count_new(&mut bidders, (b.bidder[k], day), range, &mut of_bidders);
        count_new(&mut auctions, (b.auction[k], day), range, &mut of_auctions);
        black_box(&bids[0]);
    }
    black_box((&bids, &of_bidders, &of_auctions));
    1
}

/// The counters of one channel on one day.
#[derive(Default)]
struct Channel {
    bids: [u64; 4],
    bidders: [u64; 4],
    auctions: [u64; 4],
    minute: i64,
}

pub(super) fn q16(events: &Events) -> u64 {
    let b = &events.bids;
    let mut names: Map<&[u8], u32> = Map::default();
    let mut groups: Map<(u32, i64), Channel> = Map::default();
    let mut bidders: Map<(u32, i64), u8> = Map::default();
    let mut auctions: Map<(u32, i64), u8> = Map::default();
    for k in 0..b.auction.len() {
        let n = names.len() as u32;
        let channel = *names.entry(b.channel.get(k)).or_insert(n);
        let range = range(b.price[k]);
        let group = groups.entry((channel, b.time[k] / DAY)).or_default();
        group.bids[0] += 1;
        group.bids[range] += 1;
        group.minute = group.minute.max(b.time[k] / (60 * SECOND));
        count_new(&mut bidders, (channel, b.bidder[k]), range, &mut group.bidders);
        count_new(&mut auctions, (channel, b.auction[k]), range, &mut group.auctions);
    }
    black_box(&groups);
    groups.len() as u64
}

struct Figures {
    bids: [u64; 4],
    low: i64,
    high: i64,
    sum: i64,
}

pub(super) fn q17(events: &Events) -> u64 {
    let b = &events.bids;
    let mut groups: Map<(i64, i64), Figures> = Map::default();
    for k in 0..b.auction.len() {
        let price = b.price[k];
        let fresh = Figures { bids: [0; 4], low: i64::MAX, high: i64::MIN, sum: 0 };
        let f = groups.entry((b.auction[k], b.time[k] / DAY)).or_insert(fresh);
        f.bids[0] += 1;
        f.bids[range(price)] += 1;
        f.low = f.low.min(price);
        f.high = f.high.max(price);
        f.sum += price;
    }
    let mut out = Out::new();
    for ((auction, day), f) in &groups {
        out.int(*auction);
        out.int(*day);
        f.bids.iter().for_each(|n| out.int(*n as i64));
        out.int(f.low);
        out.int(f.high);
        out.int(f.sum);
        out.int(f.sum / f.bids[0] as i64);
        out.end();
    }
    out.rows
}

pub(super) fn q18(events: &Events) -> u64 {
    let b = &events.bids;
    let mut last: Map<(i64, i64), u32> = Map::default();
    for k in 0..b.auction.len() {
        let kept = last.entry((b.bidder[k], b.auction[k])).or_insert(k as u32);
        if b.time[k] >= b.time[*kept as usize] {
            *kept = k as u32;
        }
    }
    let mut out = Out::new();
    for &k in last.values() {
        bid_row(events, &mut out, k as usize);
        bid_origin(events, &mut out, k as usize);
        out.end();
    }
    out.rows
}

const BEST: usize = 10;

/// Prices and rows of the best bids, best first.
#[derive(Clone, Copy)]
struct Top {
    n: u8,
    bids: [(i64, u32); BEST],
}

pub(super) fn q19(events: &Events) -> u64 {
    let b = &events.bids;
    let mut groups: Map<i64, Top> = Map::default();
    for k in 0..b.auction.len() {
        let price = b.price[k];
        let top = groups.entry(b.auction[k]).or_insert(Top { n: 0, bids: [(0, 0); BEST] });
        let n = usize::from(top.n);
        if n == BEST && price <= top.bids[BEST - 1].0 {
            continue;
        }
        let mut i = n.min(BEST - 1);
        top.n = top.n.max(i as u8 + 1);
        while i > 0 && top.bids[i - 1].0 < price {
            top.bids[i] = top.bids[i - 1];
            i -= 1;
        }
        top.bids[i] = (price, k as u32);
    }
    let mut out = Out::new();
    for top in groups.values() {
        for (i, (_, k)) in top.bids[..usize::from(top.n)].iter().enumerate() {
            bid_row(events, &mut out, *k as usize);
            bid_origin(events, &mut out, *k as usize);
            out.int(i as i64 + 1);
            out.end();
        }
    }
    out.rows
}
