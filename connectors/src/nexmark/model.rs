//! The auction house: which event is what, and who takes part in it.
//!
//! Events are numbered. Of every fifty the first is a person, the next three are auctions, the rest
//! bids, so the number alone says what exists by then. Some take part more than others: half of all
//! bids go to the newest hundredth auction, three quarters of bids and auctions come from the
//! newest hundredth person.
//! Invariant: whoever and whatever an event refers to has a lower number (or is the event's own
//! kind's first).

use crate::random::Dice;

/// Events in one round: a person, auctions, bids.
const ROUND: u64 = 50;
const AUCTIONS: u64 = 3;
/// First id of people and auctions.
const FIRST_ID: u64 = 1000;
const FIRST_CATEGORY: u64 = 10;
const CATEGORIES: u64 = 5;
/// Every so many-th person or auction is a hot one.
const HOT_EVERY: u64 = 100;
/// People who are active and auctions that are open at one time.
const ACTIVE_PEOPLE: u64 = 1000;
const OPEN_AUCTIONS: u64 = 100;
/// 10^(i/16), times 1,000: prices spread evenly over orders of magnitude, without floating point.
const MAGNITUDE: [u64; 17] = [
    1000, 1155, 1334, 1540, 1778, 2054, 2371, 2738, 3162, 3652, 4217, 4870, 5623, 6494, 7499, 8660,
    10000,
];

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Person,
    Auction,
    Bid,
}

/// What the random numbers of an event are for.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(super) enum Purpose {
    HotPerson,
    Person,
    HotAuction,
    Auction,
    Price,
    Reserve,
    Length,
    Category,
    Name,
    Email,
    Card,
    City,
    ItemName,
    Description,
    Channel,
    Url,
    Extra,
}

/// The arithmetic of one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    pub(super) seed: u64,
    pub(super) events_per_second: u64,
    /// Time of event 0.
    pub(super) start: i64,
}

impl Kind {
    #[inline]
    pub(super) fn of(event: u64) -> Self {
        match event % ROUND {
            0 => Self::Person,
            n if n <= AUCTIONS => Self::Auction,
            _ => Self::Bid,
        }
    }
}

impl Model {
    #[inline]
    pub(super) fn dice(&self, event: u64) -> Dice {
        Dice::new(self.seed, event)
    }

    #[inline]
    pub(super) fn time(&self, event: u64) -> i64 {
        let (seconds, rest) = (event / self.events_per_second, event % self.events_per_second);
        let micros = u128::from(rest) * 1_000_000 / u128::from(self.events_per_second);
        let offset = seconds.saturating_mul(1_000_000).saturating_add(micros as u64);
        self.start.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX))
    }

    /// Id of the person or auction that the event is.
    #[inline]
    pub(super) fn own_id(&self, event: u64) -> i64 {
        let (round, nth) = (event / ROUND, event % ROUND);
        id(match nth {
            0 => round,
            nth => round * AUCTIONS + nth - 1,
        })
    }

    /// Who opens the auction: the hundredth newest person mostly.
    #[inline]
    pub(super) fn seller(&self, event: u64) -> i64 {
        self.person(event, 0)
    }

    /// Who bids. Busy bidders are not the busy sellers.
    #[inline]
    pub(super) fn bidder(&self, event: u64) -> i64 {
        self.person(event, 1)
    }

    #[inline]
    fn person(&self, event: u64, next_to_hot: u64) -> i64 {
        let (dice, newest) = (self.dice(event), event / ROUND);
        if dice.below(Purpose::HotPerson as u64, 4) > 0 {
            let hot = newest / HOT_EVERY * HOT_EVERY + next_to_hot;
            return id(hot.min(newest));
        }
        id(newest - dice.below(Purpose::Person as u64, ACTIVE_PEOPLE.min(newest + 1)))
    }

    /// What is bid on.
    #[inline]
    pub(super) fn auction(&self, event: u64) -> i64 {
        let dice = self.dice(event);
        let newest = event / ROUND * AUCTIONS + AUCTIONS - 1;
        if dice.below(Purpose::HotAuction as u64, 2) > 0 {
            return id(newest / HOT_EVERY * HOT_EVERY);
        }
        id(newest - dice.below(Purpose::Auction as u64, OPEN_AUCTIONS.min(newest + 1)))
    }

    /// A price between 100 and 100,000,000.
    #[inline]
    pub(super) fn price(&self, event: u64) -> i64 {
        price(self.dice(event).roll(Purpose::Price as u64))
    }

    /// The price below which an auction sells nothing.
    #[inline]
    pub(super) fn reserve(&self, event: u64) -> i64 {
        self.price(event) + price(self.dice(event).roll(Purpose::Reserve as u64))
    }

    /// When the auction closes: about when so many new ones have come as are open at a time.
    #[inline]
    pub(super) fn expires(&self, event: u64) -> i64 {
        let horizon = self.time(event + OPEN_AUCTIONS * ROUND / AUCTIONS) - self.time(event);
        let longest = u64::try_from(horizon).unwrap_or(0).saturating_mul(2).max(1000);
        let length = 1000 + self.dice(event).below(Purpose::Length as u64, longest);
        self.time(event).saturating_add(i64::try_from(length).unwrap_or(i64::MAX))
    }

    #[inline]
    pub(super) fn category(&self, event: u64) -> i64 {
        (FIRST_CATEGORY + self.dice(event).below(Purpose::Category as u64, CATEGORIES)) as i64
    }
}

#[inline]
fn id(number: u64) -> i64 {
    (FIRST_ID + number) as i64
}

/// 100 times ten to the power of a random number between 0 and 6.
#[inline]
fn price(random: u64) -> i64 {
    let decade = crate::random::below(random, 6);
    let step = (random & 15) as usize;
    let within = (random >> 4) & 0xffff;
    let (low, high) = (MAGNITUDE[step], MAGNITUDE[step + 1]);
    let magnitude = low * 1000 + (((high - low) * 1000 * within) >> 16);
    (magnitude * 10u64.pow(decade as u32) / 10_000) as i64
}
