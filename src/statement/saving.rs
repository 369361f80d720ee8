//! CHECKPOINT, BACKUP and RESTORE.
//!
//! Invariant: none of them holds the lock while it reads or writes files, but RESTORE, which nobody
//! can work beside.

use arena_tr_parser::ast::Text;

use super::Context;
use crate::error::Result;
use crate::session::Outcome;

/// CHECKPOINT.
pub(super) fn checkpoint(cx: &Context<'_>) -> Result<Outcome> {
    let notice = match cx.db.checkpoint()? {
        Some(taken) => format!(
            "snapshot {} of epoch {}: {} bytes written of {}",
            taken.number, taken.epoch, taken.written_bytes, taken.total_bytes
        ),
        None => "nothing is saved: the database is in memory".to_owned(),
    };
    Ok(Outcome { notices: vec![notice], ..Outcome::tag("CHECKPOINT") })
}

/// BACKUP TO.
pub(super) fn backup(cx: &Context<'_>, to: &Text) -> Result<Outcome> {
    let done = cx.db.backup(&to.value).map_err(|error| error.at(to.span))?;
    let notice = format!(
        "backup of epoch {}: {} bytes copied of {}",
        done.epoch, done.copied_bytes, done.total_bytes
    );
    Ok(Outcome { notices: vec![notice], ..Outcome::tag("BACKUP") })
}

/// RESTORE FROM.
pub(super) fn restore(cx: &Context<'_>, from: &Text) -> Result<Outcome> {
    cx.db.restore(&from.value).map_err(|error| error.at(from.span))?;
    Ok(Outcome::tag("RESTORE"))
}
