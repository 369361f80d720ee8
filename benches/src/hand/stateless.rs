//! Queries that remember nothing.
//!
//! Invariant: every row is looked at once, in order.

use std::hint::black_box;

use super::{Out, bid_row};
use crate::events::Events;

pub(super) fn q0(events: &Events) -> u64 {
    let b = &events.bids;
    let mut out = Out::new();
    for k in 0..b.auction.len() {
        bid_row(events, &mut out, k);
        out.end();
    }
    out.rows
}

/// The price in binary floating point; the engine computes it in exact decimals.
pub(super) fn q1(events: &Events) -> u64 {
    let b = &events.bids;
    let mut out = Out::new();
    for k in 0..b.auction.len() {
        out.int(b.auction[k]);
        out.int(b.bidder[k]);
        out.int((b.price[k] as f64 * 0.908).to_bits() as i64);
        out.int(b.time[k]);
        out.text(b.extra.get(k));
        out.end();
    }
    out.rows
}

pub(super) fn q2(events: &Events) -> u64 {
    const CHUNK: usize = 4096;
    let b = &events.bids;
    let (mut auctions, mut prices) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    let mut rows = 0;
    for (auction, price) in b.auction.chunks(CHUNK).zip(b.price.chunks(CHUNK)) {
        auctions.clear();
        prices.clear();
        for k in 0..auction.len() {
            if (auction[k] as u64).is_multiple_of(123) {
                auctions.push(auction[k]);
                prices.push(price[k]);
            }
        }
        black_box((&auctions, &prices));
        rows += auctions.len() as u64;
    }
    rows
}
