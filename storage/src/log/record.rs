//! A record as bytes.
//!
//! ```text
//!  0  magic       u16   1E 7A
//!  2  version     u8    1
//!  3  kind        u8    see `Kind`
//!  4  length      u32   bytes of the payload
//!  8  lsn         u64   where the record begins
//! 16  epoch       u64   of the commit
//! 24  synced      u64   everything below was durable when this was appended
//! 32  salt        u32   of the segment
//! 36  header crc  u32   CRC32C of bytes 0 to 35
//! 40  payload, then zeros up to 4 before a multiple of 8
//!     crc         u32   CRC32C of all before, begun with the record before's crc XOR salt
//! ```
//!
//! The chained checksum finds records that were exchanged or left out; the salt, drawn for each
//! segment, makes bytes of an earlier use of the file worthless; the position in the header finds
//! writes that went elsewhere.
//! Invariant: `length` is bounded before anything is read by it; a record never spans segments.

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 40;
const CRC_BYTES: usize = 4;
const ALIGN: usize = 8;
const MAGIC: u16 = 0x7A1E;
const VERSION: u8 = 1;

/// Most bytes of the payload of one record; a longer commit has several.
pub(super) const MAX_RECORD_PAYLOAD: usize = 8 << 20;

/// Most bytes of a commit.
pub const MAX_PAYLOAD_BYTES: usize = 4 << 30;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// A commit.
    Whole = 1,
    /// The first part of one; parts follow each other, up to the last.
    First = 2,
    /// Another part.
    Middle = 3,
    /// The last part: with it the commit exists.
    Last = 4,
    /// Room up to the next sector.
    Pad = 5,
}

/// What stands in front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) length: u32,
    pub(super) lsn: u64,
    pub(super) epoch: u64,
    pub(super) synced: u64,
    pub(super) salt: u32,
}

/// Bytes of a whole record with such a payload.
pub(super) const fn record_bytes(payload: usize) -> usize {
    (HEADER_BYTES + payload + CRC_BYTES).next_multiple_of(ALIGN)
}

/// The longest payload that fits into so many bytes, if any does.
pub(super) fn payload_in(bytes: usize) -> Option<usize> {
    (bytes / ALIGN * ALIGN).checked_sub(HEADER_BYTES + CRC_BYTES)
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Whole, Self::First, Self::Middle, Self::Last, Self::Pad]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..2].copy_from_slice(&MAGIC.to_le_bytes());
        out[2] = VERSION;
        out[3] = self.kind as u8;
        out[4..8].copy_from_slice(&self.length.to_le_bytes());
        out[8..16].copy_from_slice(&self.lsn.to_le_bytes());
        out[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        out[24..32].copy_from_slice(&self.synced.to_le_bytes());
        out[32..36].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&out[..36]);
        out[36..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header in these bytes, or what is wrong with them.
    pub(super) fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<Self, &'static str> {
        if number::<2>(bytes, 0) != MAGIC.to_le_bytes() {
            return Err("no record begins here");
        }
        if u32::from_le_bytes(number(bytes, 36)) != crc32c::crc32c(&bytes[..36]) {
            return Err("the header's checksum is wrong");
        }
        if bytes[2] != VERSION {
            return Err("a record of a version that this program does not know");
        }
        Ok(Self {
            kind: Kind::from_byte(bytes[3]).ok_or("a kind of record that is not known")?,
            length: u32::from_le_bytes(number(bytes, 4)),
            lsn: u64::from_le_bytes(number(bytes, 8)),
            epoch: u64::from_le_bytes(number(bytes, 16)),
            synced: u64::from_le_bytes(number(bytes, 24)),
            salt: u32::from_le_bytes(number(bytes, 32)),
        })
    }

    /// Bytes of the whole record.
    pub(super) fn record_bytes(&self) -> usize {
        record_bytes(self.length as usize)
    }
}

/// Appends a record's bytes and gives its checksum.
pub(super) fn put(header: Header, payload: &[u8], crc_before: u32, out: &mut Vec<u8>) -> u32 {
    debug_assert_eq!(header.length as usize, payload.len());
    let start = out.len();
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(payload);
    out.resize(start + record_bytes(payload.len()) - CRC_BYTES, 0);
    let crc = crc32c::crc32c_append(crc_before ^ header.salt, &out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
    crc
}

/// Checks a whole record's bytes; its checksum.
pub(super) fn check(record: &[u8], header: &Header, crc_before: u32) -> Result<u32, &'static str> {
    let end = record.len() - CRC_BYTES;
    let crc = crc32c::crc32c_append(crc_before ^ header.salt, &record[..end]);
    if u32::from_le_bytes(number(record, end)) != crc {
        return Err("the record's checksum is wrong");
    }
    if record[HEADER_BYTES + header.length as usize..end].iter().any(|&b| b != 0) {
        return Err("the padding is not zero");
    }
    Ok(crc)
}

const _: () = assert!(record_bytes(0) == 48 && record_bytes(4) == 48 && record_bytes(5) == 56);
