//! GROUP BY: plain expressions, or GROUPING SETS, ROLLUP and CUBE expanded into sets.
//!
//! Several items multiply: `GROUP BY a, ROLLUP (b, c)` is the sets (a, b, c), (a, b), (a).
//! Invariant: at most as many sets as PostgreSQL allows.

use sqlparser::ast as lib;

use super::Lower;
use crate::ast::{Expr, ExprKind, GroupBy};
use crate::error::ParseError;
use crate::limits;
use crate::span::Span;

/// What one item of GROUP BY contributes: alternatives to group by.
type Sets = Vec<Vec<Expr>>;

impl Lower<'_, '_> {
    /// GROUP BY; `None` if there is none.
    pub(super) fn group_by(&self, group: lib::GroupByExpr) -> Result<Option<GroupBy>, ParseError> {
        let (items, modifiers) = match group {
            lib::GroupByExpr::All(modifiers) => {
                if !modifiers.is_empty() {
                    return Err(ParseError::unsupported(self.place(), "a modifier of GROUP BY"));
                }
                let span = self.group_keyword(self.here.get());
                return Ok(Some(GroupBy::All(span)));
            }
            lib::GroupByExpr::Expressions(items, modifiers) => (items, modifiers),
        };
        if !modifiers.is_empty() {
            return Err(ParseError::unsupported(self.place(), "a modifier of GROUP BY"));
        }
        if items.is_empty() {
            return Ok(None);
        }
        let start = self.here.get();
        let mut plain = Vec::new();
        let mut expanded: Option<Sets> = None;
        for item in items {
            match self.group_item(item)? {
                Item::Plain(exprs) => match &mut expanded {
                    None => plain.extend(exprs),
                    Some(sets) => *sets = self.product(std::mem::take(sets), vec![exprs])?,
                },
                Item::Sets(sets) => {
                    let so_far = match expanded.take() {
                        Some(sets) => sets,
                        None => vec![std::mem::take(&mut plain)],
                    };
                    expanded = Some(self.product(so_far, sets)?);
                }
            }
        }
        Ok(Some(match expanded {
            Some(sets) => {
                let span = self.group_keyword(start);
                GroupBy::Sets(sets, Span::new(span.start as usize, self.here.get()))
            }
            None => GroupBy::Exprs(plain),
        }))
    }

    /// Where GROUP stands at or behind a byte.
    fn group_keyword(&self, from: usize) -> Span {
        let first = self.src.index_at(from);
        (first..self.src.len())
            .find(|&i| self.src.are_words(i, &["GROUP", "BY"]))
            .map_or(self.place(), |i| self.src.span_of(i, i + 2))
    }

    /// One item of GROUP BY.
    fn group_item(&self, item: lib::Expr) -> Result<Item, ParseError> {
        Ok(match item {
            lib::Expr::GroupingSets(elements) => Item::Sets(self.grouping_sets(elements)?),
            lib::Expr::Rollup(elements) => Item::Sets(rollup(&self.elements(elements)?)),
            lib::Expr::Cube(elements) => Item::Sets(self.cube(&self.elements(elements)?)?),
            lib::Expr::Tuple(items) if items.is_empty() => Item::Sets(vec![vec![]]),
            lib::Expr::Tuple(items) => Item::Plain(self.exprs(items)?),
            lib::Expr::Function(call) => match self.nested_sets(lib::Expr::Function(call))? {
                Ok(sets) => Item::Sets(sets),
                Err(expr) => Item::Plain(vec![*expr]),
            },
            other => Item::Plain(vec![self.expr(other)?]),
        })
    }

    /// Elements of ROLLUP or CUBE.
    fn elements(&self, elements: Vec<Vec<lib::Expr>>) -> Result<Sets, ParseError> {
        elements.into_iter().map(|e| self.exprs(e)).collect()
    }

    /// GROUPING SETS: each element is a set, or several.
    fn grouping_sets(&self, elements: Vec<Vec<lib::Expr>>) -> Result<Sets, ParseError> {
        let mut sets = Vec::new();
        for mut element in elements {
            if element.len() == 1
                && let Some(only) = element.pop()
            {
                match self.nested_sets(only)? {
                    Ok(more) => sets.extend(more),
                    Err(expr) => sets.push(vec![*expr]),
                }
            } else {
                sets.push(self.exprs(element)?);
            }
            self.few_enough(sets.len())?;
        }
        Ok(sets)
    }

    /// ROLLUP and CUBE inside GROUPING SETS reach us as calls of that name.
    fn nested_sets(&self, expr: lib::Expr) -> Result<Result<Sets, Box<Expr>>, ParseError> {
        let lowered = self.expr(expr)?;
        let ExprKind::Call(call) = &lowered.kind else { return Ok(Err(Box::new(lowered))) };
        let bare = call.over.is_none() && call.filter.is_none() && !call.star && !call.distinct;
        let [name] = call.name.parts.as_slice() else { return Ok(Err(Box::new(lowered))) };
        let kind = match name.name.as_str() {
            "rollup" | "cube" if bare && !name.quoted => name.name.clone(),
            _ => return Ok(Err(Box::new(lowered))),
        };
        let elements: Sets = call
            .args
            .iter()
            .map(|(_, e)| match &e.kind {
                ExprKind::Row(items) => items.clone(),
                _ => vec![e.clone()],
            })
            .collect();
        Ok(Ok(if kind == "cube" { self.cube(&elements)? } else { rollup(&elements) }))
    }

    /// Every subset of the elements, the largest first.
    fn cube(&self, elements: &Sets) -> Result<Sets, ParseError> {
        if elements.len() >= usize::BITS as usize {
            return self.few_enough(usize::MAX).map(|()| vec![]);
        }
        let subsets = 1usize << elements.len();
        self.few_enough(subsets)?;
        Ok((0..subsets)
            .rev()
            .map(|mask| {
                let chosen = elements.iter().enumerate();
                let bit = |i: usize| mask >> (elements.len() - 1 - i) & 1 == 1;
                chosen.filter(|(i, _)| bit(*i)).flat_map(|(_, e)| e.clone()).collect()
            })
            .collect())
    }

    /// Each set of one item joined with each of the other.
    fn product(&self, left: Sets, right: Sets) -> Result<Sets, ParseError> {
        self.few_enough(left.len().saturating_mul(right.len()))?;
        let mut sets = Vec::with_capacity(left.len() * right.len());
        for l in &left {
            for r in &right {
                sets.push(l.iter().chain(r).cloned().collect());
            }
        }
        Ok(sets)
    }

    /// Refuses too many sets.
    fn few_enough(&self, sets: usize) -> Result<(), ParseError> {
        if sets > limits::GROUPING_SETS {
            let message = format!("more than {} grouping sets", limits::GROUPING_SETS);
            return Err(ParseError::limit(self.place(), message));
        }
        Ok(())
    }
}

/// One item of GROUP BY.
enum Item {
    Plain(Vec<Expr>),
    Sets(Sets),
}

/// Every prefix of the elements, the longest first.
fn rollup(elements: &Sets) -> Sets {
    (0..=elements.len()).rev().map(|n| elements[..n].concat()).collect()
}
