//! Cycles among transactions, by the kinds of their edges.
//!
//! Invariant: every cycle that is reported is one, edge by edge.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{Anomaly, Kind};

/// Why one transaction comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Edge {
    Ww,
    Wr,
    Rw,
    Session,
}

/// The edges from each transaction.
pub(super) struct Edges {
    from: Vec<BTreeSet<(usize, Edge)>>,
}

impl Edges {
    pub(super) fn new(n: usize) -> Self {
        Self { from: vec![BTreeSet::new(); n] }
    }

    pub(super) fn add(&mut self, from: usize, to: usize, edge: Edge) {
        if from != to {
            self.from[from].insert((to, edge));
        }
    }
}

/// Which cycles are looked for.
#[derive(Clone, Copy)]
struct Search {
    kind: Kind,
    wr: bool,
    rw: bool,
    session: bool,
    /// No two rw in a row.
    apart: bool,
}

const SEARCHES: [Search; 5] = [
    Search { kind: Kind::G0, wr: false, rw: false, session: false, apart: false },
    Search { kind: Kind::G1c, wr: true, rw: false, session: false, apart: false },
    Search { kind: Kind::GNonadjacent, wr: true, rw: true, session: false, apart: true },
    Search { kind: Kind::SessionOrder, wr: true, rw: true, session: true, apart: true },
    Search { kind: Kind::G2, wr: true, rw: true, session: false, apart: false },
];

/// A transaction, and whether an rw edge led to it.
type Node = (usize, bool);

/// One cycle of each tangle of transactions, of the worst kind that is in it.
pub(super) fn cycles(n: usize, edges: &Edges) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    let mut tangled = BTreeSet::new();
    for search in SEARCHES {
        for tangle in search.tangles(n, edges) {
            // A worse kind was found there already.
            if tangle.iter().any(|(t, _)| tangled.contains(t)) {
                continue;
            }
            tangled.extend(tangle.iter().map(|(t, _)| *t));
            let cycle = search.shortest(&tangle, edges);
            let n_rw = cycle.iter().filter(|(_, edge)| *edge == Edge::Rw).count();
            let kind = match search.kind {
                Kind::GNonadjacent if n_rw == 1 => Kind::GSingle,
                kind => kind,
            };
            let mut text: String =
                cycle.iter().map(|(t, edge)| format!("T{t} -{edge:?}-> ").to_lowercase()).collect();
            text.push_str(&format!("t{}", cycle[0].0));
            anomalies.push(Anomaly { kind, text });
        }
    }
    anomalies
}

impl Search {
    fn next<'e>(
        &'e self,
        edges: &'e Edges,
        (at, by_rw): Node,
    ) -> impl Iterator<Item = (Node, Edge)> + 'e {
        let goes = move |edge: Edge| match edge {
            Edge::Ww => true,
            Edge::Wr => self.wr,
            Edge::Session => self.session,
            Edge::Rw => self.rw && !(self.apart && by_rw),
        };
        let all = edges.from[at].iter().filter(move |(_, edge)| goes(*edge));
        all.map(|(to, edge)| ((*to, self.apart && *edge == Edge::Rw), *edge))
    }

    /// Nodes that lead to each other (strongly connected components of more than one node), by
    /// Tarjan's algorithm without recursion.
    fn tangles(&self, n: usize, edges: &Edges) -> Vec<Vec<Node>> {
        let place = |(t, by_rw): Node| 2 * t + usize::from(by_rw);
        let (mut index, mut low) = (vec![usize::MAX; 2 * n], vec![0; 2 * n]);
        let mut on_stack = vec![false; 2 * n];
        let (mut stack, mut found, mut count) = (Vec::new(), Vec::new(), 0);
        for root in (0..n).map(|t| (t, false)) {
            if index[place(root)] != usize::MAX {
                continue;
            }
            let mut calls: Vec<(Node, Vec<Node>)> = Vec::new();
            let mut enter = Some(root);
            loop {
                if let Some(node) = enter.take() {
                    let p = place(node);
                    (index[p], low[p], on_stack[p]) = (count, count, true);
                    count += 1;
                    stack.push(node);
                    calls.push((node, self.next(edges, node).map(|(to, _)| to).collect()));
                }
                let Some((node, rest)) = calls.last_mut() else { break };
                let p = place(*node);
                if let Some(to) = rest.pop() {
                    let q = place(to);
                    if index[q] == usize::MAX {
                        enter = Some(to);
                    } else if on_stack[q] {
                        low[p] = low[p].min(index[q]);
                    }
                    continue;
                }
                calls.pop();
                if let Some((above, _)) = calls.last() {
                    let q = place(*above);
                    low[q] = low[q].min(low[p]);
                }
                if low[p] == index[p] {
                    let start = stack.iter().rposition(|s| place(*s) == p).unwrap_or(0);
                    let tangle = stack.split_off(start);
                    tangle.iter().for_each(|s| on_stack[place(*s)] = false);
                    if tangle.len() > 1 {
                        found.push(tangle);
                    }
                }
            }
        }
        found
    }

    /// A shortest cycle within a tangle, as transactions with the edge that leaves each.
    fn shortest(&self, tangle: &[Node], edges: &Edges) -> Vec<(usize, Edge)> {
        let inside: BTreeSet<Node> = tangle.iter().copied().collect();
        let cycles = tangle.iter().take(64).filter_map(|start| {
            let mut came: HashMap<Node, (Node, Edge)> = HashMap::new();
            let mut queue = VecDeque::from([*start]);
            while let Some(node) = queue.pop_front() {
                for (to, edge) in self.next(edges, node).filter(|(to, _)| inside.contains(to)) {
                    if let std::collections::hash_map::Entry::Vacant(entry) = came.entry(to) {
                        entry.insert((node, edge));
                        queue.push_back(to);
                    }
                }
                if came.contains_key(start) {
                    break;
                }
            }
            let mut cycle = Vec::new();
            let mut at = *start;
            loop {
                let (from, edge) = *came.get(&at)?;
                cycle.push((from.0, edge));
                at = from;
                if at == *start {
                    cycle.reverse();
                    return Some(cycle);
                }
            }
        });
        cycles.min_by_key(Vec::len).unwrap_or_default()
    }
}
