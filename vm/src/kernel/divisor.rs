//! Division by a number that is the same for all rows: a multiplication instead of a division.
//!
//! The quotient of an unsigned 64-bit number by `d` is the upper half of its product with a 65-bit
//! reciprocal (T. Granlund, P. Montgomery: Division by Invariant Integers using Multiplication,
//! 1994, figure 4.1); signs are put back afterwards, as the quotient is cut towards zero.
//! Invariant: results are those of the machine's division, for every dividend.

/// A divisor other than 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Divisor {
    divisor: i64,
    /// Absolute value of the divisor.
    magnitude: u64,
    /// The reciprocal without its leading one.
    reciprocal: u64,
    shifts: (u32, u32),
}

impl Divisor {
    /// `None` for 0.
    pub(crate) fn new(divisor: i64) -> Option<Self> {
        let magnitude = divisor.unsigned_abs();
        if magnitude == 0 {
            return None;
        }
        let bits = u64::BITS - (magnitude - 1).leading_zeros();
        let excess = (1u128 << bits) - u128::from(magnitude);
        let reciprocal = ((excess << 64) / u128::from(magnitude) + 1) as u64;
        let shifts = (bits.min(1), bits.saturating_sub(1));
        Some(Self { divisor, magnitude, reciprocal, shifts })
    }

    #[inline(always)]
    fn quotient(self, n: u64) -> u64 {
        let high = ((u128::from(self.reciprocal) * u128::from(n)) >> 64) as u64;
        (high + ((n - high) >> self.shifts.0)) >> self.shifts.1
    }

    /// `n / divisor`, wrapping where that overflows.
    #[inline(always)]
    pub(crate) fn div(self, n: i64) -> i64 {
        let quotient = self.quotient(n.unsigned_abs()).cast_signed();
        let sign = (n ^ self.divisor) >> 63;
        (quotient ^ sign).wrapping_sub(sign)
    }

    /// `n % divisor`: the sign is the dividend's.
    #[inline(always)]
    pub(crate) fn rem(self, n: i64) -> i64 {
        let dividend = n.unsigned_abs();
        let rest = dividend - self.quotient(dividend) * self.magnitude;
        let sign = n >> 63;
        (rest.cast_signed() ^ sign).wrapping_sub(sign)
    }

    /// The remainder that is not negative.
    #[inline(always)]
    pub(crate) fn rem_euclid(self, n: i64) -> i64 {
        let rest = self.rem(n);
        if rest < 0 { rest.wrapping_add(self.magnitude.cast_signed()) } else { rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_machine_divides() {
        let mut numbers = vec![
            0,
            1,
            2,
            3,
            5,
            7,
            10,
            123,
            1 << 31,
            (1 << 32) - 1,
            1 << 62,
            i64::MAX,
            i64::MAX - 1,
        ];
        let mut dice = 1u64;
        for shift in 0..63 {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            numbers.push((dice >> 1 >> shift).cast_signed());
        }
        let negative: Vec<i64> = numbers.iter().map(|n| -n).collect();
        numbers.extend(negative);
        numbers.push(i64::MIN);
        for &d in &numbers {
            let Some(divisor) = Divisor::new(d) else {
                assert_eq!(d, 0);
                continue;
            };
            for &n in &numbers {
                assert_eq!(divisor.div(n), n.wrapping_div(d), "{n} / {d}");
                assert_eq!(divisor.rem(n), n.wrapping_rem(d), "{n} % {d}");
                assert_eq!(divisor.rem_euclid(n), n.wrapping_rem_euclid(d), "{n} mod {d}");
            }
        }
    }
}
