//! Expected logical plans for each rule, and for plans that a rule must leave alone.

mod ranks;

use arena_tr_types::{AggFunc, Func};

use super::optimize;
use crate::logical::{Expr, ExprKind, JoinKind, Node, Plan, WindowFunc};
use crate::testing::*;

fn bid_where(predicate: impl Fn(&Plan) -> Expr) -> Plan {
    let bid = scan("bid");
    let predicate = predicate(&bid);
    pick(filter(bid, predicate), &["auction"])
}

#[test]
fn constants_fold_and_filters_vanish() {
    let sum = call(Func::Add, vec![big(40), big(2)]);
    let kept = bid_where(|b| eq(col(b, "price"), sum.clone()));
    let always = bid_where(|_| cmp(Func::Lt, big(1), big(2)));
    let never = bid_where(|_| cmp(Func::Gt, big(1), big(2)));
    let unknown = bid_where(|b| eq(col(b, "price"), null()));
    let text = [kept, always, never, unknown].map(optimized).join("");
    expect(
        &text,
        r#"
        Project auction
          Filter price = 42
            Scan bid: auction, price
        Scan bid: auction
        Values 0 rows
        Values 0 rows
    "#,
    );
}

#[test]
fn a_failing_constant_fails_the_statement_unless_nothing_reaches_it() {
    let failing = |b: &Plan| eq(col(b, "price"), call(Func::Div, vec![big(1), big(0)]));
    let error = optimize(bid_where(failing), &TestEval).unwrap_err();
    assert!(error.to_string().contains("division by zero"), "{error}");
    let spared = bid_where(|b| and(vec![Expr::boolean(false), failing(b)]));
    assert!(optimize(spared, &TestEval).is_ok());
}

#[test]
fn boolean_logic_is_three_valued() {
    let price = |b: &Plan| col(b, "price");
    let plans = [
        bid_where(|b| not(cmp(Func::Lt, price(b), big(5)))),
        bid_where(|b| not(not(eq(price(b), big(5))))),
        bid_where(|b| and(vec![eq(price(b), big(5)), Expr::boolean(true), eq(price(b), big(5))])),
        bid_where(|b| or(vec![eq(price(b), big(5)), Expr::boolean(true)])),
        bid_where(|b| {
            let (x, y, z) =
                (eq(price(b), big(5)), eq(col(b, "bidder"), big(1)), eq(col(b, "bidder"), big(2)));
            or(vec![and(vec![x.clone(), y]), and(vec![x, z])])
        }),
    ];
    expect(
        &plans.map(optimized).join(""),
        r#"
        Project auction
          Filter price >= 5
            Scan bid: auction, price
        Project auction
          Filter price = 5
            Scan bid: auction, price
        Project auction
          Filter price = 5
            Scan bid: auction, price
        Scan bid: auction
        Project auction
          Filter price = 5 AND (bidder = 1 OR bidder = 2)
            Scan bid: auction, bidder, price
    "#,
    );
}

#[test]
fn case_and_coalesce_drop_what_is_never_taken() {
    let bid = scan("bid");
    let case = |when: Expr| {
        let branches = vec![(when, big(1)), (is_null(col(&bid, "price")), big(2))];
        let kind = ExprKind::Case { branches, otherwise: Some(Box::new(big(3))) };
        Expr { kind, ..big(0) }
    };
    let coalesce = |items| Expr { kind: ExprKind::Coalesce(items), ..col(&bid, "price") };
    let plan = project(
        bid.clone(),
        vec![
            ("always", case(Expr::boolean(true))),
            ("never", case(Expr::boolean(false))),
            ("first", coalesce(vec![null(), col(&bid, "price"), big(0), col(&bid, "bidder")])),
        ],
    );
    expect(
        &optimized(plan),
        r#"
        Project 1 AS always, CASE WHEN price IS NULL THEN 2 ELSE 3 END AS never, coalesce(price, 0) AS first
          Scan bid: price
    "#,
    );
}

#[test]
fn filters_go_to_the_sides_of_an_inner_join() {
    let (a, b) = (scan("auction"), scan("bid"));
    let both = Both(&a, &b);
    let on = eq(both.col("l.id"), both.col("r.auction"));
    let joined = join(a.clone(), b.clone(), JoinKind::Inner, None);
    let conditions = and(vec![
        on,
        eq(both.col("l.category"), big(10)),
        cmp(Func::Gt, both.col("r.price"), both.col("l.seller")),
        eq(both.col("l.id"), big(7)),
    ]);
    let plan = pick(filter(joined, conditions), &["category", "price"]);
    expect(
        &optimized(plan),
        r#"
        Project category, price
          Inner Join on id = auction AND price > seller
            Filter category = 10 AND id = 7
              Scan auction: id, seller, category
            Filter auction = 7
              Scan bid: auction, price
    "#,
    );
}

#[test]
fn outer_joins_keep_what_they_must() {
    let plan = |kind, predicate: &dyn Fn(&Both<'_>) -> Expr| {
        let (a, b) = (scan("auction"), scan("bid"));
        let both = Both(&a, &b);
        let on = and(vec![
            eq(both.col("l.id"), both.col("r.auction")),
            eq(both.col("l.category"), big(10)),
            cmp(Func::Gt, both.col("r.price"), big(1)),
        ]);
        let predicate = predicate(&both);
        let joined = join(a.clone(), b.clone(), kind, Some(on));
        let columns: &[&str] =
            if kind == JoinKind::Anti { &["seller"] } else { &["seller", "price"] };
        optimized(pick(filter(joined, predicate), columns))
    };
    let text = [
        plan(JoinKind::Left, &|b| eq(b.col("l.seller"), big(3))),
        plan(JoinKind::Left, &|b| is_null(b.col("r.price"))),
        plan(JoinKind::Left, &|b| cmp(Func::Gt, b.col("r.price"), big(5))),
        plan(JoinKind::Full, &|b| eq(b.col("l.seller"), big(3))),
        plan(JoinKind::Anti, &|b| eq(b.col("l.seller"), big(3))),
    ];
    expect(
        &text.join(""),
        r#"
        Project seller, price
          Left Join on id = auction AND category = 10
            Filter seller = 3
              Scan auction: id, seller, category
            Filter price > 1
              Scan bid: auction, price
        Project seller, price
          Filter price IS NULL
            Left Join on id = auction AND category = 10
              Scan auction: id, seller, category
              Filter price > 1
                Scan bid: auction, price
        Project seller, price
          Inner Join on id = auction
            Filter category = 10
              Scan auction: id, seller, category
            Filter price > 5 AND price > 1
              Scan bid: auction, price
        Project seller, price
          Left Join on id = auction AND category = 10
            Filter seller = 3
              Scan auction: id, seller, category
            Filter price > 1
              Scan bid: auction, price
        Project seller
          Anti Join on id = auction AND category = 10
            Filter seller = 3
              Scan auction: id, seller, category
            Filter price > 1
              Scan bid: auction, price
    "#,
    );
}

#[test]
fn filters_pass_groupings_and_windows_by_their_keys_only() {
    let grouped = group(scan("bid"), &["auction"], vec![("n", count())]);
    let on_key = filter(grouped.clone(), eq(col(&grouped, "auction"), big(1)));
    let on_count = filter(grouped.clone(), eq(col(&grouped, "n"), big(1)));
    let global = group(scan("bid"), &[], vec![("n", count())]);
    let never = filter(global, eq(big(1), big(2)));
    let ranked = over(scan("bid"), WindowFunc::Rank, &["auction"], &[("price", true)]);
    let ranked = filter(
        ranked.clone(),
        and(vec![eq(col(&ranked, "auction"), big(1)), eq(col(&ranked, "price"), big(2))]),
    );
    let text = [on_key, on_count, never, ranked].map(optimized).join("");
    expect(
        &text,
        r#"
        Aggregate by [auction] count(*)
          Filter auction = 1
            Scan bid: auction
        Filter n = 1
          Aggregate by [auction] count(*)
            Scan bid: auction
        Values 0 rows
        Filter price = 2
          Over by [auction] order [price DESC] rank()
            Filter auction = 1
              Scan bid: auction, bidder, price, ts, extra
    "#,
    );
}

#[test]
fn filters_pass_time_windows_but_not_sessions() {
    let plan = |windowed: Plan| {
        let predicate = and(vec![
            eq(col(&windowed, "price"), big(1)),
            eq(col(&windowed, "bidder"), big(2)),
            cmp(Func::Gt, col(&windowed, "window_start"), col(&windowed, "ts")),
        ]);
        optimized(pick(filter(windowed, predicate), &["auction"]))
    };
    let text = [plan(tumble(scan("bid"), 10)), plan(session(scan("bid"), "bidder", 2))];
    expect(
        &text.join(""),
        r#"
        Project auction
          Filter window_start > ts
            Tumble ts size 10s
              Filter price = 1 AND bidder = 2
                Scan bid: auction, bidder, price, ts
        Project auction
          Filter price = 1 AND window_start > ts
            Session ts gap 2s by [bidder]
              Filter bidder = 2
                Scan bid: auction, bidder, price, ts
    "#,
    );
}

#[test]
fn filters_enter_unions_and_only_the_left_of_except() {
    let arms = || vec![pick(scan("bid"), &["price"]), pick(scan("t"), &["a"])];
    let all = union(arms());
    let all = filter(all.clone(), cmp(Func::Gt, col(&all, "price"), big(3)));
    let [left, right] = arms().try_into().unwrap();
    let schema = left.schema.clone();
    let (left, right) = (Box::new(left), Box::new(right));
    let node = Node::SetOp { left, right, op: crate::logical::SetOp::Except, all: false };
    let except = Plan { node, schema, span: None };
    let except = filter(except.clone(), cmp(Func::Gt, col(&except, "price"), big(3)));
    expect(
        &[all, except].map(optimized).join(""),
        r#"
        Union
          Filter price > 3
            Scan bid: price
          Filter a > 3
            Scan t: a
        Except
          Filter price > 3
            Scan bid: price
          Scan t: a
    "#,
    );
}

#[test]
fn unused_columns_and_aggregates_go() {
    let bid = scan("bid");
    let grouped = group(
        bid.clone(),
        &["auction", "bidder"],
        vec![("n", count()), ("top", agg(AggFunc::Max, vec![col(&bid, "price")]))],
    );
    let plan = pick(grouped, &["n"]);
    let whole = distinct(pick(scan("bid"), &["auction", "price"]));
    expect(
        &[plan, pick(whole, &["price"])].map(optimized).join(""),
        r#"
        Project n
          Aggregate by [auction, bidder] count(*)
            Scan bid: auction, bidder
        Project price
          Distinct
            Scan bid: auction, price
    "#,
    );
}

#[test]
fn joins_follow_their_keys() {
    let (a, b, t) = (scan("auction"), scan("bid"), scan("t"));
    let cross = join(a.clone(), b.clone(), JoinKind::Inner, None);
    let all = join(cross, t.clone(), JoinKind::Inner, None);
    let arms =
        and(vec![eq(col(&all, "id"), col(&all, "a")), eq(col(&all, "auction"), col(&all, "b"))]);
    expect(
        &optimized(pick(filter(all, arms), &["id", "price", "b"])),
        r#"
        Project id, price, b
          Inner Join on auction = b
            Inner Join on id = a
              Scan auction: id
              Scan t: a, b
            Scan bid: auction, price
    "#,
    );
}

#[test]
fn conditions_split_into_keys_sides_and_the_rest() {
    let (a, b) = (scan("auction"), scan("bid"));
    let both = Both(&a, &b);
    let on = and(vec![
        eq(both.col("r.auction"), both.col("l.id")),
        cmp(Func::IsNotDistinct, both.col("l.seller"), both.col("r.bidder")),
        eq(both.col("l.category"), big(1)),
        eq(both.col("r.price"), big(2)),
        cmp(Func::Lt, both.col("l.ts"), both.col("r.ts")),
        eq(call(Func::Add, vec![both.col("l.id"), both.col("r.price")]), big(3)),
    ]);
    let split = super::join_key::split(Some(on), a.width());
    assert_eq!(split.keys.len(), 2);
    assert_eq!(split.keys[0].left.as_column(), Some(0));
    assert_eq!(split.keys[0].right.as_column(), Some(0));
    assert_eq!(split.keys.iter().map(|k| k.null_equal).collect::<Vec<_>>(), [false, true]);
    assert_eq!((split.left_only.len(), split.right_only.len(), split.residual.len()), (1, 1, 2));
}

#[test]
fn null_safe_equality_is_recognised_in_conditions() {
    let (a, b) = (scan("auction"), scan("bid"));
    let both = Both(&a, &b);
    let (x, y) = (both.col("l.seller"), both.col("r.bidder"));
    let on = or(vec![eq(x.clone(), y.clone()), and(vec![is_null(x), is_null(y)])]);
    let plan = pick(join(a.clone(), b.clone(), JoinKind::Inner, Some(on)), &["seller"]);
    expect(
        &optimized(plan),
        r#"
        Project seller
          Inner Join on seller IS NOT DISTINCT FROM bidder
            Scan auction: seller
            Scan bid: bidder
    "#,
    );
}

#[test]
fn repeats_are_removed_once_and_only_where_they_count() {
    let bids = || distinct(pick(scan("bid"), &["auction"]));
    let twice = distinct(bids());
    let grouped = distinct(group(scan("bid"), &["auction"], vec![]));
    let arms = distinct(union(vec![bids(), bids()]));
    let a = pick(scan("auction"), &["id"]);
    let on = eq(Both(&a, &bids()).col("l.id"), Both(&a, &bids()).col("r.auction"));
    let semi = join(a, bids(), JoinKind::Semi, Some(on.clone()));
    let inner = join(pick(scan("auction"), &["id"]), bids(), JoinKind::Inner, Some(on));
    expect(
        &[twice, grouped, arms, semi, inner].map(optimized).join(""),
        r#"
        Distinct
          Scan bid: auction
        Aggregate by [auction]
          Scan bid: auction
        Distinct
          Union
            Scan bid: auction
            Scan bid: auction
        Semi Join on id = auction
          Scan auction: id
          Scan bid: auction
        Inner Join on id = auction
          Scan auction: id
          Distinct
            Scan bid: auction
    "#,
    );
}

#[test]
fn what_is_empty_for_ever_disappears() {
    let nothing = || filter(scan("bid"), Expr::boolean(false));
    let a = scan("auction");
    let on = |r: &Plan| eq(Both(&a, r).col("l.id"), Both(&a, r).col("r.auction"));
    let left = join(a.clone(), nothing(), JoinKind::Left, Some(on(&nothing())));
    let left = pick(left, &["id", "price"]);
    let inner = join(a.clone(), nothing(), JoinKind::Inner, Some(on(&nothing())));
    let anti = pick(join(a.clone(), nothing(), JoinKind::Anti, Some(on(&nothing()))), &["id"]);
    let grouped = group(nothing(), &["auction"], vec![("n", count())]);
    let global = group(nothing(), &[], vec![("n", count())]);
    let arms = union(vec![nothing(), scan("bid")]);
    let plans = [left, pick(inner, &["id"]), anti, grouped, global, pick(arms, &["price"])];
    expect(
        &plans.map(optimized).join(""),
        r#"
        Project id, NULL AS price
          Scan auction: id
        Values 0 rows
        Scan auction: id
        Values 0 rows
        Aggregate by [] count(*)
          Values 0 rows
        Scan bid: price
    "#,
    );
}

#[test]
fn distinct_means_nothing_to_extrema() {
    let bid = scan("bid");
    let mut top = agg(AggFunc::Max, vec![col(&bid, "price")]);
    top.distinct = true;
    let mut n = agg(AggFunc::Count, vec![col(&bid, "price")]);
    n.distinct = true;
    expect(
        &optimized(group(bid, &[], vec![("top", top), ("n", n)])),
        r#"
        Aggregate by [] max(price), count(DISTINCT price)
          Scan bid: price
    "#,
    );
}
