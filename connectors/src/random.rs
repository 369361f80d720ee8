//! Reproducible randomness: a number for each (seed, row, purpose), computed and not drawn.
//!
//! Nothing is remembered from row to row, so any row can be made alone, a column that nobody wants
//! costs nothing, and leaving it out changes no other.
//! Invariant: the same on every machine: integers only.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The random numbers of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dice(u64);

impl Dice {
    #[inline]
    pub(crate) fn new(seed: u64, row: u64) -> Self {
        Self(scramble(scramble(seed ^ GOLDEN).wrapping_add(row.wrapping_mul(GOLDEN))))
    }

    /// The number for this purpose.
    #[inline]
    pub(crate) fn roll(self, purpose: u64) -> u64 {
        scramble(self.0 ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// The number for this purpose, below `n`.
    #[inline]
    pub(crate) fn below(self, purpose: u64, n: u64) -> u64 {
        below(self.roll(purpose), n)
    }

    /// Other dice for a part of the row that needs many numbers.
    #[inline]
    pub(crate) fn part(self, purpose: u64) -> Self {
        Self(self.roll(purpose))
    }
}

/// Maps a random number to one below `n`.
#[inline]
pub(crate) fn below(random: u64, n: u64) -> u64 {
    ((u128::from(random) * u128::from(n)) >> 64) as u64
}

/// Every bit of the result depends on every bit of `x`: the finalizer known as splitmix64.
#[inline]
fn scramble(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Appends `n` letters of an alphabet of at most 256.
#[inline]
pub(crate) fn push_letters(out: &mut Vec<u8>, dice: Dice, n: usize, alphabet: &[u8]) {
    let size = alphabet.len() as u32;
    for block in 0..n.div_ceil(8) {
        let letters = dice
            .roll(block as u64)
            .to_le_bytes()
            .map(|byte| alphabet[((u32::from(byte) * size) >> 8) as usize]);
        out.extend_from_slice(&letters[..(n - block * 8).min(8)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly() {
        let mut counts = [0; 10];
        for row in 0..10_000 {
            counts[Dice::new(7, row).below(3, 10) as usize] += 1;
        }
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
        assert_ne!(Dice::new(7, 1).roll(0), Dice::new(8, 1).roll(0));
        assert_ne!(Dice::new(0, 0).roll(0), Dice::new(0, 0).roll(1));
    }

    #[test]
    fn letters_have_the_length_asked_for() {
        for n in [0, 1, 8, 9, 30] {
            let mut out = Vec::new();
            push_letters(&mut out, Dice::new(1, 2), n, b"abc");
            assert_eq!(out.len(), n);
            assert!(out.iter().all(|b| b"abc".contains(b)));
        }
    }
}
