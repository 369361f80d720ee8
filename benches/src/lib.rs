//! What the benchmarks share: events in memory, hand-written loops to be measured against, reports.
//!
//! Reading order: [`events`] makes the events, [`replay`] gives them to the engine as a source,
//! [`queries`] are the statements, [`hand`] is the same work by hand, [`report`] prints.
//!
//! **Invariant:** a figure of ours stands beside a baseline that was run in the same process, over
//! the same events in the same order.
#![forbid(unsafe_code)]

pub mod events;
pub mod hand;
pub mod queries;
pub mod replay;
pub mod report;
