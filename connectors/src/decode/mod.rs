//! Text becomes rows: blocks of bytes in, cells in columns out.
//!
//! [`TextSource`] owns the loop: read a block, let the format's decoder take whole rows from it,
//! keep the rest for the next block. What is between source and decoder is one buffer that is
//! filled again and again.
//! Invariant: a decoder consumes whole rows only; where a block ends has no influence on what is
//! read.

mod block;
pub(crate) mod csv;
mod cursor;
pub(crate) mod json;

use std::io;

use arena_tr::connector::{Polled, Source, Want};
use arena_tr::{Error, Result, Schema};

use crate::rows::{self, Fault, RowSet};
pub(crate) use block::Blocks;
use block::Filled;

/// Bytes read at a time: what stays in the cache between reading and decoding.
const BLOCK_BYTES: usize = 1 << 18;

/// A format: takes rows from text.
pub(crate) trait Decode: Send {
    /// Reads the next row into `rows` (without ending it) and says how much text it took.
    fn row(&mut self, text: &[u8], is_last: bool, rows: &mut RowSet) -> Step;

    /// Forgets everything but its settings.
    fn restart(&mut self);
}

/// What a decoder did.
pub(crate) enum Step {
    /// The text does not hold a whole row.
    Short,
    /// Text without a row (a header, an empty line): so many bytes and lines.
    Skip(usize, u64),
    /// A row of so many bytes and lines.
    Row(usize, u64),
    /// A malformed row of so many bytes and lines.
    Bad(usize, u64, Fault),
}

/// Opens the input, again if needed: `None` when it can be read only once.
pub(crate) type Open = Box<dyn FnMut() -> Result<Option<Box<dyn io::Read + Send>>> + Send>;

/// A source of text in one format.
pub(crate) struct TextSource {
    place: String,
    open: Open,
    blocks: Option<Blocks>,
    block_bytes: usize,
    decoder: Box<dyn Decode>,
    rows: RowSet,
    line: u64,
    stop_on_error: bool,
    failed: Option<Error>,
}

impl TextSource {
    /// A source that reads what `open` opens; `place` names it in messages.
    pub(crate) fn new(
        place: String,
        open: Open,
        decoder: Box<dyn Decode>,
        schema: &Schema,
        stop_on_error: bool,
    ) -> Self {
        Self {
            place,
            open,
            blocks: None,
            block_bytes: BLOCK_BYTES,
            decoder,
            rows: RowSet::new(schema),
            line: 1,
            stop_on_error,
            failed: None,
        }
    }

    /// The same, reading so many bytes at a time.
    #[cfg(test)]
    pub(crate) fn with_block_bytes(mut self, block_bytes: usize) -> Self {
        self.block_bytes = block_bytes;
        self
    }

    fn blocks(&mut self) -> Result<&mut Blocks> {
        if self.blocks.is_none() {
            let input = (self.open)()?.unwrap_or_else(|| Box::new(io::empty()));
            self.blocks = Some(Blocks::new(input, self.block_bytes));
        }
        Ok(self.blocks.as_mut().expect("opened above"))
    }

    /// Takes rows from the text at hand. Whether more text is needed.
    fn take_rows(&mut self, max_rows: usize) -> Result<bool> {
        let Some(blocks) = &mut self.blocks else { return Ok(true) };
        let is_last = blocks.is_last();
        while self.rows.live() < max_rows && self.rows.n_bad() < max_rows {
            let text = blocks.rest();
            if text.is_empty() {
                return Ok(true);
            }
            let (bytes, lines) = match self.decoder.row(text, is_last, &mut self.rows) {
                Step::Short => return Ok(true),
                Step::Skip(bytes, lines) => (bytes, lines),
                Step::Row(bytes, lines) => {
                    self.rows.end_row();
                    (bytes, lines)
                }
                Step::Bad(bytes, lines, fault) if self.stop_on_error => {
                    self.rows.drop_row();
                    self.failed = Some(rows::stop(&self.place, self.line, "line", &fault));
                    (bytes, lines)
                }
                Step::Bad(bytes, lines, fault) => {
                    let raw = text[..bytes].trim_ascii_end();
                    self.rows.reject(self.line, fault, raw);
                    (bytes, lines)
                }
            };
            blocks.consume(bytes);
            self.line += lines;
            if self.failed.is_some() {
                return Ok(false);
            }
        }
        Ok(false)
    }

    fn fill(&mut self) -> Result<Filled> {
        let (place, line) = (self.place.clone(), self.line);
        self.blocks()?.fill().map_err(|e| Error::io(format!("{place}, line {line}"), &e))
    }
}

impl Source for TextSource {
    fn poll(&mut self, want: &Want<'_>) -> Result<Polled> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.rows.start(want);
        let max_rows = want.max_rows.max(1);
        let mut ended = None;
        while self.take_rows(max_rows)? {
            match self.fill()? {
                Filled::More => {}
                Filled::Nothing => {
                    ended = Some(Polled::Pending);
                    break;
                }
                Filled::End => {
                    ended = Some(Polled::End);
                    break;
                }
            }
        }
        if self.rows.live() > 0 || self.rows.n_bad() > 0 {
            let (batch, bad) = self.rows.finish();
            return Ok(Polled::Rows(batch, bad));
        }
        match (&self.failed, ended) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(polled)) => Ok(polled),
            (None, None) => Ok(Polled::Pending),
        }
    }

    fn restart(&mut self) -> Result<bool> {
        if self.blocks.is_none() {
            return Ok(true);
        }
        let Some(input) = (self.open)()? else { return Ok(false) };
        self.blocks = Some(Blocks::new(input, self.block_bytes));
        self.decoder.restart();
        self.line = 1;
        self.failed = None;
        Ok(true)
    }

    fn is_bounded(&self) -> bool {
        true
    }
}
