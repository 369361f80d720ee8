//! The points of the protocol at which a coordinator or a participant loses power.
//!
//! Invariant: every step of a two-phase commit, and of recovering from one, has a point before it,
//! one behind it, and, where a disk is written, one in its midst.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Prepare,
    Commit,
    RollBack,
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    Before,
    /// At some operation of its disk.
    During,
    After,
}

/// Who loses power, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// The coordinator, about a message to the first or the last participant.
    Coordinator(Op, Moment, Which),
    /// The coordinator, at an operation of its disk from the first of the decision on.
    Deciding(u64),
    /// The coordinator, at an operation of its disk from the last acknowledgement on.
    Forgetting(u64),
    /// The coordinator, at an operation of its disk while it is opened.
    Opening(u64),
    /// A participant, about what it is told.
    Participant(Op, Moment, Which),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Which {
    First,
    Last,
}

/// A run's points: one in the transfer, and one while recovering from it.
pub(crate) type Points = (Option<Point>, Option<Point>);

pub(crate) fn points() -> Vec<Points> {
    use Moment::{After, Before, During};
    use Op::{Commit, List, Prepare, RollBack};
    use Which::{First, Last};
    let mut all: Vec<Points> = Vec::new();
    for which in [First, Last] {
        for moment in [Before, After] {
            for op in [Prepare, Commit, RollBack] {
                all.push((Some(Point::Coordinator(op, moment, which)), None));
            }
        }
        for moment in [Before, During, After] {
            for op in [Prepare, Commit, RollBack] {
                all.push((Some(Point::Participant(op, moment, which)), None));
            }
        }
    }
    all.extend((0..4).map(|n| (Some(Point::Deciding(n)), None)));
    all.extend((0..2).map(|n| (Some(Point::Forgetting(n)), None)));
    let decided = Some(Point::Coordinator(Commit, Before, First));
    let undecided = Some(Point::Coordinator(Prepare, After, First));
    all.extend([1, 3, 5, 8].map(|n| (decided, Some(Point::Opening(n)))));
    for moment in [Before, After] {
        all.push((decided, Some(Point::Coordinator(List, moment, Last))));
        all.push((decided, Some(Point::Coordinator(Commit, moment, First))));
        all.push((undecided, Some(Point::Coordinator(RollBack, moment, First))));
        all.push((decided, Some(Point::Participant(List, moment, Last))));
    }
    for moment in [Before, During, After] {
        all.push((decided, Some(Point::Participant(Commit, moment, First))));
        all.push((undecided, Some(Point::Participant(RollBack, moment, First))));
    }
    all
}
