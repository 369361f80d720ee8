//! NUMERIC: exact decimals that keep their own scale, as PostgreSQL's do.
//!
//! Invariant: for a finite value `|mantissa| < 10^38`.

/// A NUMERIC value. 24 bytes, aligned to 8, no padding that is not zero, so it can live in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Decimal {
    lo: u64,
    hi: i64,
    scale: u32,
    class: u32,
}

/// What kind of number a [`Decimal`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An ordinary number.
    Finite,
    /// Not a number; equal to itself and greater than all others, as in PostgreSQL.
    NaN,
    /// Greater than every finite number.
    Infinity,
    /// Smaller than every finite number.
    NegInfinity,
}

impl Decimal {
    /// `mantissa * 10^-scale`.
    pub const fn new(mantissa: i128, scale: u32) -> Self {
        Self { lo: mantissa as u64, hi: (mantissa >> 64) as i64, scale, class: 0 }
    }

    /// The digits without the point.
    pub const fn mantissa(self) -> i128 {
        ((self.hi as i128) << 64) | self.lo as i128
    }

    /// Digits after the point.
    pub const fn scale(self) -> u32 {
        self.scale
    }
}
