//! Judges histories of transactions that append to lists and read them.
//!
//! A list that is read shows every append before it in order, so a history tells by itself in which
//! order versions came (Kingsbury and Alvaro, "Elle", 2020). From that follow the edges between
//! transactions: ww (appended behind it), wr (read what it appended), rw (read before it appended),
//! and the order within a session. Snapshot isolation is right exactly when no cycle is without two
//! rw edges in a row (Cerone and Gotsman, 2016), no read shows what was rolled back or was not the
//! last of its transaction, and every transaction sees its own appends.
//! Invariant: an anomaly names transactions that show it; a history without any gives none.

mod graph;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use graph::{Edge, Edges};

/// What a transaction did to one list.
#[expect(missing_docs, reason = "the doc of a variant names its fields")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Appended a value, which is appended to this list only once in a history.
    Append { key: u32, value: u64 },
    /// Read the whole list.
    Read { key: u32, list: Vec<u64> },
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was told that it is committed.
    Committed,
    /// It was rolled back, or failed.
    Aborted,
    /// It is not known.
    Unknown,
}

/// A transaction. Those of one session stand in the history in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Who ran it.
    pub session: u32,
    /// What it did, in order.
    pub ops: Vec<Op>,
    /// How it ended.
    pub fate: Fate,
}

/// What is wrong with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A cycle of ww.
    G0,
    /// A read of what was rolled back.
    G1a,
    /// A read of what a transaction later appended to.
    G1b,
    /// A cycle of ww and wr.
    G1c,
    /// A cycle with one rw.
    GSingle,
    /// A cycle with several rw, no two in a row.
    GNonadjacent,
    /// A cycle that is none without the order of a session.
    SessionOrder,
    /// A cycle with two rw in a row: snapshot isolation allows it.
    G2,
    /// Two transactions appended to the version that both had read.
    LostUpdate,
    /// A committed append is not in a list that was read after all else.
    LostAppend,
    /// A transaction does not see what it did or saw itself.
    Internal,
    /// Two reads of a list, neither a beginning of the other.
    IncompatibleOrder,
    /// A value is twice in a list.
    Duplicate,
    /// A value that nobody appended.
    Garbage,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// What.
    pub kind: Kind,
    /// With which transactions, for a person.
    pub text: String,
}

/// Everything that is wrong with a history. `complete`: its last transaction began after all others
/// had ended, so that nothing may be missing in what it read.
pub fn check(history: &[Transaction], complete: bool) -> Vec<Anomaly> {
    let mut judge = Judge::new(history);
    judge.reads();
    judge.orders();
    judge.lost_updates();
    if complete {
        judge.lost_appends();
    }
    let edges = judge.edges();
    judge.anomalies.extend(graph::cycles(history.len(), &edges));
    judge.anomalies
}

/// A read, without the transaction's own appends at its end.
struct Read<'a> {
    by: usize,
    key: u32,
    /// What others had appended.
    seen: &'a [u64],
    whole: &'a [u64],
}

struct Judge<'a> {
    history: &'a [Transaction],
    /// Who appended a value.
    writers: HashMap<(u32, u64), usize>,
    /// Transactions that took effect.
    done: Vec<bool>,
    /// The last append of each transaction to each list.
    last: HashMap<(usize, u32), u64>,
    reads: Vec<Read<'a>>,
    /// The longest list that was read, per key.
    orders: BTreeMap<u32, &'a [u64]>,
    anomalies: Vec<Anomaly>,
}

impl<'a> Judge<'a> {
    fn new(history: &'a [Transaction]) -> Self {
        let (mut writers, mut last) = (HashMap::new(), HashMap::new());
        let mut anomalies = Vec::new();
        let mut done: Vec<bool> = history.iter().map(|t| t.fate == Fate::Committed).collect();
        for (by, transaction) in history.iter().enumerate() {
            for op in &transaction.ops {
                let Op::Append { key, value } = op else { continue };
                if let Some(other) = writers.insert((*key, *value), by) {
                    let text = format!("T{other} and T{by} append {value} to {key}");
                    anomalies.push(Anomaly { kind: Kind::Duplicate, text });
                }
                last.insert((by, *key), *value);
            }
        }
        // What a committed transaction saw has taken effect, whatever its client knows.
        for transaction in history.iter().filter(|t| t.fate == Fate::Committed) {
            for op in &transaction.ops {
                let Op::Read { key, list } = op else { continue };
                for writer in list.iter().filter_map(|value| writers.get(&(*key, *value))) {
                    done[*writer] |= history[*writer].fate == Fate::Unknown;
                }
            }
        }
        let (reads, orders) = (Vec::new(), BTreeMap::new());
        Self { history, writers, done, last, reads, orders, anomalies }
    }

    fn found(&mut self, kind: Kind, text: String) {
        self.anomalies.push(Anomaly { kind, text });
    }

    /// Each read by itself, and with what its transaction did before.
    fn reads(&mut self) {
        let history = self.history;
        for (by, transaction) in history.iter().enumerate() {
            // What the transaction knows of each list: what it read, and its appends since.
            let mut known: HashMap<u32, (Option<&[u64]>, Vec<u64>)> = HashMap::new();
            for op in &transaction.ops {
                match op {
                    Op::Append { key, value } => known.entry(*key).or_default().1.push(*value),
                    Op::Read { key, list } => {
                        let (before, own) = known.entry(*key).or_default();
                        let fits = match before {
                            Some(before) => list[..] == [*before, &own[..]].concat(),
                            None => list.ends_with(own),
                        };
                        if !fits {
                            let text = format!(
                                "T{by} reads {list:?} of {key} behind {before:?} and its own {own:?}"
                            );
                            self.found(Kind::Internal, text);
                        }
                        *before = Some(list);
                        own.clear();
                        self.read(by, *key, list);
                    }
                }
            }
        }
    }

    fn read(&mut self, by: usize, key: u32, list: &'a [u64]) {
        let own = |value: &u64| self.writers.get(&(key, *value)) == Some(&by);
        let n_own = list.iter().rev().take_while(|value| own(value)).count();
        let seen = &list[..list.len() - n_own];
        if list.iter().collect::<HashSet<_>>().len() < list.len() {
            self.found(Kind::Duplicate, format!("T{by} reads {list:?} of {key}"));
        }
        for value in seen {
            let fate = self.writers.get(&(key, *value)).map(|w| (*w, self.history[*w].fate));
            match fate {
                None => {
                    let text = format!("T{by} reads {value} in {key}, which nobody appended");
                    self.found(Kind::Garbage, text);
                }
                Some((writer, Fate::Aborted)) => {
                    let text = format!("T{by} reads {value} in {key} of T{writer}, rolled back");
                    self.found(Kind::G1a, text);
                }
                Some(_) => {}
            }
        }
        if let Some(value) = seen.last()
            && let Some(writer) = self.writers.get(&(key, *value)).copied()
            && writer != by
            && self.last[&(writer, key)] != *value
        {
            let text = format!("T{by} reads {list:?} of {key}, in the midst of T{writer}");
            self.found(Kind::G1b, text);
        }
        if self.done[by] {
            self.reads.push(Read { by, key, seen, whole: list });
        }
    }

    /// The order of each list's versions.
    fn orders(&mut self) {
        for read in &self.reads {
            let longest = self.orders.entry(read.key).or_default();
            if read.whole.len() > longest.len() {
                *longest = read.whole;
            }
        }
        let wrong = |read: &&Read<'_>| !self.orders[&read.key].starts_with(read.whole);
        let texts: Vec<String> = self
            .reads
            .iter()
            .filter(wrong)
            .map(|r| {
                let longest = self.orders[&r.key];
                format!("T{} reads {:?} of {}, another {longest:?}", r.by, r.whole, r.key)
            })
            .collect();
        texts.into_iter().for_each(|text| self.found(Kind::IncompatibleOrder, text));
    }

    /// Transactions that appended to the version that another had read and appended to.
    fn lost_updates(&mut self) {
        let mut bases: BTreeMap<(u32, usize), BTreeSet<usize>> = BTreeMap::new();
        for read in &self.reads {
            if self.last.contains_key(&(read.by, read.key)) {
                bases.entry((read.key, read.seen.len())).or_default().insert(read.by);
            }
        }
        for ((key, len), by) in bases.into_iter().filter(|(_, by)| by.len() > 1) {
            let text = format!("{by:?} all append to version {len} of {key}");
            self.found(Kind::LostUpdate, text);
        }
    }

    /// Committed appends that the last transaction does not see.
    fn lost_appends(&mut self) {
        let Some(last) = self.history.last() else { return };
        let mut texts = Vec::new();
        for op in &last.ops {
            let Op::Read { key, list } = op else { continue };
            let seen: HashSet<u64> = list.iter().copied().collect();
            let lost = self.writers.iter().filter(|((k, value), by)| {
                k == key && !seen.contains(value) && self.history[**by].fate == Fate::Committed
            });
            texts.extend(lost.map(|((_, v), by)| format!("{v} of T{by} is not in {key}")));
        }
        texts.into_iter().for_each(|text| self.found(Kind::LostAppend, text));
    }

    /// Who appended to each list that was read without anybody seeing it: such a version comes
    /// behind all that were seen.
    fn unseen(&self) -> HashMap<u32, BTreeSet<usize>> {
        let seen: HashSet<(u32, u64)> =
            self.orders.iter().flat_map(|(key, list)| list.iter().map(|v| (*key, *v))).collect();
        let mut unseen: HashMap<u32, BTreeSet<usize>> = HashMap::new();
        for (at, by) in self.writers.iter().filter(|(at, by)| self.done[**by] && !seen.contains(at))
        {
            unseen.entry(at.0).or_default().insert(*by);
        }
        unseen
    }

    fn edges(&self) -> Edges {
        let mut edges = Edges::new(self.history.len());
        let unseen = self.unseen();
        let later = |key: &u32| unseen.get(key).into_iter().flatten().copied();
        let writer = |key: u32, value: u64| {
            self.writers.get(&(key, value)).copied().filter(|writer| self.done[*writer])
        };
        for (key, order) in &self.orders {
            let writers: Vec<usize> = order.iter().filter_map(|v| writer(*key, *v)).collect();
            writers.windows(2).for_each(|w| edges.add(w[0], w[1], Edge::Ww));
            if let Some(last) = writers.last() {
                later(key).for_each(|to| edges.add(*last, to, Edge::Ww));
            }
        }
        for read in &self.reads {
            if let Some(from) = read.seen.last().and_then(|value| writer(read.key, *value)) {
                edges.add(from, read.by, Edge::Wr);
            }
            let order = self.orders[&read.key];
            // Own appends may come next; what comes behind them was not seen either.
            let behind = order.iter().skip(read.seen.len());
            let next = behind.filter_map(|v| writer(read.key, *v)).find(|by| *by != read.by);
            match next {
                Some(to) => edges.add(read.by, to, Edge::Rw),
                None => later(&read.key).for_each(|to| edges.add(read.by, to, Edge::Rw)),
            }
        }
        let mut sessions: HashMap<u32, usize> = HashMap::new();
        for (by, transaction) in self.history.iter().enumerate().filter(|(by, _)| self.done[*by]) {
            if let Some(before) = sessions.insert(transaction.session, by) {
                edges.add(before, by, Edge::Session);
            }
        }
        edges
    }
}
