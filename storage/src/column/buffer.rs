//! Buffers: shared immutable slices of plain values, and the growable form they are filled in.
//!
//! A buffer is one 64-byte aligned block with its reference count in front of the values, so
//! freezing a filled buffer allocates nothing and a register that holds the only reference gets its
//! block back with [`Buffer::try_into_mut`]. Where the bytes come from is the business of
//! [`crate::arena::BatchArena`]: the blocks of one batch share chunks of its pool; blocks without
//! an arena come from the heap.
//!
//! `unsafe` lives here because a block is raw memory: count, capacity and values share one
//! allocation.
//! Invariant: values below `len` are initialized; a block is written only while exactly one owner
//! has it.
#![allow(unsafe_code, reason = "a block is raw memory with an intrusive reference count")]

#[path = "buffer_traits.rs"]
mod traits;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, Deref, DerefMut, RangeBounds};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use arena_tr_types::Decimal;

use crate::arena::{BatchArena, SharedChunk};
use crate::column::View;

mod sealed {
    /// Keeps [`super::Pod`] to the types listed here: each is valid for any initialized bytes.
    pub trait Sealed {}
}

/// A plain value that may live in a buffer: copied by bytes, nothing to drop, no padding, any
/// initialized bytes are a value, alignment at most 64.
pub trait Pod:
    sealed::Sealed + Copy + Default + PartialEq + fmt::Debug + Send + Sync + 'static
{
}

macro_rules! pod {
    ($($t:ty),*) => { $(impl sealed::Sealed for $t {} impl Pod for $t {})* };
}
pod!(u8, i8, u16, i16, u32, i32, u64, i64, u128, i128, f32, f64, Decimal, View);

/// Alignment of blocks: a cache line, and the widest vector register.
const BLOCK_ALIGN: usize = 64;
/// Alignment that the heap gives without extra work.
const HEAP_ALIGN: usize = 16;

/// What stands in front of the values of a block.
#[repr(C, align(64))]
struct Header {
    /// How many `Block`s refer to this.
    refs: AtomicUsize,
    /// Bytes for values after the header.
    capacity: usize,
    /// The first so many bytes for values are known to be initialized. Written by a sole owner
    /// only.
    initialized: usize,
    /// Beginning of the allocation, for blocks from the heap.
    raw: NonNull<u8>,
    home: Home,
}

/// Where the memory of a block goes back to.
enum Home {
    /// The heap.
    Heap,
    /// A chunk that it shares with other blocks.
    Chunk(Arc<SharedChunk>),
    /// The heap, with its charge to the arena's owner.
    Charged(BatchArena),
}

const _: () = assert!(size_of::<Header>() == BLOCK_ALIGN);

/// A counted reference to one block.
struct Block {
    header: NonNull<Header>,
}

// SAFETY: 1. the count is atomic; 2. the other fields are written only by a sole owner, which is
// established by an acquiring read of the count (`is_unique`) against the releasing decrement in
// `drop`.
unsafe impl Send for Block {}
// SAFETY: as for `Send`.
unsafe impl Sync for Block {}

impl Block {
    /// A block for at least `bytes` bytes from the heap. A refusal of the system aborts, as for
    /// `Vec`.
    fn new(bytes: usize) -> Self {
        let size = Self::size(bytes);
        let layout = Self::layout(size);
        // SAFETY: the layout is not empty: it has a header.
        let Some(raw) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let skip = raw.as_ptr().align_offset(BLOCK_ALIGN);
        assert!(skip <= layout.size() - size, "the slack of the layout is enough to align");
        // SAFETY: 1. `skip` and `size` are within the fresh allocation (checked); 2. it is ours
        // alone.
        unsafe { Self::at(raw.add(skip), raw, size, 0, Home::Heap) }
    }

    /// A block for at least `bytes` bytes from a batch arena.
    fn new_in(bytes: usize, arena: &BatchArena) -> Self {
        let size = Self::size(bytes);
        if let Some((raw, chunk)) = arena.cut(size) {
            let initialized = size - size_of::<Header>();
            // SAFETY: 1. `cut` gave `size` bytes to us alone, aligned because chunks and all sizes
            // cut are; 2. the words of chunks are always initialized (invariant of the pool).
            return unsafe { Self::at(raw, raw, size, initialized, Home::Chunk(chunk)) };
        }
        let mut block = Self::new(bytes);
        arena.charge(size);
        // SAFETY: the block was just made: one owner.
        unsafe { block.header.as_mut() }.home = Home::Charged(arena.clone());
        block
    }

    /// Puts a header in front of `size - 64` bytes for values.
    ///
    /// # Safety
    /// `start` is aligned to a block and has `size` bytes that nobody else uses, of which the first
    /// `initialized` after the header are initialized; `home` takes back what begins at `raw`.
    unsafe fn at(
        start: NonNull<u8>,
        raw: NonNull<u8>,
        size: usize,
        initialized: usize,
        home: Home,
    ) -> Self {
        let header = start.cast::<Header>();
        let (refs, capacity) = (AtomicUsize::new(1), size - size_of::<Header>());
        // SAFETY: the caller's premise.
        unsafe { header.write(Header { refs, capacity, initialized, raw, home }) };
        Self { header }
    }

    /// Bytes of a header and of room for `bytes`, rounded up to whole cache lines.
    #[inline]
    fn size(bytes: usize) -> usize {
        let room = bytes.checked_next_multiple_of(BLOCK_ALIGN);
        let size = room.and_then(|room| room.checked_add(size_of::<Header>()));
        size.expect("a block's bytes fit the address space")
    }

    /// What to ask the heap for to get an aligned block of `size` bytes. Aligned by hand.
    // PERF: the system's aligned allocation takes 130 ns for a small block, its plain one 15 ns.
    #[inline]
    fn layout(size: usize) -> Layout {
        let slack = BLOCK_ALIGN - HEAP_ALIGN;
        let layout = size.checked_add(slack).map(|size| Layout::from_size_align(size, HEAP_ALIGN));
        layout.and_then(Result::ok).expect("a block's bytes fit the address space")
    }

    /// A fresh block from the same place as this one; from the heap if that place is gone.
    fn sibling(&self, bytes: usize) -> Self {
        match &self.header().home {
            Home::Heap => Self::new(bytes),
            Home::Charged(arena) => Self::new_in(bytes, arena),
            Home::Chunk(chunk) => match chunk.arena() {
                Some(arena) => Self::new_in(bytes, &arena),
                None => Self::new(bytes),
            },
        }
    }

    fn header(&self) -> &Header {
        // SAFETY: the header lives as long as any reference to the block, and we are one.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    fn capacity(&self) -> usize {
        self.header().capacity
    }

    #[inline]
    fn data(&self) -> NonNull<u8> {
        // SAFETY: one past the header is inside the allocation (or its end, when it holds no
        // bytes).
        unsafe { self.header.add(1).cast() }
    }

    /// Whether nobody else refers to the block.
    #[inline]
    fn is_unique(&self) -> bool {
        // Acquire: what others did with the block before they let go happens before what we do.
        self.header().refs.load(Ordering::Acquire) == 1
    }

    /// Notes that the first `bytes` bytes are initialized. The caller is the sole owner.
    #[inline]
    fn mark_initialized(&mut self, bytes: usize) {
        // SAFETY: a sole owner may write the header (callers are `MutBuffer`s).
        let header = unsafe { self.header.as_mut() };
        header.initialized = header.initialized.max(bytes);
    }

    /// Makes bytes up to `end` initialized; those below `written` are already. Sole owner.
    #[inline]
    fn initialize(&mut self, written: usize, end: usize) {
        debug_assert!(end <= self.capacity());
        let from = written.max(self.header().initialized);
        if from < end {
            // SAFETY: 1. `from < end <= capacity`; 2. sole owner.
            unsafe { self.data().add(from).write_bytes(0, end - from) };
        }
        self.mark_initialized(end.max(written));
    }
}

impl Clone for Block {
    #[inline]
    fn clone(&self) -> Self {
        let before = self.header().refs.fetch_add(1, Ordering::Relaxed);
        assert!(before < usize::MAX / 2, "references to a block overflow");
        Self { header: self.header }
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        if self.header().refs.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            // SAFETY: 1. this was the last reference; 2. the fence orders all others' uses before.
            unsafe { self.free() };
        }
    }
}

impl Block {
    /// Gives the memory back. The caller holds the last reference and does not use it again.
    unsafe fn free(&mut self) {
        let size = self.capacity() + size_of::<Header>();
        // SAFETY: the last reference may write the header; it is not read again after the memory
        // went back below.
        let header = unsafe { self.header.as_mut() };
        let raw = header.raw;
        match std::mem::replace(&mut header.home, Home::Heap) {
            // The memory goes back with the chunk's last block.
            Home::Chunk(chunk) => return drop(chunk),
            Home::Charged(arena) => arena.discharge(size),
            Home::Heap => {}
        }
        // SAFETY: `raw` was allocated in `new` with the layout of this size: the capacity is what
        // was left of it after the header.
        unsafe { dealloc(raw.as_ptr(), Self::layout(size)) };
    }
}

/// A shared, immutable slice of values. Cloning and slicing copy no value.
pub struct Buffer<T: Pod> {
    /// The block that keeps the values alive; `None` when there are no values.
    block: Option<Block>,
    first: NonNull<T>,
    len: usize,
}

/// A growable buffer with one owner.
pub struct MutBuffer<T: Pod> {
    block: Option<Block>,
    len: usize,
    _values: PhantomData<T>,
}

// SAFETY: 1. the values are `Send + Sync` (`Pod`) and nobody writes them while a `Buffer` exists;
// 2. `Block` counts its references atomically.
unsafe impl<T: Pod> Send for Buffer<T> {}
// SAFETY: as for `Send`: shared references only read.
unsafe impl<T: Pod> Sync for Buffer<T> {}

impl<T: Pod> Buffer<T> {
    /// No values, no memory.
    pub const fn empty() -> Self {
        Self { block: None, first: NonNull::dangling(), len: 0 }
    }

    /// A copy of these values.
    pub fn from_slice(values: &[T]) -> Self {
        let mut buffer = MutBuffer::with_capacity(values.len());
        buffer.extend_from_slice(values);
        buffer.freeze()
    }

    /// A copy of these values in a batch arena.
    pub fn from_slice_in(values: &[T], arena: &BatchArena) -> Self {
        let mut buffer = MutBuffer::with_capacity_in(values.len(), arena);
        buffer.extend_from_slice(values);
        buffer.freeze()
    }

    /// `n` times the same value.
    pub fn filled(n: usize, value: T) -> Self {
        let mut buffer = MutBuffer::with_capacity(n);
        buffer.resize(n, value);
        buffer.freeze()
    }

    /// The values.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: 1. `first` points at `len` initialized values of `block`, or dangles with `len` 0
        // (constructors); 2. `block` is held by `self`, so they live as long as the borrow; 3.
        // nobody writes a block that a `Buffer` refers to.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }

    /// The values in `range`, sharing the block. Panics if the range is out of bounds, as slices
    /// do.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let start = match range.start_bound() {
            Bound::Included(&i) => i,
            Bound::Excluded(&i) => i + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&i) => i + 1,
            Bound::Excluded(&i) => i,
            Bound::Unbounded => self.len,
        };
        let part = &self.as_slice()[start..end];
        if part.is_empty() {
            return Self::empty();
        }
        // SAFETY: `start < end <= len` (checked by the slice index above), so the result is inside
        // the same allocation.
        let first = unsafe { self.first.add(start) };
        Self { block: self.block.clone(), first, len: end - start }
    }

    /// Whether both share the same values in memory (a cheap sufficient test of equality).
    pub fn same_memory(&self, other: &Self) -> bool {
        self.len == other.len && (self.len == 0 || self.first == other.first)
    }

    /// The bytes held by the block behind this buffer (shared by all its slices).
    pub fn block_bytes(&self) -> usize {
        self.block.as_ref().map_or(0, Block::capacity)
    }

    /// Back to the growable form, without copying, if nobody else refers to the block and this is
    /// its beginning. The values stay.
    pub fn try_into_mut(self) -> Result<MutBuffer<T>, Self> {
        match &self.block {
            None => return Ok(MutBuffer::new()),
            Some(block) if block.is_unique() && block.data().cast::<T>() == self.first => {}
            Some(_) => return Err(self),
        }
        Ok(MutBuffer { block: self.block, len: self.len, _values: PhantomData })
    }

    /// An empty growable buffer: this block again if nobody else refers to it, else a fresh one of
    /// the same length and from the same arena. What a register does before it is written.
    pub fn recycle(self) -> MutBuffer<T> {
        match &self.block {
            None => MutBuffer::new(),
            Some(block) if block.is_unique() => {
                MutBuffer { block: self.block, len: 0, _values: PhantomData }
            }
            Some(block) => {
                let bytes = self.len * size_of::<T>();
                MutBuffer { block: Some(block.sibling(bytes)), len: 0, _values: PhantomData }
            }
        }
    }
}

impl<T: Pod> MutBuffer<T> {
    /// No values, no memory yet.
    pub const fn new() -> Self {
        Self { block: None, len: 0, _values: PhantomData }
    }

    /// Room for `capacity` values, from the heap.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut buffer = Self::new();
        buffer.reserve(capacity);
        buffer
    }

    /// Room for `capacity` values, from the chunks of a batch arena. It grows within the same
    /// arena.
    pub fn with_capacity_in(capacity: usize, arena: &BatchArena) -> Self {
        let block = Block::new_in(bytes_of::<T>(capacity), arena);
        Self { block: Some(block), len: 0, _values: PhantomData }
    }

    /// How many values fit without growing.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.block.as_ref().map_or(0, Block::capacity) / size_of::<T>()
    }

    #[inline]
    fn ptr(&self) -> NonNull<T> {
        const { assert!(align_of::<T>() <= 64 && size_of::<T>() > 0) }
        self.block.as_ref().map_or(NonNull::dangling(), |b| b.data().cast())
    }

    /// Room for `additional` more values.
    #[inline]
    pub fn reserve(&mut self, additional: usize) {
        if self.capacity() - self.len < additional {
            self.grow(additional);
        }
    }

    #[cold]
    fn grow(&mut self, additional: usize) {
        let needed = self.len.checked_add(additional).expect("a buffer's length fits usize");
        let wanted = bytes_of::<T>(needed.max(self.capacity() * 2));
        let block = match &self.block {
            None => Block::new(wanted),
            Some(old) => old.sibling(wanted),
        };
        // SAFETY: 1. the old block holds `len` initialized values and the new one has room for
        // more;
        // 2. they are two allocations; 3. the new block has this owner only.
        unsafe { block.data().cast::<T>().copy_from_nonoverlapping(self.ptr(), self.len) };
        self.block = Some(block);
    }

    /// Appends one value.
    #[inline]
    pub fn push(&mut self, value: T) {
        if self.len == self.capacity() {
            self.grow(1);
        }
        // SAFETY: `len < capacity` (grown above if not), and this is the block's only owner.
        unsafe { self.ptr().add(self.len).write(value) };
        self.len += 1;
    }

    /// Appends these values.
    #[inline]
    pub fn extend_from_slice(&mut self, values: &[T]) {
        self.reserve(values.len());
        // SAFETY: 1. there is room for them (reserved above); 2. `values` cannot be in this block,
        // which is borrowed mutably.
        unsafe {
            let source = NonNull::from_ref(values).cast::<T>();
            self.ptr().add(self.len).copy_from_nonoverlapping(source, values.len());
        }
        self.len += values.len();
    }

    /// Appends what the iterator yields; reserves by its lower bound.
    #[inline]
    pub fn extend(&mut self, values: impl Iterator<Item = T>) {
        self.reserve(values.size_hint().0);
        for value in values {
            self.push(value);
        }
    }

    /// Shortens to `len`, or lengthens with copies of `value`.
    #[inline]
    pub fn resize(&mut self, len: usize, value: T) {
        if len > self.len {
            self.reserve(len - self.len);
            for i in self.len..len {
                // SAFETY: `i < len <= capacity` (reserved above); only owner.
                unsafe { self.ptr().add(i).write(value) };
            }
        }
        self.len = len;
    }

    /// Sets the length to `n` for a kernel that then writes every slot. Slots hold zeros or
    /// whatever an earlier use of the block left there, so a recycled register costs nothing here.
    #[inline]
    pub fn resize_for_overwrite(&mut self, n: usize) {
        self.reserve(n.saturating_sub(self.len));
        if let Some(block) = &mut self.block {
            block.initialize(self.len * size_of::<T>(), n * size_of::<T>());
        }
        self.len = n;
    }

    /// Shortens to `len` if longer.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Forgets the values, keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// The same memory, empty, for values of another type.
    pub fn recast<U: Pod>(self) -> MutBuffer<U> {
        MutBuffer { block: self.block, len: 0, _values: PhantomData }
    }

    /// Shares the values. Allocates nothing.
    #[inline]
    pub fn freeze(self) -> Buffer<T> {
        let first = self.ptr();
        let mut block = self.block;
        if let Some(block) = &mut block {
            block.mark_initialized(self.len * size_of::<T>());
        }
        Buffer { block, first, len: self.len }
    }
}

/// Bytes of `n` values, or the largest request if that overflows (which no allocator can meet).
fn bytes_of<T>(n: usize) -> usize {
    n.checked_mul(size_of::<T>()).expect("a buffer's bytes fit usize")
}

impl<T: Pod> Clone for Buffer<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self { block: self.block.clone(), first: self.first, len: self.len }
    }
}

impl<T: Pod> Clone for MutBuffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::with_capacity(self.len);
        copy.extend_from_slice(self);
        copy
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: Pod> Deref for MutBuffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` values of the block are initialized, and the block is ours.
        unsafe { std::slice::from_raw_parts(self.ptr().as_ptr(), self.len) }
    }
}

impl<T: Pod> DerefMut for MutBuffer<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`, and this is the block's only owner.
        unsafe { std::slice::from_raw_parts_mut(self.ptr().as_ptr(), self.len) }
    }
}

#[cfg(test)]
#[path = "buffer_tests.rs"]
mod tests;
