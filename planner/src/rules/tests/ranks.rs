//! Row numbers and own extrema that become Top-N.
//!
//! Invariant: as for all rules, the plan means what it meant.

use super::*;

#[test]
fn row_numbers_up_to_n_become_top_n() {
    let plan = |func, predicate: &dyn Fn(Expr) -> Expr| {
        let ranked = over(scan("bid"), func, &["auction"], &[("price", true)]);
        let predicate = predicate(col(&ranked, "rn"));
        optimized(pick(filter(ranked, predicate), &["auction", "price"]))
    };
    let text = [
        plan(WindowFunc::RowNumber, &|n| cmp(Func::LtEq, n, big(3))),
        plan(WindowFunc::Rank, &|n| cmp(Func::Gt, big(3), n)),
        plan(WindowFunc::DenseRank, &|n| eq(n, big(2))),
        plan(WindowFunc::RowNumber, &|n| {
            and(vec![cmp(Func::GtEq, n.clone(), big(3)), cmp(Func::LtEq, n, big(5))])
        }),
        plan(WindowFunc::RowNumber, &|n| eq(n, big(0))),
        // A lower bound alone, and a function that is no rank.
        plan(WindowFunc::RowNumber, &|n| cmp(Func::Gt, n, big(3))),
        plan(WindowFunc::Ntile, &|n| cmp(Func::LtEq, n, big(3))),
    ];
    expect(
        &text.join(""),
        r#"
        TopN row_number 3 by [auction] order [price DESC]
          Scan bid: auction, price
        TopN rank 2 by [auction] order [price DESC]
          Scan bid: auction, price
        TopN dense_rank 1 offset 1 by [auction] order [price DESC]
          Scan bid: auction, price
        TopN row_number 3 offset 2 by [auction] order [price DESC]
          Scan bid: auction, price
        Values 0 rows
        Project auction, price
          Filter rn > 3
            Over by [auction] order [price DESC] row_number()
              Scan bid: auction, price
        Project auction, price
          Filter rn <= 3
            Over by [auction] order [price DESC] ntile()
              Scan bid: auction, price
    "#,
    );
}

#[test]
fn other_conditions_stay_above_top_n() {
    let ranked = over(scan("bid"), WindowFunc::RowNumber, &["auction"], &[("price", true)]);
    let predicate = and(vec![
        cmp(Func::LtEq, col(&ranked, "rn"), big(3)),
        cmp(Func::Gt, col(&ranked, "price"), big(100)),
        eq(col(&ranked, "auction"), big(1)),
    ]);
    expect(
        &optimized(pick(filter(ranked, predicate), &["price", "rn"])),
        r#"
        Project price, rn
          Filter price > 100
            TopN row_number 3 by [auction] order [price DESC], numbered
              Filter auction = 1
                Scan bid: auction, price
    "#,
    );
}

fn self_join(keys: &[&str], func: AggFunc, value: &str, on: &[(&str, &str)]) -> Plan {
    let bid = || tumble(scan("bid"), 10);
    let best = group(bid(), keys, vec![("best", agg(func, vec![col(&bid(), value)]))]);
    let plan = join_on(bid(), best, on);
    pick(plan, &["auction", "price", "best"])
}

#[test]
fn a_join_with_the_own_extremum_becomes_a_rank() {
    let greatest = self_join(
        &["window_start"],
        AggFunc::Max,
        "price",
        &[("window_start", "window_start"), ("price", "best")],
    );
    // window_end follows from window_start.
    let bounds = self_join(
        &["window_start", "window_end", "bidder"],
        AggFunc::Min,
        "price",
        &[("window_end", "window_end"), ("bidder", "bidder"), ("price", "best")],
    );
    expect(
        &[greatest, bounds].map(optimized).join(""),
        r#"
        Project auction, price, price AS best
          TopN rank 1 by [window_start] order [price DESC]
            Tumble ts size 10s
              Filter price IS NOT NULL
                Scan bid: auction, price, ts
        Project auction, price, price AS best
          TopN rank 1 by [window_end, bidder] order [price]
            Tumble ts size 10s
              Filter bidder IS NOT NULL AND price IS NOT NULL
                Scan bid: auction, bidder, price, ts
    "#,
    );
}

#[test]
fn an_extremum_is_recognised_only_when_each_row_meets_one_group() {
    // A key that the join does not compare; another column compared; a sum; another relation.
    let loose = self_join(
        &["window_start", "bidder"],
        AggFunc::Max,
        "price",
        &[("window_start", "window_start"), ("price", "best")],
    );
    let other = self_join(
        &["window_start"],
        AggFunc::Max,
        "price",
        &[("window_start", "window_start"), ("bidder", "best")],
    );
    let sum = self_join(
        &["window_start"],
        AggFunc::Sum,
        "price",
        &[("window_start", "window_start"), ("price", "best")],
    );
    let narrow = tumble(scan("bid"), 10);
    let narrow =
        filter(narrow.clone(), cmp(Func::Gt, col(&narrow, "price"), col(&narrow, "bidder")));
    let best = group(
        narrow.clone(),
        &["window_start"],
        vec![("best", agg(AggFunc::Max, vec![col(&narrow, "price")]))],
    );
    let different = join_on(
        tumble(scan("bid"), 10),
        best,
        &[("window_start", "window_start"), ("price", "best")],
    );
    for plan in [loose, other, sum, different] {
        let text = optimized(plan);
        assert!(text.contains("Inner Join") && !text.contains("TopN"), "{text}");
    }
}

#[test]
fn nexmark_q5_and_q7_are_ranks() {
    let h = || {
        let bid = hop(scan("bid"), 2, 10);
        let keys = ["window_start", "window_end", "auction"];
        pick(
            group(bid, &keys, vec![("num", count())]),
            &["window_start", "window_end", "auction", "num"],
        )
    };
    let most =
        group(h(), &["window_start"], vec![("top", agg(AggFunc::Max, vec![col(&h(), "num")]))]);
    let q5 = join_on(h(), most, &[("window_start", "window_start"), ("num", "top")]);
    let q5 = pick(q5, &["window_start", "window_end", "auction", "num"]);
    let bid = || tumble(scan("bid"), 10);
    let best = agg(AggFunc::Max, vec![col(&bid(), "price")]);
    let best = pick(
        group(bid(), &["window_start", "window_end"], vec![("top", best)]),
        &["window_start", "top"],
    );
    let q7 = join_on(bid(), best, &[("window_start", "window_start"), ("price", "top")]);
    let q7 = pick(q7, &["auction", "bidder", "price", "ts", "extra"]);
    expect(
        &[q5, q7].map(optimized).join(""),
        r#"
        TopN rank 1 by [window_start] order [num DESC]
          Aggregate by [window_start, window_end, auction] count(*)
            Hop ts slide 2s size 10s
              Scan bid: auction, ts
        Project auction, bidder, price, ts, extra
          TopN rank 1 by [window_start] order [price DESC]
            Tumble ts size 10s
              Filter price IS NOT NULL
                Scan bid: auction, bidder, price, ts, extra
    "#,
    );
}
