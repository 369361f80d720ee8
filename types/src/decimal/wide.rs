//! 256-bit intermediate results: a product of two mantissas, and its quotient by a third.
//!
//! Division at PostgreSQL's result scale needs `mantissa * 10^k` before it divides, which is wider
//! than 128 bits.
//! Invariant: nothing wider than 128 bits leaves this module; a quotient that does not fit is
//! `None`.

/// An unsigned 256-bit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide {
    hi: u128,
    lo: u128,
}

impl Wide {
    /// `a * b`.
    pub(super) fn product(a: u128, b: u128) -> Self {
        if let Some(lo) = a.checked_mul(b) {
            return Self { hi: 0, lo };
        }
        const HALF: u128 = u64::MAX as u128;
        let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
        let low = a0 * b0;
        let mid = a1 * b0 + (low >> 64);
        let cross = a0 * b1 + (mid & HALF);
        Self { hi: a1 * b1 + (mid >> 64) + (cross >> 64), lo: (cross << 64) | (low & HALF) }
    }

    /// Quotient and remainder by `divisor` (not zero) if the quotient fits 128 bits.
    pub(super) fn div_rem(self, divisor: u128) -> Option<(u128, u128)> {
        if self.hi == 0 {
            return Some((self.lo / divisor, self.lo % divisor));
        }
        if self.hi >= divisor {
            return None;
        }
        let (mut quotient, mut remainder) = (0u128, self.hi);
        for bit in (0..128).rev() {
            let carry = remainder >> 127;
            remainder = (remainder << 1) | ((self.lo >> bit) & 1);
            quotient <<= 1;
            // A carried-out bit means the true remainder exceeds every divisor; wrapping restores
            // it.
            if carry == 1 || remainder >= divisor {
                remainder = remainder.wrapping_sub(divisor);
                quotient |= 1;
            }
        }
        Some((quotient, remainder))
    }

    /// The remainder by `divisor` (not zero), whatever the size of the quotient.
    pub(super) fn rem(self, divisor: u128) -> u128 {
        let reduced = Self { hi: self.hi % divisor, lo: self.lo };
        reduced.div_rem(divisor).map_or(0, |(_, remainder)| remainder)
    }

    /// The largest `r` with `r * r <= self`, and whether the rest `self - r * r` exceeds `r` (so
    /// that rounding to nearest goes up).
    pub(super) fn sqrt(self) -> (u128, bool) {
        let mut root = 0u128;
        for bit in (0..128).rev() {
            let candidate = root | (1 << bit);
            if Self::product(candidate, candidate) <= self {
                root = candidate;
            }
        }
        // (root + 1/2)^2 = root^2 + root + 1/4: up exactly when the rest is greater than root.
        let square = Self::product(root, root);
        let rest_lo = self.lo.wrapping_sub(square.lo);
        let rest_hi = self.hi - square.hi - u128::from(self.lo < square.lo);
        (root, rest_hi > 0 || rest_lo > root)
    }
}
