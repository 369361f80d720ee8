//! Random SELECT statements.
//!
//! Every query is built from its FROM outwards, knowing the columns it has, so that nearly all are
//! legal. Top-N and numbering always order by enough columns that rows that tie are equal.
//! Invariant: every output column has a name of its own.

use super::{RELATIONS, Ty};
use crate::rng::Rng;

/// A column in scope: how it is written, and its type.
type Col = (String, Ty);

/// A query and its columns.
struct Sql {
    text: String,
    columns: Vec<Col>,
}

/// A random query.
pub fn query(rng: &mut Rng) -> String {
    let mut maker = Maker { rng, aliases: 0 };
    maker.query(2).text
}

struct Maker<'a> {
    rng: &'a mut Rng,
    aliases: usize,
}

impl Maker<'_> {
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("r{}", self.aliases)
    }

    fn query(&mut self, depth: u32) -> Sql {
        match self.rng.below(if depth == 0 { 3 } else { 11 }) {
            0 | 1 => self.plain(depth),
            2 => self.grouped(depth),
            3 => self.distinct(depth),
            4 => self.set_operation(depth),
            5 => self.top_n(depth),
            6 => self.windowed(),
            7 => self.over(depth),
            8 => self.filtered_by_subquery(depth),
            9 => self.grouped(depth),
            _ => self.plain(depth),
        }
    }

    /// FROM text and the columns it brings.
    fn from(&mut self, depth: u32) -> Sql {
        match self.rng.below(if depth == 0 { 3 } else { 7 }) {
            0..=2 => self.relation(),
            3 | 4 => self.join(depth - 1),
            _ => {
                let inner = self.query(depth - 1);
                let alias = self.alias();
                let columns = qualified(&alias, &inner.columns);
                Sql { text: format!("({}) AS {alias}", inner.text), columns }
            }
        }
    }

    fn relation(&mut self) -> Sql {
        let (name, columns) = *self.rng.pick(RELATIONS);
        let alias = self.alias();
        let columns = columns.iter().map(|(c, ty)| (format!("{alias}.{c}"), *ty)).collect();
        Sql { text: format!("{name} AS {alias}"), columns }
    }

    fn join(&mut self, depth: u32) -> Sql {
        let (left, right) = (self.from(depth), self.from(0));
        let kind = *self.rng.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN"]);
        let pairs: Vec<(String, String)> = left
            .columns
            .iter()
            .flat_map(|(l, lt)| {
                let same = right.columns.iter().filter(move |(_, rt)| rt == lt);
                same.map(|(r, _)| (l.clone(), r.clone()))
            })
            .collect();
        let mut columns = left.columns;
        columns.extend(right.columns);
        let mut on = match pairs.as_slice() {
            [] => "true".to_owned(),
            pairs => {
                let (l, r) = self.rng.pick(pairs).clone();
                format!("{l} = {r}")
            }
        };
        if on == "true" {
            return Sql { text: format!("{} CROSS JOIN {}", left.text, right.text), columns };
        }
        if self.rng.one_in(3) {
            on = format!("{on} AND {}", self.predicate(&columns, 1));
        }
        Sql { text: format!("{} {kind} {} ON {on}", left.text, right.text), columns }
    }

    fn plain(&mut self, depth: u32) -> Sql {
        let from = self.from(depth);
        let n = 1 + self.rng.below(4);
        let items: Vec<Col> = (0..n).map(|_| self.scalar(&from.columns, 2)).collect();
        let filter = self.maybe_where(&from.columns);
        let (list, columns) = named(&items);
        Sql { text: format!("SELECT {list} FROM {}{filter}", from.text), columns }
    }

    fn maybe_where(&mut self, columns: &[Col]) -> String {
        if self.rng.one_in(2) {
            return String::new();
        }
        format!(" WHERE {}", self.predicate(columns, 2))
    }

    fn grouped(&mut self, depth: u32) -> Sql {
        let from = self.from(depth);
        let filter = self.maybe_where(&from.columns);
        let mut keys: Vec<Col> = Vec::new();
        for _ in 0..self.rng.below(3) {
            let key = self.rng.pick(&from.columns).clone();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let n_aggs = 1 + self.rng.below(3);
        let aggs: Vec<Col> = (0..n_aggs).map(|_| self.aggregate(&from.columns)).collect();
        let having = if self.rng.one_in(4) {
            format!(" HAVING count(*) {} {}", self.comparison(), self.rng.below(4))
        } else {
            String::new()
        };
        let group = match keys.as_slice() {
            [] => String::new(),
            keys => {
                let keys: Vec<&str> = keys.iter().map(|(k, _)| k.as_str()).collect();
                format!(" GROUP BY {}", keys.join(", "))
            }
        };
        let items: Vec<Col> = keys.into_iter().chain(aggs).collect();
        let (list, columns) = named(&items);
        Sql { text: format!("SELECT {list} FROM {}{filter}{group}{having}", from.text), columns }
    }

    fn aggregate(&mut self, columns: &[Col]) -> Col {
        let (arg, ty) = self.rng.pick(columns).clone();
        let numeric = matches!(ty, Ty::Int | Ty::Big | Ty::Numeric);
        let distinct = if self.rng.one_in(4) { "DISTINCT " } else { "" };
        let (mut call, ty) = match self.rng.below(7) {
            0 => ("count(*)".to_owned(), Ty::Big),
            1 => (format!("count({distinct}{arg})"), Ty::Big),
            2 if numeric => {
                let sum = if ty == Ty::Int { Ty::Big } else { Ty::Numeric };
                (format!("sum({distinct}{arg})"), sum)
            }
            3 if numeric => (format!("avg({arg})"), Ty::Numeric),
            4 if ty == Ty::Bool => (format!("bool_or({arg})"), Ty::Bool),
            4 | 5 if ty != Ty::Bool => (format!("min({arg})"), ty),
            6 if ty != Ty::Bool => (format!("max({arg})"), ty),
            6 => (format!("bool_and({arg})"), Ty::Bool),
            _ => ("count(*)".to_owned(), Ty::Big),
        };
        if self.rng.one_in(4) {
            let filter = self.predicate(columns, 1);
            call = format!("{call} FILTER (WHERE {filter})");
        }
        (call, ty)
    }

    fn distinct(&mut self, depth: u32) -> Sql {
        let from = self.from(depth);
        let items: Vec<Col> =
            (0..1 + self.rng.below(2)).map(|_| self.scalar(&from.columns, 1)).collect();
        let filter = self.maybe_where(&from.columns);
        let (list, columns) = named(&items);
        Sql { text: format!("SELECT DISTINCT {list} FROM {}{filter}", from.text), columns }
    }

    fn set_operation(&mut self, depth: u32) -> Sql {
        let ty = *self.rng.pick(&[Ty::Int, Ty::Big, Ty::Text]);
        let mut side = || {
            let from = self.from(depth - 1);
            let of: Vec<&Col> = from.columns.iter().filter(|(_, t)| *t == ty).collect();
            let item = match of.as_slice() {
                [] => literal(ty, self.rng),
                of => self.rng.pick(of).0.clone(),
            };
            let filter = self.maybe_where(&from.columns);
            format!("SELECT {item} AS c1 FROM {}{filter}", from.text)
        };
        let (left, right) = (side(), side());
        let op = *self.rng.pick(&["UNION ALL", "UNION", "INTERSECT", "EXCEPT", "EXCEPT ALL"]);
        Sql { text: format!("{left} {op} {right}"), columns: vec![("c1".to_owned(), ty)] }
    }

    /// A numbering whose order takes in all columns, so that ties are equal rows.
    fn top_n(&mut self, depth: u32) -> Sql {
        let inner = self.plain(depth - 1);
        let alias = self.alias();
        let columns = qualified(&alias, &inner.columns);
        let partition = match self.rng.one_in(3) {
            true => String::new(),
            false => format!("PARTITION BY {} ", self.rng.pick(&columns).0),
        };
        let order = self.total_order(&columns);
        let limit = 1 + self.rng.below(3);
        let list: Vec<String> = inner.columns.iter().map(|(c, _)| c.clone()).collect();
        let with_number = self.rng.one_in(2);
        let (number, mut out) = match with_number {
            true => (", rn", [inner.columns.clone(), vec![("rn".to_owned(), Ty::Big)]].concat()),
            false => ("", inner.columns.clone()),
        };
        let text = format!(
            "SELECT {}{number} FROM (SELECT {alias}.*, row_number() OVER ({partition}ORDER BY {order}) AS rn \
             FROM ({}) AS {alias}) AS x WHERE rn <= {limit}",
            list.join(", "),
            inner.text
        );
        out.truncate(inner.columns.len() + usize::from(with_number));
        Sql { text, columns: out }
    }

    fn total_order(&mut self, columns: &[Col]) -> String {
        let start = self.rng.below(columns.len() as u64) as usize;
        let keys: Vec<String> = (0..columns.len())
            .map(|i| {
                let name = &columns[(start + i) % columns.len()].0;
                let direction = *self.rng.pick(&["", " DESC", " DESC NULLS LAST", " NULLS FIRST"]);
                format!("{name}{direction}")
            })
            .collect();
        keys.join(", ")
    }

    fn windowed(&mut self) -> Sql {
        let call = match self.rng.below(3) {
            0 => "TUMBLE(e, ts, INTERVAL '4 seconds')",
            1 => "HOP(e, ts, INTERVAL '2 seconds', INTERVAL '6 seconds')",
            _ => "SESSION(e PARTITION BY k, ts, INTERVAL '2 seconds')",
        };
        let alias = self.alias();
        let columns: Vec<Col> =
            RELATIONS[2].1.iter().map(|(c, ty)| (format!("{alias}.{c}"), *ty)).collect();
        let filter = self.maybe_where(&columns);
        let with_key = call.starts_with("SESSION") || self.rng.one_in(2);
        let key = if with_key { format!("{alias}.k, ") } else { String::new() };
        let n = 1 + self.rng.below(2);
        let aggs: Vec<Col> = (0..n).map(|_| self.aggregate(&columns)).collect();
        let mut items: Vec<Col> =
            vec![("window_start".to_owned(), Ty::Time), ("window_end".to_owned(), Ty::Time)];
        if with_key {
            items.push((format!("{alias}.k"), Ty::Int));
        }
        items.extend(aggs);
        let (list, out) = named(&items);
        let text = format!(
            "SELECT {list} FROM {call} AS {alias}{filter} GROUP BY {key}window_start, window_end"
        );
        Sql { text, columns: out }
    }

    fn over(&mut self, depth: u32) -> Sql {
        let inner = self.plain(depth - 1);
        let alias = self.alias();
        let columns = qualified(&alias, &inner.columns);
        let partition = self.rng.pick(&columns).0.clone();
        let order = self.total_order(&columns);
        let (arg, ty) = self.rng.pick(&columns).clone();
        let (call, ty) = match self.rng.below(5) {
            0 => ("rank()".to_owned(), Ty::Big),
            1 => (format!("lag({arg})"), ty),
            2 => ("count(*)".to_owned(), Ty::Big),
            3 if ty != Ty::Bool => (format!("max({arg})"), ty),
            _ => ("dense_rank()".to_owned(), Ty::Big),
        };
        let is_aggregate = call.starts_with("count") || call.starts_with("max");
        let frame = match self.rng.below(3) {
            0 if is_aggregate => " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
            1 if is_aggregate => " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING",
            _ => "",
        };
        let list: Vec<String> = inner.columns.iter().map(|(c, _)| format!("{alias}.{c}")).collect();
        let text = format!(
            "SELECT {}, {call} OVER (PARTITION BY {partition} ORDER BY {order}{frame}) AS w \
             FROM ({}) AS {alias}",
            list.join(", "),
            inner.text
        );
        let mut out = inner.columns;
        out.push(("w".to_owned(), ty));
        Sql { text, columns: out }
    }

    fn filtered_by_subquery(&mut self, depth: u32) -> Sql {
        let from = self.from(depth - 1);
        let inner = self.from(0);
        let items: Vec<Col> = (0..2).map(|_| self.scalar(&from.columns, 1)).collect();
        let (list, columns) = named(&items);
        let pairs: Vec<(String, String)> = from
            .columns
            .iter()
            .flat_map(|(l, lt)| {
                let same = inner.columns.iter().filter(move |(_, rt)| rt == lt);
                same.map(|(r, _)| (l.clone(), r.clone()))
            })
            .collect();
        let condition = match pairs.as_slice() {
            [] => format!("EXISTS (SELECT 1 FROM {})", inner.text),
            pairs => {
                let (l, r) = self.rng.pick(pairs).clone();
                let filter = self.maybe_where(&inner.columns);
                match self.rng.below(4) {
                    0 => format!("{l} IN (SELECT {r} FROM {}{filter})", inner.text),
                    1 => format!("{l} NOT IN (SELECT {r} FROM {}{filter})", inner.text),
                    2 => format!("EXISTS (SELECT 1 FROM {} WHERE {l} = {r})", inner.text),
                    _ => format!("NOT EXISTS (SELECT 1 FROM {} WHERE {l} = {r})", inner.text),
                }
            }
        };
        Sql { text: format!("SELECT {list} FROM {} WHERE {condition}", from.text), columns }
    }

    fn comparison(&mut self) -> &'static str {
        const ALL: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];
        ALL[self.rng.below(6) as usize]
    }

    fn predicate(&mut self, columns: &[Col], depth: u32) -> String {
        if depth > 0 && self.rng.one_in(3) {
            let (a, b) = (self.predicate(columns, depth - 1), self.predicate(columns, depth - 1));
            return match self.rng.below(3) {
                0 => format!("({a} AND {b})"),
                1 => format!("({a} OR {b})"),
                _ => format!("NOT ({a})"),
            };
        }
        let (column, ty) = self.rng.pick(columns).clone();
        match self.rng.below(6) {
            0 => format!("{column} IS NULL"),
            1 => format!("{column} IS NOT NULL"),
            2 if ty == Ty::Bool => column,
            3 if ty == Ty::Text => format!("{column} LIKE '%a%'"),
            4 => {
                let (x, y) = (literal(ty, self.rng), literal(ty, self.rng));
                format!("{column} IN ({x}, {y})")
            }
            _ => format!("{column} {} {}", self.comparison(), literal(ty, self.rng)),
        }
    }

    fn scalar(&mut self, columns: &[Col], depth: u32) -> Col {
        let (column, ty) = self.rng.pick(columns).clone();
        if depth == 0 || self.rng.one_in(2) {
            return (column, ty);
        }
        match (self.rng.below(5), ty) {
            (0, Ty::Int) => (format!("{column} + {}", self.rng.below(5)), Ty::Int),
            (1, Ty::Int | Ty::Big) => (format!("{column} * 2"), ty),
            (2, Ty::Text) => (format!("upper({column})"), Ty::Text),
            (3, _) => (format!("coalesce({column}, {})", literal(ty, self.rng)), ty),
            (4, _) => {
                let when = self.predicate(columns, 1);
                let other = literal(ty, self.rng);
                (format!("CASE WHEN {when} THEN {column} ELSE {other} END"), ty)
            }
            _ => (column, ty),
        }
    }
}

fn qualified(alias: &str, columns: &[Col]) -> Vec<Col> {
    columns.iter().map(|(c, ty)| (format!("{alias}.{c}"), *ty)).collect()
}

/// A select list with names c1, c2, ... and the columns as seen from outside.
fn named(items: &[Col]) -> (String, Vec<Col>) {
    let list: Vec<String> =
        items.iter().enumerate().map(|(i, (text, _))| format!("{text} AS c{}", i + 1)).collect();
    let columns = items.iter().enumerate().map(|(i, (_, ty))| (format!("c{}", i + 1), *ty));
    (list.join(", "), columns.collect())
}

fn literal(ty: Ty, rng: &mut Rng) -> String {
    match ty {
        Ty::Int | Ty::Big => rng.below(6).to_string(),
        Ty::Numeric => format!("{}.5", rng.below(4)),
        Ty::Text => format!("'{}'", rng.pick(&["", "a", "b", "ab", "a longer piece of text"])),
        Ty::Bool => rng.pick(&["true", "false"]).to_string(),
        Ty::Time => format!("TIMESTAMP '2024-01-01 00:00:{:02}'", rng.below(30)),
    }
}
