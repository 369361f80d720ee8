//! SUBSCRIBE: a query's changes as they are committed.
//!
//! A subscription to a whole relation attaches to it; any other query becomes a standing program of
//! its own that keeps no contents and goes with its reader.
//! Invariant: snapshot and changes together are the query's contents at every epoch, without gap or
//! overlap.

use arena_tr_parser::ast;
use arena_tr_types::{Epoch, RelationId, Schema, SqlState};

use super::Context;
use crate::engine::{Engine, Reader};
use crate::envelope::Envelope;
use crate::error::{Error, Result};
use crate::follower::Follower;
use crate::session::Outcome;
use crate::subscription::{Callback, Changes, Subscription};

/// SUBSCRIBE.
pub(super) fn subscribe(cx: &Context<'_>, subscribe: &ast::Subscribe) -> Result<Outcome> {
    let Wanted { snapshot, progress } = wanted(&subscribe.options)?;
    let mut engine = cx.db.engine();
    check_epochs(subscribe, engine.epoch)?;
    let mut notices = Vec::new();
    let (id, now) = start(cx, &mut engine, &subscribe.query, &mut notices)?;
    let envelope =
        subscribe.envelope.as_ref().map(|e| Envelope::new(e, &now.schema)).transpose()?;
    let schema = envelope.as_ref().map_or(&now.schema, Envelope::schema).clone();
    let limit = engine.options.subscription_queue_rows;
    let (subscription, queue) = Subscription::new(schema, limit);
    let up_to = subscribe.up_to.map(Epoch);
    let mut follower = Follower::new(queue, progress, up_to, envelope);
    if follower.start(&now, snapshot)? {
        engine.follow(id, Reader::Queue(follower))?;
    }
    let subscription = Some(subscription.with_progress(progress));
    Ok(Outcome { subscription, notices, ..Outcome::tag("SUBSCRIBE") })
}

/// Changes are told from now on: nothing that was before can be asked for.
fn check_epochs(subscribe: &ast::Subscribe, now: Epoch) -> Result<()> {
    let wrong = |message: String| Err(Error::new(SqlState::INVALID_PARAMETER, message));
    match subscribe.as_of {
        Some(epoch) if epoch < now.0 => {
            return Err(Error::unsupported("SUBSCRIBE AS OF an earlier epoch (retained history)"));
        }
        Some(epoch) if epoch > now.0 => {
            return wrong(format!("AS OF EPOCH {epoch}: the last epoch is {}", now.0));
        }
        _ => {}
    }
    match subscribe.up_to {
        Some(epoch) if epoch < now.0 => {
            wrong(format!("UP TO EPOCH {epoch}: the subscription begins with epoch {}", now.0))
        }
        _ => Ok(()),
    }
}

/// Hands a query's contents and then every change to `callback`, inside the commits.
pub(crate) fn call_back(
    cx: &Context<'_>,
    query: &ast::Query,
    mut callback: Callback,
) -> Result<Outcome> {
    let mut engine = cx.db.engine();
    let mut notices = Vec::new();
    let (id, now) = start(cx, &mut engine, query, &mut notices)?;
    if !now.delta.is_empty() {
        engine.make_durable()?;
        callback(&now);
    }
    engine.follow(id, Reader::Callback(callback))?;
    Ok(Outcome { notices, ..Outcome::tag("SUBSCRIBE") })
}

/// What a query is followed through: the relation that it names, or a program of its own; with the
/// contents.
fn start(
    cx: &Context<'_>,
    engine: &mut Engine,
    query: &ast::Query,
    notices: &mut Vec<String>,
) -> Result<(RelationId, Changes)> {
    let whole = whole_relation(cx, query);
    let (id, delta) = match whole.and_then(|name| engine.followable(&name).ok()) {
        Some(id) => (id, engine.contents(id)),
        None => {
            let bound = super::query::bind(cx, &engine.catalog, query)?;
            engine.start_anonymous(bound, cx.sql, notices)?
        }
    };
    let (epoch, watermark) = (engine.epoch, engine.watermark_of(&engine.clocks_of(id)));
    let schema: Schema = engine.entry(id)?.relation.schema.clone();
    Ok((id, Changes { epoch, watermark, delta, schema }))
}

/// The relation's name if the query is `SELECT * FROM name`.
fn whole_relation(cx: &Context<'_>, query: &ast::Query) -> Option<String> {
    let plain = query.ctes.is_empty()
        && query.order_by.is_empty()
        && query.limit.is_none()
        && query.offset.is_none()
        && query.emit.is_none()
        && cx.params.is_empty();
    let ast::query::SetExpr::Select(select) = &query.body else { return None };
    let whole = matches!(select.items.as_slice(), [ast::SelectItem::Wildcard(_)])
        && select.distinct.is_none()
        && select.selection.is_none()
        && select.group_by.is_none()
        && select.having.is_none()
        && select.qualify.is_none();
    match select.from.as_slice() {
        [ast::From::Table { name, as_of: None, alias: None }] if plain && whole => {
            Some(super::catalog_name(name))
        }
        _ => None,
    }
}

/// What the options say.
struct Wanted {
    snapshot: bool,
    progress: bool,
}

fn wanted(options: &[ast::WithOption]) -> Result<Wanted> {
    let mut wanted = Wanted { snapshot: true, progress: false };
    for option in options {
        match (option.key.as_str(), &option.value) {
            ("snapshot", ast::Literal::Bool(value)) => wanted.snapshot = *value,
            ("progress", ast::Literal::Bool(value)) => wanted.progress = *value,
            (key, _) => {
                return Err(Error::new(
                    SqlState::INVALID_PARAMETER,
                    format!("wrong option \"{key}\" of SUBSCRIBE"),
                )
                .at(option.span)
                .with_hint("options: SNAPSHOT = true | false, PROGRESS = true | false"));
            }
        }
    }
    Ok(wanted)
}
