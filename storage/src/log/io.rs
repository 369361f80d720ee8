//! The two ways into a segment: a shared mapping, or writes. The bytes are the same.
//!
//! Invariant: bytes at or above the end of what was appended are never written.

use std::fmt::Debug;
use std::ops::Range;

use super::LogIo;
use crate::disk::{DiskResult, File, Mapping};

/// A segment that is appended to.
pub(super) trait SegmentIo: Send + Sync + Debug {
    /// Puts bytes at an offset of the file. There is room for them.
    fn write(&self, offset: u64, bytes: &[u8]) -> DiskResult<()>;

    /// Makes these bytes durable.
    fn sync(&self, range: Range<u64>) -> DiskResult<()>;
}

#[derive(Debug)]
struct Mapped {
    mapping: Box<dyn Mapping>,
}

#[derive(Debug)]
struct Written {
    file: Box<dyn File>,
}

impl SegmentIo for Mapped {
    fn write(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.mapping.write(offset as usize, bytes);
        Ok(())
    }

    fn sync(&self, range: Range<u64>) -> DiskResult<()> {
        self.mapping.sync(range.start as usize..range.end as usize)
    }
}

impl SegmentIo for Written {
    fn write(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.file.write_at(offset, bytes)
    }

    fn sync(&self, _: Range<u64>) -> DiskResult<()> {
        self.file.sync()
    }
}

/// A segment's file, to be appended to in this way.
pub(super) fn open(file: Box<dyn File>, bytes: u64, io: LogIo) -> DiskResult<Box<dyn SegmentIo>> {
    Ok(match io {
        LogIo::Map => Box::new(Mapped { mapping: file.map(bytes as usize)? }),
        LogIo::File => Box::new(Written { file }),
    })
}
