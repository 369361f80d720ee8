//! Joins: either side may come first.
//!
//! Invariant: a pair of rows is found once, when the later of the two arrives.

use std::hint::black_box;

use super::{Map, Out, bid_origin, bid_row};
use crate::events::{Events, Tag};

/// Where the walk through the stream is in each source.
#[derive(Default)]
struct At {
    person: usize,
    auction: usize,
    bid: usize,
}

fn next(i: &mut usize) -> usize {
    let k = *i;
    *i += 1;
    k
}

pub(super) fn q3(events: &Events) -> u64 {
    let (p, a) = (&events.persons, &events.auctions);
    let mut people: Map<i64, u32> = Map::default();
    let mut auctions: Map<i64, Vec<i64>> = Map::default();
    let (mut at, mut out) = (At::default(), Out::new());
    let row = |out: &mut Out, k: usize, id: i64| {
        out.text(p.name.get(k));
        out.text(p.city.get(k));
        out.text(p.state.get(k));
        out.int(id);
        out.end();
    };
    for &tag in &events.tags {
        match tag {
            Tag::Person => {
                let k = next(&mut at.person);
                if matches!(p.state.get(k), b"or" | b"id" | b"ca") {
                    people.insert(p.id[k], k as u32);
                    if let Some(ids) = auctions.get(&p.id[k]) {
                        ids.iter().for_each(|id| row(&mut out, k, *id));
                    }
                }
            }
            Tag::Auction => {
                let k = next(&mut at.auction);
                if a.category[k] == 10 {
                    auctions.entry(a.seller[k]).or_default().push(a.id[k]);
                    if let Some(&person) = people.get(&a.seller[k]) {
                        row(&mut out, person as usize, a.id[k]);
                    }
                }
            }
            Tag::Bid => {}
        }
    }
    out.rows
}

/// An open auction and its highest bid.
struct Best {
    category: u8,
    opens: i64,
    closes: i64,
    price: i64,
}

/// Sums and counts of the best bids, by category.
struct Averages {
    sums: [i64; 32],
    counts: [i64; 32],
}

/// Takes a bid on an auction and tells the average of its category if that changes.
#[inline(always)]
fn raise(best: &mut Best, price: i64, time: i64, averages: &mut Averages, out: &mut Out) {
    if time >= best.opens && time <= best.closes && price > best.price {
        let c = usize::from(best.category);
        if best.price < 0 {
            averages.counts[c] += 1;
            averages.sums[c] += price;
        } else {
            averages.sums[c] += price - best.price;
        }
        best.price = price;
        out.int(c as i64);
        out.int(averages.sums[c] / averages.counts[c]);
        out.end();
    }
}

/// Gives the number of categories; on the way it writes every change of an average.
pub(super) fn q4(events: &Events) -> u64 {
    let (a, b) = (&events.auctions, &events.bids);
    let mut auctions: Map<i64, Best> = Map::default();
    let mut early: Map<i64, Vec<(i64, i64)>> = Map::default();
    let mut averages = Averages { sums: [0; 32], counts: [0; 32] };
    let (mut auction, mut bid) = (0, 0);
    let mut out = Out::new();
    for &tag in &events.tags {
        match tag {
            Tag::Person => {}
            Tag::Auction => {
                let k = next(&mut auction);
                let category = a.category[k] as u8;
                let mut best = Best { category, opens: a.time[k], closes: a.expires[k], price: -1 };
                if let Some(bids) = early.remove(&a.id[k]) {
                    for (price, time) in bids {
                        raise(&mut best, price, time, &mut averages, &mut out);
                    }
                }
                auctions.insert(a.id[k], best);
            }
            Tag::Bid => {
                let k = next(&mut bid);
                match auctions.get_mut(&b.auction[k]) {
                    Some(best) => raise(best, b.price[k], b.time[k], &mut averages, &mut out),
                    None => early.entry(b.auction[k]).or_default().push((b.price[k], b.time[k])),
                }
            }
        }
    }
    black_box(&averages.sums);
    averages.counts.iter().filter(|n| **n > 0).count() as u64
}

/// An auction and the row of its best bid.
struct Winner {
    auction: usize,
    price: i64,
    time: i64,
    bid: usize,
}

/// The winners are written at the end only.
pub(super) fn q9(events: &Events) -> u64 {
    let (a, b) = (&events.auctions, &events.bids);
    let mut auctions: Map<i64, Winner> = Map::default();
    let mut early: Map<i64, Vec<u32>> = Map::default();
    let mut at = At::default();
    let take = |winner: &mut Winner, k: usize| {
        let (price, time) = (b.price[k], b.time[k]);
        let open = time >= a.time[winner.auction] && time <= a.expires[winner.auction];
        if open && (price > winner.price || (price == winner.price && time < winner.time)) {
            *winner = Winner { price, time, bid: k, ..*winner };
        }
    };
    for &tag in &events.tags {
        match tag {
            Tag::Person => {}
            Tag::Auction => {
                let k = next(&mut at.auction);
                let mut winner = Winner { auction: k, price: -1, time: 0, bid: 0 };
                for bid in early.remove(&a.id[k]).unwrap_or_default() {
                    take(&mut winner, bid as usize);
                }
                auctions.insert(a.id[k], winner);
            }
            Tag::Bid => {
                let k = next(&mut at.bid);
                match auctions.get_mut(&b.auction[k]) {
                    Some(winner) => take(winner, k),
                    None => early.entry(b.auction[k]).or_default().push(k as u32),
                }
            }
        }
    }
    let mut out = Out::new();
    for winner in auctions.values().filter(|w| w.price >= 0) {
        auction_row(events, &mut out, winner.auction);
        bid_row(events, &mut out, winner.bid);
        out.end();
    }
    out.rows
}

/// Every bid is kept, as a general join must.
pub(super) fn q20(events: &Events) -> u64 {
    let (a, b) = (&events.auctions, &events.bids);
    let mut auctions: Map<i64, u32> = Map::default();
    let mut bids: Map<i64, Vec<u32>> = Map::default();
    let (mut at, mut out) = (At::default(), Out::new());
    let row = |out: &mut Out, bid: usize, auction: usize| {
        bid_row(events, out, bid);
        bid_origin(events, out, bid);
        auction_row(events, out, auction);
        out.end();
    };
    for &tag in &events.tags {
        match tag {
            Tag::Person => {}
            Tag::Auction => {
                let k = next(&mut at.auction);
                if a.category[k] == 10 {
                    auctions.insert(a.id[k], k as u32);
                    for &bid in bids.get(&a.id[k]).map_or(&[][..], Vec::as_slice) {
                        row(&mut out, bid as usize, k);
                    }
                }
            }
            Tag::Bid => {
                let k = next(&mut at.bid);
                if let Some(&auction) = auctions.get(&b.auction[k]) {
                    row(&mut out, k, auction as usize);
                }
                bids.entry(b.auction[k]).or_default().push(k as u32);
            }
        }
    }
    out.rows
}

#[inline(always)]
fn auction_row(events: &Events, out: &mut Out, k: usize) {
    let a = &events.auctions;
    out.int(a.id[k]);
    out.text(a.item.get(k));
    out.text(a.description.get(k));
    out.int(a.initial[k]);
    out.int(a.reserve[k]);
    out.int(a.time[k]);
    out.int(a.expires[k]);
    out.int(a.seller[k]);
    out.int(a.category[k]);
    out.text(a.extra.get(k));
}
