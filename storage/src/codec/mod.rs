//! Values as bytes that outlive the process.
//!
//! Batches are laid out by hand ([`batch`]): they are the bulk of what is written, and their layout
//! is a list of plain columns. Small metadata (what a commit touches, what a manifest lists) is
//! encoded by `bincode`, whose last working release is pinned, with fixed-width integers; nobody
//! but this module knows it, so that it can be replaced here.
//!
//! Invariant: bytes are checked against a checksum before they are decoded, and decoding any bytes
//! whatever gives a value or an error: no panic, and no more memory than a small multiple of their
//! number.

pub mod batch;

use crate::error::StorageError;

/// For the derived code of types elsewhere, which names the crate.
#[doc(hidden)]
pub use bincode;
pub use bincode::{Decode, Encode};

/// Most bytes that one piece of metadata may have.
pub const MAX_META_BYTES: usize = 16 << 20;

/// How metadata is encoded.
fn config() -> impl bincode::config::Config {
    bincode::config::standard()
        .with_little_endian()
        .with_fixed_int_encoding()
        .with_limit::<MAX_META_BYTES>()
}

/// Appends a value's bytes.
///
/// # Errors
/// When there are more than [`MAX_META_BYTES`] of them.
pub fn encode<T: Encode>(value: &T, out: &mut Vec<u8>) -> Result<(), StorageError> {
    let bytes = bincode::encode_to_vec(value, config()).map_err(|_| too_long(out.len()))?;
    if bytes.len() > MAX_META_BYTES {
        return Err(too_long(out.len()));
    }
    out.extend_from_slice(&bytes);
    Ok(())
}

fn too_long(offset: usize) -> StorageError {
    StorageError::Corrupt { what: "metadata longer than its limit", offset }
}

/// The value at the front of these bytes, which must be all of them.
///
/// # Errors
/// When they do not encode one, or more follows.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, StorageError> {
    let corrupt = |offset| StorageError::Corrupt { what: "metadata", offset };
    match bincode::decode_from_slice(bytes, config()) {
        Ok((value, n)) if n == bytes.len() => Ok(value),
        Ok((_, n)) => Err(corrupt(n)),
        Err(_) => Err(corrupt(0)),
    }
}

/// Takes values off the front of bytes.
#[derive(Debug, Clone)]
pub struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    /// At the first of these bytes.
    pub fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.all.len() - self.at
    }

    /// The error that says what is wrong here.
    pub fn corrupt(&self, what: &'static str) -> StorageError {
        StorageError::Corrupt { what, offset: self.at }
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], StorageError> {
        if n > self.left() {
            return Err(self.corrupt("fewer bytes than their length says"));
        }
        let taken = &self.all[self.at..self.at + n];
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StorageError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// The next byte.
    ///
    /// # Errors
    /// When there is none.
    pub fn u8(&mut self) -> Result<u8, StorageError> {
        Ok(self.array::<1>()?[0])
    }

    /// The next two bytes as a number.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn u16(&mut self) -> Result<u16, StorageError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// The next four bytes as a number.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn u32(&mut self) -> Result<u32, StorageError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next eight bytes as a number.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn u64(&mut self) -> Result<u64, StorageError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// The next number, as [`put_number`] wrote it.
    ///
    /// # Errors
    /// When it does not end, or has more than 64 bits.
    pub fn number(&mut self) -> Result<u64, StorageError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.corrupt("a number of more than 64 bits"))
    }

    /// The next bytes, with their number (four bytes) in front.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn sized(&mut self) -> Result<&'a [u8], StorageError> {
        let n = self.u32()? as usize;
        self.take(n)
    }
}

/// The CRC32C of bytes.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// Appends a number in as few bytes as it needs: seven bits in each, the lowest first, and the
/// eighth bit where more follow.
#[inline]
pub fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends bytes with their number (four bytes) in front.
///
/// # Errors
/// When there are more than four bytes can count.
pub fn put_sized(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StorageError> {
    let n = u32::try_from(bytes.len()).map_err(|_| too_long(out.len()))?;
    out.extend_from_slice(&n.to_le_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Meta {
        name: String,
        numbers: Vec<u64>,
    }

    #[test]
    fn metadata_comes_back_and_its_bytes_are_fixed() {
        let meta = Meta { name: "a".into(), numbers: vec![1, 2] };
        let mut bytes = Vec::new();
        encode(&meta, &mut bytes).expect("short");
        let number = |n: u8| [n, 0, 0, 0, 0, 0, 0, 0];
        let expected = [&number(1)[..], b"a", &number(2), &number(1), &number(2)].concat();
        assert_eq!(bytes, expected, "the format may not change");
        assert_eq!(decode::<Meta>(&bytes).expect("what was encoded"), meta);
    }

    #[test]
    fn numbers_take_as_many_bytes_as_they_need() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_number(number, &mut bytes);
            let bits = 64 - number.leading_zeros() as usize;
            assert_eq!(bytes.len(), bits.div_ceil(7).max(1));
            assert_eq!(Bytes::new(&bytes).number(), Ok(number));
            bytes.pop();
            assert!(Bytes::new(&bytes).number().is_err());
        }
        assert!(Bytes::new(&[0xff; 11]).number().is_err());
        assert!(
            Bytes::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2])
                .number()
                .is_err()
        );
    }

    #[test]
    fn hostile_lengths_are_refused() {
        let huge = [0xff; 12];
        assert!(decode::<Meta>(&huge).is_err());
        let mut bytes = Vec::new();
        encode(&Meta { name: String::new(), numbers: vec![] }, &mut bytes).expect("short");
        bytes.push(0);
        assert!(decode::<Meta>(&bytes).is_err(), "nothing may follow");
        for n in 0..bytes.len() - 1 {
            assert!(decode::<Meta>(&bytes[..n]).is_err(), "{n} bytes");
        }
    }
}
