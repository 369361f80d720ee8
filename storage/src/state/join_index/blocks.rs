//! The rows of a side that only grows, in blocks.
//!
//! Rows lie one behind the other in the order of arrival; a block is written in runs and freed as a
//! whole, when the latest of its times has been passed.
//! Invariant: all blocks but the last are full; a block's latest time is that of its latest row.

use arena_tr_types::Timestamp;

use super::{JoinSide, Touched};
use crate::OutOfMemory;
use crate::StorageError;
use crate::arena::{Addr, CHUNK_WORDS};
use crate::column::Column;
use crate::state::group_table::GroupTable;
use crate::state::row::add_weight;
use crate::state::visit::{StateVisitor, Visit, mismatch, visit_list};

/// Rows of the first block of a side, and of its longest ones: a block is as long as those before
/// it together.
const FIRST_BLOCK: usize = 16;
const LONGEST_BLOCK: usize = 1024;
/// Rows that arrived one after the other.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) at: Addr,
    pub(super) n: usize,
    /// How many rows there is room for.
    pub(super) room: usize,
    latest: Timestamp,
}

impl Block {
    /// A block that is not there.
    const NOWHERE: Self = Self { at: Addr::NONE, n: 0, room: 0, latest: Timestamp::MIN };
}

impl Visit for Block {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.at.visit(visitor)?;
        self.n.visit(visitor)?;
        self.room.visit(visitor)?;
        self.latest.visit(visitor)?;
        if self.n <= self.room { Ok(()) } else { Err(mismatch("the rows of a block")) }
    }
}

impl JoinSide {
    /// Shows a visitor where the blocks are.
    pub(super) fn visit_blocks(
        &mut self,
        visitor: &mut dyn StateVisitor,
    ) -> Result<(), StorageError> {
        self.first_block.visit(visitor)?;
        let mut blocks = Vec::from(std::mem::take(&mut self.blocks));
        let done = visit_list(&mut blocks, || Block::NOWHERE, visitor);
        self.blocks = blocks.into();
        done
    }

    /// The last block, if it has room, or a new one.
    fn block_with_room(&mut self) -> Result<&mut Block, OutOfMemory> {
        if self.blocks.back().is_none_or(|b| b.n == b.room) {
            let most = (CHUNK_WORDS / self.stride).clamp(1, LONGEST_BLOCK);
            let room = self.len.next_power_of_two().clamp(FIRST_BLOCK.min(most), most);
            let at = self.heap.alloc(room * self.stride)?;
            self.blocks.push_back(Block { at, n: 0, room, latest: Timestamp::MIN });
        }
        Ok(self.blocks.back_mut().expect("one was just made"))
    }

    /// Adds rows to a side that only grows.
    pub(super) fn append(
        &mut self,
        table: &mut GroupTable,
        columns: &[&Column],
        (rows, keys): (&[u16], &[Addr]),
        weights: Option<&[i64]>,
        touched: &mut Vec<Touched>,
    ) -> Result<(), OutOfMemory> {
        let stride = self.stride;
        let mut from = 0;
        while from < rows.len() {
            let block = self.block_with_room()?;
            let end = rows.len().min(from + block.room - block.n);
            let at = block.at.offset(block.n * stride);
            self.layout.insert_run(columns, &rows[from..end], (at, stride), &mut self.heap)?;
            let latest = self.latest(at, end - from);
            let number = self.first_block + (self.blocks.len() - 1) as u32;
            let block = self.blocks.back_mut().expect("there is one with room");
            block.n += end - from;
            block.latest = block.latest.max(latest);
            for (i, k) in (from..end).enumerate() {
                let addr = at.offset(i * stride);
                let header = self.heap.word(addr);
                self.heap.set_word(addr, add_weight(header, weights.map_or(1, |w| w[k])));
                self.push(table, addr, keys[k], number);
                touched.push(Touched { addr, fresh: true, before: 0 });
            }
            from = end;
        }
        Ok(())
    }

    /// The latest time of rows of a block. A row without a time can match nothing, so it goes with
    /// its neighbours.
    fn latest(&self, at: Addr, n: usize) -> Timestamp {
        let Some((field, unit)) = self.spec.time else { return Timestamp::MIN };
        let offset = self.layout.offset(field);
        let rows = self.heap.words(at, n * self.stride).chunks_exact(self.stride);
        rows.filter(|row| !self.layout.is_null(row, field))
            .map(|row| row[offset].cast_signed().saturating_mul(unit))
            .max()
            .unwrap_or(Timestamp::MIN)
    }

    /// Frees the blocks in which no time is at or above the bound; how many rows that were.
    pub(super) fn drop_blocks(&mut self, bound: Timestamp) -> usize {
        let before = self.len;
        while let Some(block) = self.blocks.pop_front_if(|b| b.latest < bound) {
            for i in 0..block.n {
                let addr = block.at.offset(i * self.stride);
                self.layout.release_strings(addr, &mut self.heap);
            }
            self.heap.free(block.at, block.room * self.stride);
            self.len -= block.n;
            self.first_block += 1;
        }
        before - self.len
    }
}
