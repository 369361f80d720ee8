//! The buffer between an input and a decoder.
//!
//! Rows that span blocks are kept whole: what a decoder left is moved to the front and more is read
//! behind it.
//! Invariant: the buffer grows only while a single row does not fit.

use std::io::{self, Read};

/// Longest row in bytes.
const MAX_ROW_BYTES: usize = 1 << 28;

/// What a fill gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// More text, or the knowledge that this is the last of it.
    More,
    /// Nothing at the moment.
    Nothing,
    /// All was read and consumed.
    End,
}

/// Blocks of an input.
pub(crate) struct Blocks {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    block_bytes: usize,
    is_first: bool,
    is_last: bool,
}

impl Blocks {
    pub(crate) fn new(input: Box<dyn Read + Send>, block_bytes: usize) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            // A byte order mark must fit.
            block_bytes: block_bytes.max(4),
            is_first: true,
            is_last: false,
        }
    }

    /// The text at hand.
    #[inline]
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether nothing comes after the text at hand.
    pub(crate) fn is_last(&self) -> bool {
        self.is_last
    }

    #[inline]
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Reads more behind the text at hand.
    pub(crate) fn fill(&mut self) -> io::Result<Filled> {
        if self.is_last {
            // What a decoder cannot take even knowing that it is the last text is no text of its
            // format.
            return Ok(Filled::End);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            if self.end > MAX_ROW_BYTES {
                let message = format!("a row is longer than {MAX_ROW_BYTES} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            // Doubling keeps the cost of a long row linear.
            self.buffer.resize((self.end * 2).max(self.block_bytes), 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.is_last = true;
                    return Ok(if self.end == 0 { Filled::End } else { Filled::More });
                }
                Ok(n) => {
                    self.end += n;
                    if !self.skip_mark() {
                        continue;
                    }
                    return Ok(Filled::More);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Filled::Nothing),
                Err(e) => return Err(e),
            }
        }
    }

    /// Skips a byte order mark at the very start. False if more bytes are needed to know.
    fn skip_mark(&mut self) -> bool {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if self.is_first {
            let head = &self.buffer[..self.end.min(MARK.len())];
            if head.len() < MARK.len() && MARK.starts_with(head) && self.end < self.buffer.len() {
                return false;
            }
            if head == MARK {
                self.start = MARK.len();
            }
            self.is_first = false;
        }
        true
    }
}
