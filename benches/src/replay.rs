//! A source that gives events which are in memory: nothing is decoded, nothing copied.
//!
//! Invariant: one poll is one commit's batch, shared with the events it came from.

use std::sync::Arc;

use arena_tr::connector::{Connector, Polled, Source, SourceSpec, Want};
use arena_tr::{Error, Result};

use crate::events::Events;
use crate::queries;

/// `connector = 'replay'`: the table by the source's name.
pub struct Replay(pub Arc<Events>);

struct ReplaySource {
    events: Arc<Events>,
    source: usize,
    next: usize,
}

impl Connector for Replay {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let source = queries::SOURCES.iter().position(|name| *name == spec.name);
        let source = source.ok_or_else(|| Error::unsupported("this source"))?;
        Ok(Box::new(ReplaySource { events: Arc::clone(&self.0), source, next: 0 }))
    }
}

impl Source for ReplaySource {
    fn poll(&mut self, _: &Want<'_>) -> Result<Polled> {
        let Some(batch) = self.events.batches[self.source].get(self.next) else {
            return Ok(Polled::End);
        };
        self.next += 1;
        Ok(Polled::Rows(batch.clone(), Vec::new()))
    }

    fn restart(&mut self) -> Result<bool> {
        self.next = 0;
        Ok(true)
    }

    fn is_bounded(&self) -> bool {
        true
    }
}
