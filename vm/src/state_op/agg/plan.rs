//! The plan of a grouping: which words of a group's row belong to which aggregate.
//!
//! Aggregates share what they can: a count of rows or of non-NULL arguments (count, avg and sum of
//! the same argument and filter need one word), the collection behind min and max, the set behind
//! DISTINCT aggregates of one column. The number of rows of the group is the weight in the row's
//! header, so a count(*) costs nothing.
//!
//! Invariant: the plan is a function of the specification alone; it never changes.

use arena_tr_storage::state::{Cell, RowLayout};
use arena_tr_types::{AggFunc, DataType, Field, SqlError};

use super::collect::CollectSpec;
use super::distinct::DistinctSpec;
use super::{decimal, exact, int};
use arena_tr_planner::physical::Agg;

/// What an aggregate keeps and how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its counter.
    Count,
    /// A sum of integers; the average divides it by the counter.
    Int { avg: bool },
    /// A sum of decimals.
    Decimal { avg: bool },
    /// A sum of doubles or floats.
    Float { avg: bool },
    /// A sum of intervals.
    Interval { avg: bool },
    /// Sum and sum of squares of integers.
    IntMoments(Moment),
    /// Of decimals.
    DecimalMoments(Moment),
    /// Of doubles.
    FloatMoments(Moment),
    /// The smallest (or largest) value so far.
    Extreme { max: bool },
    /// How many are true and how many are false.
    Bool { and: bool },
    /// The first (or last) value that arrived.
    Arrival { last: bool },
    /// Read from a collection.
    Collected(Pick),
}

/// Which of the variance family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Divide by n - 1 instead of n.
    pub(crate) sample: bool,
    /// Take the root.
    pub(crate) root: bool,
}

/// What is read from a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    First,
    Last,
    Array,
    Text,
    Single,
}

/// Where the number of values that count is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// The weight of the group.
    Weight,
    /// A word of the row.
    At(usize),
}

/// One aggregate.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) kind: Kind,
    /// The first argument column.
    pub(crate) arg: Option<usize>,
    /// What the first argument's cells hold.
    pub(crate) cell: Cell,
    pub(crate) filter: Option<usize>,
    /// Rows with a NULL argument do not count.
    pub(crate) skip_null: bool,
    /// The set of distinct values and the filter's number there.
    pub(crate) distinct: Option<(usize, usize)>,
    /// DISTINCT for a collection: equal neighbours are shown once.
    pub(crate) unique: bool,
    /// First word in the row.
    pub(crate) at: usize,
    /// Number of its pair of flag bits.
    pub(crate) flag: usize,
    pub(crate) counter: Counter,
    /// Whether this aggregate keeps the counter up to date (the first that uses it does).
    pub(crate) counts: bool,
    /// Its collection, and whether this aggregate keeps it up to date.
    pub(crate) collect: Option<(usize, bool)>,
    /// Result type.
    pub(crate) ty: DataType,
}

/// What decides whether two aggregates may share a counter.
type CounterKey = (Option<usize>, Option<usize>, bool);

/// The plan of a grouping.
#[derive(Debug, Clone)]
pub(crate) struct AggPlan {
    pub(crate) layout: RowLayout,
    pub(crate) slots: Vec<Slot>,
    pub(crate) collects: Vec<CollectSpec>,
    pub(crate) distincts: Vec<DistinctSpec>,
    /// Where the flag words begin.
    pub(crate) flags: usize,
}

/// A plan in the making.
struct Builder<'a> {
    input: &'a [Field],
    retracts: bool,
    next: usize,
    n_flags: usize,
    counters: Vec<(CounterKey, usize)>,
    collects: Vec<CollectSpec>,
    distincts: Vec<DistinctSpec>,
}

impl AggPlan {
    /// Plans these aggregates of input columns for groups with keys of these types.
    pub(crate) fn new(
        keys: &[DataType],
        input: &[Field],
        aggs: &[Agg],
        retracts: bool,
    ) -> Result<Self, SqlError> {
        let base = RowLayout::new(keys, 0).words();
        let mut builder = Builder {
            input,
            retracts,
            next: base,
            n_flags: 0,
            counters: Vec::new(),
            collects: Vec::new(),
            distincts: Vec::new(),
        };
        let slots = aggs.iter().map(|agg| builder.slot(agg)).collect::<Result<Vec<_>, _>>()?;
        let flags = builder.next;
        let words = flags + builder.n_flags.div_ceil(32);
        Ok(Self {
            layout: RowLayout::new(keys, words - base),
            slots,
            collects: builder.collects,
            distincts: builder.distincts,
            flags,
        })
    }

    /// Whether what a group took in can be taken out again by merging with sign -1.
    pub(crate) fn is_invertible(&self) -> bool {
        self.slots.iter().all(|s| {
            s.distinct.is_none()
                && !matches!(
                    s.kind,
                    Kind::Extreme { .. } | Kind::Arrival { .. } | Kind::Collected(_)
                )
        })
    }

    /// Whether results of some aggregates are kept in the row and must be renewed before reading.
    pub(crate) fn is_collected(&self) -> bool {
        !self.collects.is_empty()
    }
}

impl Builder<'_> {
    fn slot(&mut self, agg: &Agg) -> Result<Slot, SqlError> {
        let arg = agg.args.first().copied();
        let arg_type = arg.map_or(DataType::Bool, |a| self.input[a].data_type.clone());
        let kind = self.kind(agg, &arg_type)?;
        let skip_null =
            !matches!(kind, Kind::Arrival { .. } | Kind::Collected(Pick::Array | Pick::Single))
                && !self.keeps_null(agg)
                && arg.is_some();
        let collected = matches!(kind, Kind::Collected(_));
        let distinct = (agg.distinct && !collected && is_additive(kind))
            .then(|| self.distinct(agg, arg, &arg_type))
            .flatten();
        let at = self.next;
        self.next += words_of(kind, &arg_type, &agg.ty);
        let (counter, counts) = self.counter(kind, agg, arg, distinct.is_some());
        let flag = self.n_flags;
        self.n_flags += usize::from(has_flags(kind));
        let collect = collected.then(|| self.collect(agg, kind, skip_null));
        Ok(Slot {
            kind,
            arg,
            cell: Cell::of(&arg_type),
            filter: agg.filter,
            skip_null,
            distinct,
            unique: agg.distinct,
            at,
            flag,
            counter,
            counts,
            collect,
            ty: agg.ty.clone(),
        })
    }

    /// first_value and last_value count NULLs as values, however they are kept.
    fn keeps_null(&self, agg: &Agg) -> bool {
        matches!(agg.func, AggFunc::FirstValue | AggFunc::LastValue)
    }

    fn kind(&self, agg: &Agg, arg: &DataType) -> Result<Kind, SqlError> {
        let by_type = |int: Kind, decimal: Kind, float: Kind, interval: Option<Kind>| match arg {
            DataType::Int2 | DataType::Int4 | DataType::Int8 => Ok(int),
            DataType::Numeric(_) => Ok(decimal),
            DataType::Float4 | DataType::Float8 => Ok(float),
            DataType::Interval => interval.ok_or_else(|| unsupported(agg.func, arg)),
            _ => Err(unsupported(agg.func, arg)),
        };
        let sums = |avg: bool| {
            let interval = Some(Kind::Interval { avg });
            by_type(Kind::Int { avg }, Kind::Decimal { avg }, Kind::Float { avg }, interval)
        };
        let moments = |sample: bool, root: bool| {
            let m = Moment { sample, root };
            by_type(Kind::IntMoments(m), Kind::DecimalMoments(m), Kind::FloatMoments(m), None)
        };
        let ordered = self.retracts || !agg.order.is_empty();
        Ok(match agg.func {
            AggFunc::CountStar | AggFunc::Count => Kind::Count,
            AggFunc::Sum => sums(false)?,
            AggFunc::Avg => sums(true)?,
            AggFunc::Min if self.retracts => Kind::Collected(Pick::First),
            AggFunc::Max if self.retracts => Kind::Collected(Pick::Last),
            AggFunc::Min | AggFunc::Max => Kind::Extreme { max: agg.func == AggFunc::Max },
            AggFunc::VarPop => moments(false, false)?,
            AggFunc::VarSamp => moments(true, false)?,
            AggFunc::StddevPop => moments(false, true)?,
            AggFunc::StddevSamp => moments(true, true)?,
            AggFunc::BoolAnd | AggFunc::BoolOr if *arg == DataType::Bool => {
                Kind::Bool { and: agg.func == AggFunc::BoolAnd }
            }
            AggFunc::FirstValue if ordered => Kind::Collected(Pick::First),
            AggFunc::LastValue if ordered => Kind::Collected(Pick::Last),
            AggFunc::FirstValue | AggFunc::LastValue => {
                Kind::Arrival { last: agg.func == AggFunc::LastValue }
            }
            AggFunc::ArrayAgg => Kind::Collected(Pick::Array),
            AggFunc::StringAgg => Kind::Collected(Pick::Text),
            AggFunc::SingleValue => Kind::Collected(Pick::Single),
            other => return Err(unsupported(other, arg)),
        })
    }

    /// The counter that the aggregate reads, and whether it is the one to keep it.
    fn counter(
        &mut self,
        kind: Kind,
        agg: &Agg,
        arg: Option<usize>,
        distinct: bool,
    ) -> (Counter, bool) {
        let needs = match kind {
            Kind::Int { avg: false } => self.retracts,
            Kind::Collected(Pick::Single)
            | Kind::Count
            | Kind::Int { .. }
            | Kind::Decimal { .. }
            | Kind::Float { .. }
            | Kind::Interval { .. }
            | Kind::IntMoments(_)
            | Kind::DecimalMoments(_)
            | Kind::FloatMoments(_) => true,
            Kind::Extreme { .. }
            | Kind::Bool { .. }
            | Kind::Arrival { .. }
            | Kind::Collected(_) => false,
        };
        let single = kind == Kind::Collected(Pick::Single);
        let arg = arg.filter(|&a| self.input[a].nullable && !single);
        if !needs || (arg.is_none() && agg.filter.is_none() && !distinct) {
            return (Counter::Weight, false);
        }
        let key = (if distinct { agg.args.first().copied() } else { arg }, agg.filter, distinct);
        if let Some((_, at)) = self.counters.iter().find(|(k, _)| *k == key) {
            return (Counter::At(*at), false);
        }
        let at = self.next;
        self.next += 1;
        self.counters.push((key, at));
        (Counter::At(at), true)
    }

    fn distinct(&mut self, agg: &Agg, arg: Option<usize>, ty: &DataType) -> Option<(usize, usize)> {
        let arg = arg?;
        let set = match self.distincts.iter().position(|d| d.arg == arg) {
            Some(set) => set,
            None => {
                let head = self.next;
                self.next += 1;
                let (ty, filters, counted) = (ty.clone(), Vec::new(), self.retracts);
                self.distincts.push(DistinctSpec { arg, ty, filters, head, counted });
                self.distincts.len() - 1
            }
        };
        let filters = &mut self.distincts[set].filters;
        let filter = filters.iter().position(|f| *f == agg.filter).unwrap_or_else(|| {
            filters.push(agg.filter);
            filters.len() - 1
        });
        Some((set, filter))
    }

    /// The collection that the aggregate reads, and whether it is the one to keep it.
    fn collect(&mut self, agg: &Agg, kind: Kind, skip_null: bool) -> (usize, bool) {
        let extreme = matches!(agg.func, AggFunc::Min | AggFunc::Max);
        let mut columns: Vec<usize> = agg.order.iter().map(|k| k.column).collect();
        let mut order: Vec<_> = agg.order.iter().map(|k| (k.desc, k.nulls_first)).collect();
        if extreme {
            columns.clear();
            order.clear();
        }
        let merged = extreme || agg.distinct;
        if merged {
            // By value, after what ORDER BY says; a merged set needs a total order of values.
            order.extend(agg.args.iter().map(|_| (false, false)));
        }
        debug_assert!(!extreme || matches!(kind, Kind::Collected(Pick::First | Pick::Last)));
        let first_arg = columns.len();
        columns.extend(&agg.args);
        let types = columns.iter().map(|&c| self.input[c].data_type.clone()).collect();
        let skip_null = agg.args.first().copied().filter(|_| skip_null);
        let filter = agg.filter;
        let spec =
            CollectSpec { columns, types, order, first_arg, merged, filter, skip_null, at: 0 };
        let same = |c: &CollectSpec| CollectSpec { at: 0, ..c.clone() } == spec;
        if let Some(known) = self.collects.iter().position(same) {
            return (known, false);
        }
        let at = self.next;
        self.next += 1;
        self.collects.push(CollectSpec { at, ..spec });
        (self.collects.len() - 1, true)
    }
}

fn unsupported(func: AggFunc, arg: &DataType) -> SqlError {
    SqlError::unsupported(format!("aggregate {func:?} over {arg}"))
}

/// Whether DISTINCT changes the result, so that a set of values is needed.
fn is_additive(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Extreme { .. } | Kind::Bool { .. } | Kind::Arrival { .. } | Kind::Collected(_)
    )
}

fn has_flags(kind: Kind) -> bool {
    matches!(kind, Kind::Extreme { .. } | Kind::Arrival { .. } | Kind::Collected(_))
}

/// Words that the aggregate itself needs.
fn words_of(kind: Kind, arg: &DataType, ty: &DataType) -> usize {
    match kind {
        Kind::Count => 0,
        Kind::Int { .. } => 1,
        Kind::Decimal { .. } => decimal::WORDS,
        Kind::Float { .. } => exact::WORDS,
        Kind::Interval { .. } => 3,
        Kind::IntMoments(_) => 2 + int::SQUARE_WORDS,
        Kind::DecimalMoments(_) => 2 * decimal::WORDS,
        Kind::FloatMoments(_) => 2 * exact::WORDS,
        Kind::Extreme { .. } | Kind::Arrival { .. } => Cell::of(arg).words(),
        Kind::Bool { .. } => 2,
        Kind::Collected(_) => Cell::of(ty).words(),
    }
}
