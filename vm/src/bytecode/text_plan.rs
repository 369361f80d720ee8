//! Text forms of the plan's words inside state descriptions.
//!
//! Invariant: fields are printed in the order of their declaration, all of them.

use arena_tr_planner::physical::{
    Agg, Aggregate, Forget, Frame, FrameBound, FrameUnits, JoinKind, PaneAggregate, PaneColumn,
    Presentation, RankFunc, SessionAggregate, SetOp, SortKey, TimeWindow, TopN, WindowFunc,
};
use arena_tr_types::{AggFunc, Value};

use super::asm::{AsmError, Parser};
use super::lexer::Token;
use super::program::{JoinSpec, OverCall, OverSpec, StateSpec};
use super::table::StateKind;
use super::text::{Text, print_struct, text_struct, text_words};

text_struct!(Forget { column, lag });
text_struct!(SortKey { column, desc, nulls_first });
text_struct!(Agg { func, args, distinct, filter, order, ty });
text_struct!(Aggregate { keys, aggs, retracts, forget });
text_struct!(PaneAggregate { time, window, keys, aggs, on_close, output, lag });
text_struct!(SessionAggregate { time, gap, keys, aggs, on_close, output, lag });
text_struct!(TopN {
    partition,
    order,
    function,
    limit,
    offset,
    number,
    retracts,
    by_arrival,
    forget
});
text_struct!(Presentation { order, limit, offset, width });
text_struct!(Frame { units, start, end });
text_struct!(OverSpec { partition, order, calls, by_arrival, forget });
text_struct!(OverCall { func, args, filter, frame, ty });
text_struct!(JoinSpec {
    kind,
    left_keys,
    right_keys,
    null_equal,
    residual,
    left_forget,
    right_forget,
    output
});

text_words!(RankFunc, "a rank function" {
    "row_number" => RowNumber, "rank" => Rank, "dense_rank" => DenseRank
});
text_words!(SetOp, "a set operation" { "intersect" => Intersect, "except" => Except });
text_words!(FrameUnits, "a frame unit" { "rows" => Rows, "range" => Range, "groups" => Groups });
text_words!(JoinKind, "a join kind" {
    "inner" => Inner, "left" => Left, "right" => Right, "full" => Full, "semi" => Semi,
    "anti" => Anti, "null_aware_anti" => NullAwareAnti,
});

impl Text for AggFunc {
    fn print(&self, out: &mut String) {
        out.push_str(self.name());
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        let word = p.word("an aggregate")?;
        let found = Self::ALL.iter().find(|func| func.name() == word);
        found.copied().ok_or_else(|| p.error("an aggregate"))
    }
}

const WINDOW_FUNCS: &[(&str, WindowFunc)] = &[
    ("row_number", WindowFunc::RowNumber),
    ("rank", WindowFunc::Rank),
    ("dense_rank", WindowFunc::DenseRank),
    ("percent_rank", WindowFunc::PercentRank),
    ("cume_dist", WindowFunc::CumeDist),
    ("ntile", WindowFunc::Ntile),
    ("lag", WindowFunc::Lag),
    ("lead", WindowFunc::Lead),
    ("first_value", WindowFunc::FirstValue),
    ("last_value", WindowFunc::LastValue),
    ("nth_value", WindowFunc::NthValue),
];

impl Text for WindowFunc {
    fn print(&self, out: &mut String) {
        if let Self::Agg(func) = self {
            out.push_str("agg ");
            func.print(out);
            return;
        }
        let word = WINDOW_FUNCS.iter().find(|(_, func)| func == self).map_or("?", |(word, _)| word);
        out.push_str(word);
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        if p.accept_word("agg") {
            return AggFunc::parse(p).map(Self::Agg);
        }
        p.one_of("a window function", WINDOW_FUNCS)
    }
}

impl Text for FrameBound {
    fn print(&self, out: &mut String) {
        match self {
            Self::UnboundedPreceding => out.push_str("unbounded_preceding"),
            Self::CurrentRow => out.push_str("current_row"),
            Self::UnboundedFollowing => out.push_str("unbounded_following"),
            Self::Preceding(value) => {
                out.push_str("preceding ");
                print_typed(value, out);
            }
            Self::Following(value) => {
                out.push_str("following ");
                print_typed(value, out);
            }
        }
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        Ok(match p.word("a frame bound")?.as_str() {
            "unbounded_preceding" => Self::UnboundedPreceding,
            "current_row" => Self::CurrentRow,
            "unbounded_following" => Self::UnboundedFollowing,
            "preceding" => Self::Preceding(parse_typed(p)?),
            "following" => Self::Following(parse_typed(p)?),
            _ => return Err(p.error("a frame bound")),
        })
    }
}

/// A value with its type in front.
fn print_typed(value: &Value, out: &mut String) {
    let ty = value.data_type();
    super::program::Constant { ty, value: value.clone() }.print(out);
}

fn parse_typed(p: &mut Parser<'_>) -> Result<Value, AsmError> {
    Ok(super::program::Constant::parse(p)?.value)
}

impl Text for PaneColumn {
    fn print(&self, out: &mut String) {
        match self {
            Self::WindowStart => out.push_str("window_start"),
            Self::WindowEnd => out.push_str("window_end"),
            Self::Key(i) => {
                out.push_str("key ");
                i.print(out);
            }
            Self::Agg(i) => {
                out.push_str("agg ");
                i.print(out);
            }
        }
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        Ok(match p.word("a window column")?.as_str() {
            "window_start" => Self::WindowStart,
            "window_end" => Self::WindowEnd,
            "key" => Self::Key(p.int()?),
            "agg" => Self::Agg(p.int()?),
            _ => return Err(p.error("a window column")),
        })
    }
}

impl Text for TimeWindow {
    fn print(&self, out: &mut String) {
        match self {
            Self::Tumble { size, offset } => {
                out.push_str("tumble ");
                vec![*size, *offset].print(out);
            }
            Self::Hop { slide, size, offset } => {
                out.push_str("hop ");
                vec![*slide, *size, *offset].print(out);
            }
            Self::Cumulate { step, max, offset } => {
                out.push_str("cumulate ");
                vec![*step, *max, *offset].print(out);
            }
            Self::Session { gap, partition } => {
                out.push_str("session ");
                gap.print(out);
                out.push(' ');
                partition.print(out);
            }
        }
    }

    fn parse(p: &mut Parser<'_>) -> Result<Self, AsmError> {
        let word = p.word("a window")?;
        if word == "session" {
            return Ok(Self::Session { gap: p.int()?, partition: Vec::parse(p)? });
        }
        let numbers = Vec::<i64>::parse(p)?;
        Ok(match (word.as_str(), numbers.as_slice()) {
            ("tumble", &[size, offset]) => Self::Tumble { size, offset },
            ("hop", &[slide, size, offset]) => Self::Hop { slide, size, offset },
            ("cumulate", &[step, max, offset]) => Self::Cumulate { step, max, offset },
            _ => return Err(p.error("a window with its lengths")),
        })
    }
}

/// Prints a state's description; its kind is printed elsewhere.
pub(super) fn print_spec(spec: &StateSpec, out: &mut String) {
    match spec {
        StateSpec::Group(spec) => spec.print(out),
        StateSpec::Pane(spec) => spec.print(out),
        StateSpec::Session(spec) => spec.print(out),
        StateSpec::Join(spec) => spec.print(out),
        StateSpec::Top(spec) => spec.print(out),
        StateSpec::Over(spec) => spec.print(out),
        StateSpec::SessionAssign { time, gap, partition, forget } => print_struct(
            out,
            &[
                ("time", &|out| time.print(out)),
                ("gap", &|out| gap.print(out)),
                ("partition", &|out| partition.print(out)),
                ("forget", &|out| forget.print(out)),
            ],
        ),
        StateSpec::Distinct { forget } => {
            print_struct(out, &[("forget", &|out| forget.print(out))])
        }
        StateSpec::SetOp { op, all } => {
            print_struct(out, &[("op", &|out| op.print(out)), ("all", &|out| all.print(out))]);
        }
        StateSpec::Hold { column } => print_struct(out, &[("column", &|out| column.print(out))]),
    }
}

/// The description of a state of this kind.
pub(super) fn parse_spec(p: &mut Parser<'_>, kind: StateKind) -> Result<StateSpec, AsmError> {
    Ok(match kind {
        StateKind::Group => StateSpec::Group(Text::parse(p)?),
        StateKind::Pane => StateSpec::Pane(Text::parse(p)?),
        StateKind::Session => StateSpec::Session(Text::parse(p)?),
        StateKind::Join => StateSpec::Join(Text::parse(p)?),
        StateKind::Top => StateSpec::Top(Text::parse(p)?),
        StateKind::Over => StateSpec::Over(Text::parse(p)?),
        StateKind::SessionAssign | StateKind::Distinct | StateKind::SetOp | StateKind::Hold => {
            p.expect(&Token::OpenStruct)?;
            let spec = match kind {
                StateKind::SessionAssign => StateSpec::SessionAssign {
                    time: p.field("time")?,
                    gap: p.field("gap")?,
                    partition: p.field("partition")?,
                    forget: p.field("forget")?,
                },
                StateKind::Distinct => StateSpec::Distinct { forget: p.field("forget")? },
                StateKind::SetOp => StateSpec::SetOp { op: p.field("op")?, all: p.field("all")? },
                _ => StateSpec::Hold { column: p.field("column")? },
            };
            p.expect(&Token::CloseStruct)?;
            spec
        }
    })
}

/// The word of a state's kind, and back.
pub(super) const STATE_KINDS: &[(&str, StateKind)] = &[
    ("group", StateKind::Group),
    ("pane", StateKind::Pane),
    ("session", StateKind::Session),
    ("session_assign", StateKind::SessionAssign),
    ("join", StateKind::Join),
    ("distinct", StateKind::Distinct),
    ("setop", StateKind::SetOp),
    ("top", StateKind::Top),
    ("over", StateKind::Over),
    ("hold", StateKind::Hold),
];
