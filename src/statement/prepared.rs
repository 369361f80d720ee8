//! PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED.
//!
//! Invariant: each is durable before it is acknowledged, however its session commits.

use arena_tr_parser::ast;
use arena_tr_types::{Epoch, SqlState};

use super::{Context, Settings};
use crate::durable::Durability;
use crate::engine::attempt::Attempt;
use crate::error::{Error, Result};
use crate::session::Outcome;

/// PREPARE TRANSACTION: the session's transaction is not its own any more.
pub(super) fn prepare(
    cx: &Context<'_>,
    settings: &mut Settings,
    gid: &ast::Text,
) -> Result<Outcome> {
    let Some(mut block) = cx.block.borrow_mut().take() else {
        return Ok(super::block::outside("ROLLBACK"));
    };
    if block.failed {
        *settings = block.roll_back();
        return Ok(Outcome::tag("ROLLBACK"));
    }
    let prepared = block.prepare_as(cx.db, &gid.value).and_then(|()| durable(cx, None));
    if let Err(error) = prepared {
        *settings = block.roll_back();
        return Err(error.at(gid.span));
    }
    Ok(Outcome::tag("PREPARE TRANSACTION"))
}

/// COMMIT PREPARED.
pub(super) fn commit(cx: &Context<'_>, gid: &ast::Text) -> Result<Outcome> {
    const TAG: &str = "COMMIT PREPARED";
    outside_of_block(cx, TAG)?;
    let epoch = Attempt::new(cx.db.engine()).commit_prepared(&gid.value);
    let epoch = epoch.map_err(|error| error.at(gid.span))?;
    durable(cx, epoch)?;
    Ok(Outcome { epoch, ..Outcome::tag(TAG) })
}

/// ROLLBACK PREPARED.
pub(super) fn roll_back(cx: &Context<'_>, gid: &ast::Text) -> Result<Outcome> {
    const TAG: &str = "ROLLBACK PREPARED";
    outside_of_block(cx, TAG)?;
    cx.db.engine().roll_back_prepared(&gid.value).map_err(|error| error.at(gid.span))?;
    durable(cx, None)?;
    Ok(Outcome::tag(TAG))
}

/// Others count on what was said: `durability = async` does not hold here.
fn durable(cx: &Context<'_>, own: Option<Epoch>) -> Result<()> {
    cx.db.settle(Some(Durability::Group), own)
}

fn outside_of_block(cx: &Context<'_>, what: &str) -> Result<()> {
    if cx.in_block() {
        let message = format!("{what} cannot run inside a transaction block");
        return Err(Error::new(SqlState::ACTIVE_TRANSACTION, message));
    }
    Ok(())
}
