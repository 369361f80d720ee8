//! The text of people, auctions and bids.
//!
//! Invariant: each function appends to a buffer that its caller reuses; none is called for a column
//! that nobody wants.

use super::model::{Model, Purpose};
use crate::random::{Dice, push_letters};

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz_";
const FIRST_NAMES: [&str; 11] = [
    "peter", "paul", "luke", "john", "saul", "vicky", "kate", "julie", "sarah", "deiter", "walter",
];
const LAST_NAMES: [&str; 9] =
    ["shultz", "abrams", "spencer", "white", "bartels", "walton", "smith", "jones", "noris"];
const CITIES: [(&str, &str); 10] = [
    ("phoenix", "az"),
    ("los angeles", "ca"),
    ("san francisco", "ca"),
    ("boise", "id"),
    ("portland", "or"),
    ("bend", "or"),
    ("redmond", "wa"),
    ("seattle", "wa"),
    ("kent", "wa"),
    ("cheyenne", "wy"),
];
const HOT_CHANNELS: [&str; 4] = ["apple", "google", "facebook", "baidu"];
const CHANNELS: u64 = 10_000;

fn one_of<'a>(dice: Dice, purpose: u64, words: &[&'a str]) -> &'a str {
    words[dice.below(purpose, words.len() as u64) as usize]
}

fn part(model: &Model, event: u64, purpose: Purpose) -> Dice {
    model.dice(event).part(purpose as u64)
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

pub(super) fn name(model: &Model, event: u64, out: &mut Vec<u8>) {
    let dice = part(model, event, Purpose::Name);
    out.extend_from_slice(one_of(dice, 0, &FIRST_NAMES).as_bytes());
    out.push(b' ');
    out.extend_from_slice(one_of(dice, 1, &LAST_NAMES).as_bytes());
}

pub(super) fn email(model: &Model, event: u64, out: &mut Vec<u8>) {
    let dice = part(model, event, Purpose::Email);
    push_letters(out, dice, 6, LETTERS);
    out.push(b'@');
    push_letters(out, dice.part(9), 4, LETTERS);
    out.extend_from_slice(b".com");
}

pub(super) fn credit_card(model: &Model, event: u64, out: &mut Vec<u8>) {
    let dice = part(model, event, Purpose::Card);
    for group in 0..4 {
        if group > 0 {
            out.push(b' ');
        }
        push_number(out, 1000 + dice.below(group, 9000));
    }
}

fn place(model: &Model, event: u64) -> (&'static str, &'static str) {
    let dice = model.dice(event);
    CITIES[dice.below(Purpose::City as u64, CITIES.len() as u64) as usize]
}

pub(super) fn city(model: &Model, event: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(place(model, event).0.as_bytes());
}

pub(super) fn state(model: &Model, event: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(place(model, event).1.as_bytes());
}

pub(super) fn item_name(model: &Model, event: u64, out: &mut Vec<u8>) {
    push_letters(out, part(model, event, Purpose::ItemName), 8, LETTERS);
}

pub(super) fn description(model: &Model, event: u64, out: &mut Vec<u8>) {
    push_letters(out, part(model, event, Purpose::Description), 16, LETTERS);
}

/// The channel a bid came through: every other time one of the four large ones.
fn channel_number(model: &Model, event: u64) -> Result<&'static str, u64> {
    let dice = part(model, event, Purpose::Channel);
    match dice.below(0, 2) {
        0 => Ok(one_of(dice, 1, &HOT_CHANNELS)),
        _ => Err(dice.below(2, CHANNELS)),
    }
}

pub(super) fn channel(model: &Model, event: u64, out: &mut Vec<u8>) {
    match channel_number(model, event) {
        Ok(hot) => out.extend_from_slice(hot.as_bytes()),
        Err(number) => {
            out.extend_from_slice(b"channel-");
            push_number(out, number);
        }
    }
}

/// The page of the item, three folders deep; most of the smaller channels put their id at the end.
pub(super) fn url(model: &Model, event: u64, out: &mut Vec<u8>) {
    let dice = part(model, event, Purpose::Url);
    out.extend_from_slice(b"https://www.nexmark.com/");
    for folder in 0..3 {
        let letters = dice.part(folder);
        push_letters(out, letters, 3 + letters.below(9, 2) as usize, LETTERS);
        out.push(b'/');
    }
    out.extend_from_slice(b"item.htm?query=1");
    if let Err(number) = channel_number(model, event) {
        let channel = Dice::new(model.seed, number);
        if channel.below(0, 10) > 0 {
            out.extend_from_slice(b"&channel_id=");
            push_number(out, channel.below(1, 1_000_000));
        }
    }
}

/// Padding that makes rows about as long as those of an auction house.
pub(super) fn extra(model: &Model, event: u64, least: u64, spread: u64, out: &mut Vec<u8>) {
    let dice = part(model, event, Purpose::Extra);
    let n = least + dice.below(u64::MAX, spread + 1);
    push_letters(out, dice, n as usize, LETTERS);
}
