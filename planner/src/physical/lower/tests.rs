//! Expected physical plans: what is chosen, what only grows, what is forgotten.

use arena_tr_types::{AggFunc, Func};

use super::*;
use crate::delta::bounded;
use crate::logical::{JoinKind, TimeWindow, WindowFunc};
use crate::testing::*;

fn ad_hoc(plan: Plan) -> Lowered {
    let plan = crate::rules::optimize(plan, &TestEval).unwrap();
    lower(plan, &catalog(), &Mode::AdHoc).unwrap()
}

fn physical_of(plans: impl IntoIterator<Item = Plan>) -> String {
    plans.into_iter().map(|p| physical(&view(p))).collect()
}

fn final_of(plans: impl IntoIterator<Item = Plan>) -> String {
    plans.into_iter().map(|p| physical(&final_view(p).unwrap())).collect()
}

#[test]
fn stateless_plans_forward_columns() {
    let bid = scan("bid");
    let kept = filter(bid.clone(), cmp(Func::Gt, col(&bid, "price"), big(100)));
    let double = call(Func::Add, vec![col(&bid, "price"), col(&bid, "price")]);
    let outer = project(kept, vec![("auction", col(&bid, "auction")), ("twice", double)]);
    let again = pick(outer.clone(), &["twice", "auction"]);
    expect(
        &physical_of([pick(bid, &["auction", "price"]), outer, again]),
        r#"
        Input bid [auction, price] | append-only
        Project auction, price + price AS twice | append-only
          Filter price > 100 | append-only
            Input bid [auction, price] | append-only
        Project price + price AS twice, auction | append-only
          Filter price > 100 | append-only
            Input bid [auction, price] | append-only
    "#,
    );
}

#[test]
fn self_joins_share_their_input_and_equal_subplans() {
    let t = || {
        let t = scan("t");
        filter(t.clone(), cmp(Func::Gt, col(&t, "b"), big(0)))
    };
    let sums = || group(t(), &["a"], vec![("n", count())]);
    let plan = join_on(sums(), sums(), &[("a", "a")]);
    expect(
        &physical_of([pick(plan, &["a", "n", "n#2"])]),
        r#"
        Inner Join on a#0 = a#2 -> [a#0, n#1, n#3] | retracts | state: left rows, right rows
          #2 Aggregate by [a] count(*) | retracts | state: groups with undo
            Filter b > 0 | retracts
              Input t [a, b] | retracts
          #2 (as above)
    "#,
    );
}

#[test]
fn groups_by_key_and_globally() {
    let bid = scan("bid");
    let price = || col(&scan("bid"), "price");
    let mut cheap = count();
    cheap.filter = Some(cmp(Func::Lt, price(), big(10)));
    let twice = call(Func::Add, vec![price(), price()]);
    let calls = vec![
        ("n", count()),
        ("cheap", cheap),
        ("sum", agg(AggFunc::Sum, vec![twice])),
        ("m", count()),
    ];
    let keyed = group(bid, &["auction"], calls);
    let global =
        group(scan("t"), &[], vec![("top", agg(AggFunc::Max, vec![col(&scan("t"), "b")]))]);
    expect(
        &physical_of([keyed, global]),
        r#"
        Project auction, n, cheap, sum, n AS m | retracts
          Aggregate by [auction] count(*), count(*) FILTER (filter), sum(arg) | retracts | state: groups
            Project auction, price < 10 AS filter, price + price AS arg | append-only
              Input bid [auction, price] | append-only
        Aggregate by [] max(b) | retracts | state: groups with undo
          Input t [b] | retracts
    "#,
    );
}

#[test]
fn windows_over_growing_inputs_are_panes() {
    let counts =
        |w: Plan| group(w, &["window_start", "window_end", "auction"], vec![("n", count())]);
    let tumbled = counts(tumble(scan("bid"), 10));
    let hopped = pick(counts(hop(scan("bid"), 2, 10)), &["window_start", "auction", "n"]);
    let keys_only = group(tumble(scan("bid"), 10), &["window_start", "bidder"], vec![]);
    expect(
        &physical_of([tumbled, hopped, keys_only]),
        r#"
        PaneAggregate Tumble ts size 10s [window_start, window_end, auction, count(*)] | retracts | final window_start <= w - 10s, window_end <= w | state: panes until closed
          Input bid [auction, ts] | append-only | final ts < w
        Project window_start, auction, n | retracts | final window_start <= w - 10s
          PaneAggregate Hop ts slide 2s size 10s [window_start, window_end, auction, count(*)] | retracts | final window_start <= w - 10s, window_end <= w | state: panes until closed
            Input bid [auction, ts] | append-only | final ts < w
        PaneAggregate Tumble ts size 10s [window_start, bidder] | append-only | final window_start <= w - 10s | state: panes until closed
          Input bid [bidder, ts] | append-only | final ts < w
    "#,
    );
}

#[test]
fn windows_without_watermark_bound_or_merge_are_assigned() {
    // A table retracts; no bound in the key; values of overlapping windows do not merge.
    let table = group(tumble(scan("t"), 10), &["window_start", "a"], vec![("n", count())]);
    let no_bound = group(tumble(scan("bid"), 10), &["auction"], vec![("n", count())]);
    let mut values = agg(AggFunc::Count, vec![col(&scan("bid"), "bidder")]);
    values.distinct = true;
    let distinct_hop =
        group(hop(scan("bid"), 2, 10), &["window_end", "auction"], vec![("n", values)]);
    expect(
        &physical_of([table, no_bound, distinct_hop]),
        r#"
        Aggregate by [window_start, a] count(*) | retracts | state: groups with undo
          WindowAssign Tumble ts size 10s | retracts
            Input t [a, ts] | retracts
        Aggregate by [auction] count(*) | retracts | state: groups
          WindowAssign Tumble ts size 10s | append-only | final ts < w, window_start <= w - 10s, window_end <= w
            Input bid [auction, ts] | append-only | final ts < w
        Aggregate by [window_end, auction] count(DISTINCT bidder) | retracts | final window_end <= w | state: groups until window_end <= w
          WindowAssign Hop ts slide 2s size 10s | append-only | final ts < w, window_start <= w - 10s, window_end <= w
            Input bid [auction, bidder, ts] | append-only | final ts < w
    "#,
    );
}

#[test]
fn sessions_group_by_exactly_their_partition() {
    let by = |keys: &[&str]| group(session(scan("bid"), "bidder", 2), keys, vec![("n", count())]);
    let table = group(session(scan("t"), "a", 2), &["a", "window_start"], vec![("n", count())]);
    let plans = [by(&["bidder", "window_start", "window_end"]), by(&["window_end"]), table];
    expect(
        &physical_of(plans),
        r#"
        SessionAggregate Session ts gap 2s by [bidder] [bidder, window_start, window_end, count(*)] | retracts | final window_end < w | state: sessions until closed
          Input bid [bidder, ts] | append-only | final ts < w
        Aggregate by [window_end] count(*) | retracts | final window_end < w | state: groups with undo until window_end < w
          SessionAssign Session ts gap 2s by [bidder] | retracts | final window_end < w | state: rows of sessions until window_end < w
            Input bid [bidder, ts] | append-only | final ts < w
        Aggregate by [a, window_start] count(*) | retracts | state: groups with undo
          SessionAssign Session ts gap 2s by [a] | retracts | state: rows of sessions
            Input t [a, ts] | retracts
    "#,
    );
}

#[test]
fn joins_forget_by_the_inequalities_of_their_condition() {
    let (a, b) = (scan("auction"), scan("bid"));
    let both = Both(&a, &b);
    let key = eq(both.col("l.id"), both.col("r.auction"));
    let between = |kind| {
        let on = and(vec![
            key.clone(),
            cmp(Func::GtEq, both.col("r.ts"), both.col("l.ts")),
            cmp(Func::LtEq, both.col("r.ts"), both.col("l.expires")),
        ]);
        let plan = join(a.clone(), b.clone(), kind, Some(on));
        pick(plan, &["id", "expires", "price", "ts#2"])
    };
    let near = and(vec![
        key.clone(),
        cmp(Func::GtEq, both.col("l.ts"), call(Func::Sub, vec![both.col("r.ts"), seconds(10)])),
        cmp(
            Func::Lt,
            call(Func::Sub, vec![both.col("l.ts"), both.col("r.ts")]).with_interval(),
            seconds(5),
        ),
    ]);
    let near = pick(join(a.clone(), b.clone(), JoinKind::Inner, Some(near)), &["id", "ts", "ts#2"]);
    let free =
        pick(join(a.clone(), b.clone(), JoinKind::Inner, Some(key.clone())), &["id", "price"]);
    expect(
        &physical_of([between(JoinKind::Inner), between(JoinKind::Left), near, free]),
        r#"
        Inner Join on id = auction where ts#5 >= ts#1 AND ts#5 <= expires -> [id, expires, price, ts#5] | append-only | final expires < w, ts < w | state: left rows until expires < w, right rows until ts < w
          Input auction [id, ts, expires] | append-only | final ts < w
          Input bid [auction, price, ts] | append-only | final ts < w
        Left Join on id = auction where ts#5 >= ts#1 AND ts#5 <= expires -> [id, expires, price, ts#5] | retracts | final ts < w | state: left rows until expires < w, right rows until ts < w
          Input auction [id, ts, expires] | append-only | final ts < w
          Input bid [auction, price, ts] | append-only | final ts < w
        Inner Join on id = auction where ts#1 >= ts#3 - INTERVAL '00:00:10' AND ts#1 - ts#3 < INTERVAL '00:00:05' -> [id, ts#1, ts#3] | append-only | final ts#1 < w - 10s, ts#2 <= w - 5s | state: left rows until ts < w - 10s, right rows until ts <= w - 5s
          Input auction [id, ts] | append-only | final ts < w
          Input bid [auction, ts] | append-only | final ts < w
        Inner Join on id = auction -> [id, price] | append-only | state: left rows, right rows
          Input auction [id] | append-only
          Input bid [auction, price] | append-only
    "#,
    );
}

trait WithInterval {
    fn with_interval(self) -> Expr;
}

impl WithInterval for Expr {
    fn with_interval(self) -> Expr {
        Expr { ty: DataType::Interval, ..self }
    }
}

#[test]
fn tables_are_never_forgotten() {
    let (b, t) = (scan("bid"), scan("t"));
    let both = Both(&b, &t);
    let on = and(vec![
        eq(both.col("l.auction"), both.col("r.a")),
        cmp(Func::GtEq, both.col("r.ts"), both.col("l.ts")),
    ]);
    // Rows of t that are older than every later bid could go, but t may retract them.
    let plan = join(b.clone(), t.clone(), JoinKind::Inner, Some(on));
    let side = join_on(scan("bid"), scan("side"), &[("auction", "key")]);
    let lowered = view(pick(side, &["price", "value"]));
    let text = physical_of([pick(plan, &["price", "b"])]) + &physical(&lowered);
    expect(
        &text,
        r#"
        Inner Join on auction = a where ts#5 >= ts#2 -> [price, b] | retracts | state: left rows, right rows
          Input bid [auction, price, ts] | append-only | final ts < w
          Input t [a, b, ts] | retracts
        Inner Join on auction = key -> [price, value] | retracts | state: left rows, right rows
          Input bid [auction, price] | append-only
          Input side [key, value] | retracts
    "#,
    );
    assert_eq!(lowered.notices.len(), 1);
    assert!(lowered.notices[0].message.contains("every row of bid"), "{:?}", lowered.notices);
}

#[test]
fn window_joins_forget_and_only_grow() {
    let people = group(tumble(scan("bid"), 10), &["bidder", "window_start"], vec![]);
    let sellers = group(tumble(scan("auction"), 10), &["seller", "window_start"], vec![]);
    let q8 = join_on(people, sellers, &[("bidder", "seller"), ("window_start", "window_start")]);
    let lowered = view(pick(q8, &["bidder", "window_start"]));
    expect(
        &physical(&lowered),
        r#"
        Inner Join on bidder = seller, window_start#1 = window_start#3 -> [bidder, window_start#1] | append-only | final window_start <= w - 10s | state: left rows until window_start <= w - 10s, right rows until window_start <= w - 10s
          PaneAggregate Tumble ts size 10s [bidder, window_start] | append-only | final window_start <= w - 10s | state: panes until closed
            Input bid [bidder, ts] | append-only | final ts < w
          PaneAggregate Tumble ts size 10s [seller, window_start] | append-only | final window_start <= w - 10s | state: panes until closed
            Input auction [seller, ts] | append-only | final ts < w
    "#,
    );
    assert!(lowered.output.append_only);
    assert_eq!(lowered.output.bounded, [TimeBound { column: 1, lag: 10 * SECOND - 1 }]);
    assert_eq!(lowered.notices, []);
}

#[test]
fn right_joins_are_left_joins_the_other_way() {
    let (b, t) = (scan("bid"), scan("t"));
    let both = Both(&b, &t);
    let on = and(vec![
        eq(both.col("l.auction"), both.col("r.a")),
        cmp(Func::Lt, both.col("l.price"), both.col("r.b")),
    ]);
    let plan = join(b.clone(), t.clone(), JoinKind::Right, Some(on));
    expect(
        &physical_of([pick(plan, &["price", "b", "a"])]),
        r#"
        Project price, b, a | retracts
          Left Join on a = auction where price < b -> [a, b, price] | retracts | state: left rows, right rows
            Input t [a, b] | retracts
            Input bid [auction, price] | append-only
    "#,
    );
}

#[test]
fn not_in_keeps_its_null_rule() {
    let not_in = |left: Plan, right: Plan, on: &dyn Fn(&Both<'_>) -> Expr| {
        let on = on(&Both(&left, &right));
        join(left, right, JoinKind::NullAwareAnti, Some(on))
    };
    let key = |b: &Both<'_>| eq(b.col("l.a"), b.col("r.auction"));
    let one = not_in(scan("t"), pick(scan("bid"), &["auction"]), &key);
    let two = not_in(scan("t"), pick(scan("bid"), &["auction", "price"]), &|b| {
        and(vec![key(b), eq(b.col("l.b"), b.col("r.price"))])
    });
    let grouped = pick(scan("side"), &["key"]);
    let never = not_in(grouped.clone(), grouped, &|b| eq(b.col("l.key"), b.col("r.key")));
    expect(
        &physical_of([one, two, never]),
        r#"
        NullAwareAnti Join on a = auction -> [a, b, ts] | retracts | state: left rows, right rows
          Input t [a, b, ts] | retracts
          Input bid [auction] | append-only
        Anti Join of every pair where coalesce(a = auction, TRUE) AND coalesce(b = price, TRUE) -> [a, b, ts] | retracts | state: left rows, right rows
          Input t [a, b, ts] | retracts
          Input bid [auction, price] | append-only
        Anti Join on key#0 = key#1 -> [key#0] | retracts | state: left rows, right rows
          #0 Input side [key] | retracts
          #0 (as above)
    "#,
    );
}

#[test]
fn nexmark_winning_bids() {
    let (a, b) = (scan("auction"), scan("bid"));
    let both = Both(&a, &b);
    let on = and(vec![
        eq(both.col("l.id"), both.col("r.auction")),
        cmp(Func::GtEq, both.col("r.ts"), both.col("l.ts")),
        cmp(Func::LtEq, both.col("r.ts"), both.col("l.expires")),
    ]);
    let joined = join(a.clone(), b.clone(), JoinKind::Inner, Some(on));
    let order = [("price", true), ("ts#2", false), ("bidder", false)];
    let ranked = over(joined, WindowFunc::RowNumber, &["id"], &order);
    let best = filter(ranked.clone(), eq(col(&ranked, "rn"), big(1)));
    let best = pick(best, &["id", "category", "price", "bidder", "ts#2"]);
    let average = agg(AggFunc::Avg, vec![col(&best, "price")]);
    let q4 = group(best.clone(), &["category"], vec![("avg", average), ("n", count())]);
    expect(
        &physical_of([best, q4]),
        r#"
        Project id, category, price, bidder, ts | retracts
          TopN row_number 1 by [id] order [price DESC, ts, bidder] | retracts | state: first rows
            Inner Join on id = auction where ts#7 >= ts#2 AND ts#7 <= expires -> [id, category, bidder, price, ts#7] | append-only | final ts < w | state: left rows until expires < w, right rows until ts < w
              Input auction [id, category, ts, expires] | append-only | final ts < w
              Input bid [auction, bidder, price, ts] | append-only | final ts < w
        Aggregate by [category] avg(price), count(*) | retracts | state: groups with undo
          TopN row_number 1 by [id] order [price DESC, ts, bidder] | retracts | state: first rows
            Inner Join on id = auction where ts#7 >= ts#2 AND ts#7 <= expires -> [id, category, bidder, price, ts#7] | append-only | final ts < w | state: left rows until expires < w, right rows until ts < w
              Input auction [id, category, ts, expires] | append-only | final ts < w
              Input bid [auction, bidder, price, ts] | append-only | final ts < w
    "#,
    );
}

#[test]
fn limits_of_views_are_ranks_and_orders_are_dropped() {
    let first = limit(sort(pick(scan("bid"), &["auction", "price"]), &[("price", true)]), 3, 1);
    let ordered = view(sort(pick(scan("bid"), &["auction"]), &[("auction", false)]));
    expect(
        &(physical_of([first]) + &physical(&ordered)),
        r#"
        TopN row_number 3 offset 1 by [] order [price DESC] | retracts | state: first rows
          Input bid [auction, price] | append-only
        Input bid [auction] | append-only
    "#,
    );
    assert_eq!(ordered.notices.len(), 1);
    assert!(ordered.notices[0].message.starts_with("ORDER BY without LIMIT"));
}

#[test]
fn ad_hoc_orders_are_presented_with_hidden_columns() {
    let sorted = sort(pick(scan("bid"), &["auction", "price"]), &[("price", true)]);
    let hidden = ad_hoc(pick(limit(sorted.clone(), 3, 1), &["auction"]));
    let shown = ad_hoc(sorted);
    expect(
        &(physical(&hidden) + &physical(&shown)),
        r#"
        Order [price DESC]
        Limit 3 offset 1
        Show the first 1 columns
        Input bid [auction, price] | append-only
        Order [price DESC]
        Input bid [auction, price] | append-only
    "#,
    );
    assert_eq!(hidden.plan.presentation.width, Some(1));
    assert_eq!(shown.plan.presentation.width, None);
    assert_eq!(hidden.plan.schema.len(), 1);
}

#[test]
fn ad_hoc_plans_forget_nothing_and_read_tables_as_they_are() {
    let t = scan("t");
    let counts = group(tumble(scan("bid"), 10), &["window_start"], vec![("n", count())]);
    let tops = group(t.clone(), &["a"], vec![("top", agg(AggFunc::Max, vec![col(&t, "b")]))]);
    let over_groups =
        group(tops.clone(), &[], vec![("top", agg(AggFunc::Max, vec![col(&tops, "top")]))]);
    expect(
        &(physical(&ad_hoc(counts)) + &physical(&ad_hoc(over_groups))),
        r#"
        Aggregate by [window_start] count(*) | append-only | state: groups
          WindowAssign Tumble ts size 10s | append-only
            Input bid [ts] | append-only
        Aggregate by [] max(top) | append-only | state: groups
          Aggregate by [a] max(b) | append-only | state: groups
            Input t [a, b] | append-only
    "#,
    );
}

#[test]
fn windows_close_in_their_aggregates_where_they_can() {
    let counts = |keys: &[&str]| group(hop(scan("bid"), 2, 10), keys, vec![("num", count())]);
    let keys = ["window_start", "window_end", "auction"];
    let plain = pick(counts(&keys), &["auction", "num"]);
    let most = group(
        counts(&keys),
        &["window_start"],
        vec![("top", agg(AggFunc::Max, vec![col(&counts(&keys), "num")]))],
    );
    let q5 = join_on(counts(&keys), most, &[("window_start", "window_start"), ("num", "top")]);
    let sessions =
        group(session(scan("bid"), "bidder", 2), &["bidder", "window_end"], vec![("n", count())]);
    let per_window = group(counts(&keys), &["window_end"], vec![("groups", count())]);
    let plans = [plain, pick(q5, &["window_start", "auction", "num"]), sessions, per_window];
    expect(
        &final_of(plans),
        r#"
        Project auction, num | append-only
          PaneAggregate on close Hop ts slide 2s size 10s [window_start, window_end, auction, count(*)] | append-only | final window_start <= w - 10s, window_end <= w | state: panes until closed
            Input bid [auction, ts] | append-only | final ts < w
        TopN rank 1 by [window_start] order [num DESC] | append-only | final window_start <= w - 10s | state: first rows until window_start <= w - 10s
          Project window_start, auction, num | append-only | final window_start <= w - 10s
            PaneAggregate on close Hop ts slide 2s size 10s [window_start, window_end, auction, count(*)] | append-only | final window_start <= w - 10s, window_end <= w | state: panes until closed
              Input bid [auction, ts] | append-only | final ts < w
        SessionAggregate on close Session ts gap 2s by [bidder] [bidder, window_end, count(*)] | append-only | final window_end < w | state: sessions until closed
          Input bid [bidder, ts] | append-only | final ts < w
        Aggregate by [window_end] count(*) | append-only | final window_end <= w | state: groups until window_end <= w
          PaneAggregate on close Hop ts slide 2s size 10s [window_start, window_end, auction] | append-only | final window_start <= w - 10s, window_end <= w | state: panes until closed
            Input bid [auction, ts] | append-only | final ts < w
    "#,
    );
}

#[test]
fn rows_wait_for_their_window_where_aggregates_cannot() {
    let bid = || tumble(scan("bid"), 10);
    let best = group(
        bid(),
        &["window_start"],
        vec![("top", agg(AggFunc::Max, vec![col(&bid(), "price")]))],
    );
    let q7 = join_on(bid(), best, &[("window_start", "window_start"), ("price", "top")]);
    let raw = pick(scan("bid"), &["auction", "ts"]);
    let lowered = final_view(pick(q7.clone(), &["auction", "price"])).unwrap();
    assert!(lowered.output.append_only);
    expect(
        &final_of([pick(q7, &["auction", "price"]), raw]),
        r#"
        Project auction, price | append-only
          HoldUntilClose final_at | append-only | final final_at <= w | state: rows until final_at closes
            Project auction, price, window_start, window_start + INTERVAL '00:00:10' AS final_at | retracts | final window_start <= w - 10s, final_at <= w
              TopN rank 1 by [window_start] order [price DESC] | retracts | final window_start <= w - 10s | state: first rows until window_start <= w - 10s
                Project auction, price, window_start | append-only | final window_start <= w - 10s
                  WindowAssign Tumble ts size 10s | append-only | final ts < w, window_start <= w - 10s, window_end <= w
                    Filter price IS NOT NULL | append-only | final ts < w
                      Input bid [auction, price, ts] | append-only | final ts < w
        Project auction, ts | append-only
          HoldUntilClose final_at | append-only | final final_at <= w | state: rows until final_at closes
            Project auction, ts, ts + INTERVAL '00:00:00.000001' AS final_at | append-only | final ts < w, final_at <= w
              Input bid [auction, ts] | append-only | final ts < w
    "#,
    );
}

#[test]
fn results_without_a_bound_cannot_be_final() {
    let keyed = group(scan("bid"), &["auction"], vec![("n", count())]);
    let counts = group(tumble(scan("bid"), 10), &["window_start"], vec![("n", count())]);
    // The table may change a row of a window that has closed.
    let with_table = join_on(counts.clone(), scan("t"), &[("n", "a")]);
    let total = group(counts, &[], vec![("n", count())]);
    for plan in [keyed, with_table, total] {
        let error = final_view(plan).unwrap_err();
        assert_eq!(error.state, SqlState::FEATURE_NOT_SUPPORTED);
        assert!(error.hint.unwrap().contains("window_end"));
    }
}

#[test]
fn now_is_refused_in_views() {
    let bid = scan("bid");
    let now = Expr { kind: logical::ExprKind::Now, ..col(&bid, "ts") };
    let plan = filter(bid.clone(), cmp(Func::Lt, col(&bid, "ts"), now));
    let mode = Mode::Standing { emit: Emit::Changes };
    let error = lower(plan.clone(), &catalog(), &mode).unwrap_err();
    assert_eq!(error.message, "now() in a continuous query is not supported yet");
    assert!(lower(plan, &catalog(), &Mode::AdHoc).is_ok());
}

#[test]
fn facts_of_the_result() {
    let keyed = view(group(scan("bid"), &["auction"], vec![("n", count())]));
    assert_eq!(keyed.output.unique_key, Some(vec![0]));
    assert!(!keyed.output.append_only);
    let global = view(group(scan("bid"), &[], vec![("n", count())]));
    assert_eq!(global.output.unique_key, Some(vec![]));
    let table = view(pick(scan("side"), &["value", "key"]));
    assert_eq!(table.output.unique_key, Some(vec![1]));
    let joined = join_on(scan("side"), scan("bid"), &[("key", "auction")]);
    assert_eq!(view(joined).output.unique_key, None);
    let looked_up = join_on(scan("side"), scan("side"), &[("key", "key")]);
    assert_eq!(view(looked_up).output.unique_key, Some(vec![0]));
}

#[test]
fn states_and_their_fixes() {
    let lines = |plan: Plan| bounded::explain(&view(plan).plan);
    let free =
        pick(join_on(scan("auction"), scan("bid"), &[("id", "auction")]), &["id", "ts", "ts#2"]);
    let counts = group(tumble(scan("bid"), 10), &["window_start", "auction"], vec![("n", count())]);
    let keyed = group(scan("click"), &["who"], vec![("n", count())]);
    let listed = group(
        scan("click"),
        &["who"],
        vec![("all", agg(AggFunc::ArrayAgg, vec![col(&scan("click"), "page")]))],
    );
    let numbered = over(scan("bid"), WindowFunc::RowNumber, &["auction"], &[("price", true)]);
    let table =
        group(scan("t"), &["a"], vec![("top", agg(AggFunc::Max, vec![col(&scan("t"), "b")]))]);
    let text: String =
        [free, counts, keyed, listed, numbered, table].into_iter().map(lines).collect();
    expect(
        &text,
        r#"
        Inner Join on id = auction -> [id, ts#1, ts#3] (left): unbounded: every row of auction
          fix: bound the join by time, such as AND bid.ts BETWEEN auction.ts - INTERVAL '1 hour' AND auction.ts + INTERVAL '1 hour'
        Inner Join on id = auction -> [id, ts#1, ts#3] (right): unbounded: every row of bid
          fix: bound the join by time, such as AND bid.ts BETWEEN auction.ts - INTERVAL '1 hour' AND auction.ts + INTERVAL '1 hour'
        PaneAggregate Tumble ts size 10s [window_start, auction, count(*)]: bounded: one entry per (auction) and pane, for the open windows
        Aggregate by [who] count(*): bounded by the number of keys: one entry per (who)
        Aggregate by [who] array_agg(page): unbounded: every row of click
          fix: group by window_start and window_end of a time window over a source with a WATERMARK
        Over by [auction] order [price DESC] row_number(): unbounded: every row of bid
          fix: partition by the bounds of a time window (TUMBLE, HOP) over a source with a WATERMARK
        Aggregate by [a] max(b): bounded by its tables: the rows of t
    "#,
    );
}

#[test]
fn cumulating_windows_are_assigned() {
    let window_of = TimeWindow::Cumulate { step: SECOND, max: 10 * SECOND, offset: 0 };
    let plan =
        group(window(scan("bid"), window_of), &["window_end", "auction"], vec![("n", count())]);
    expect(
        &physical_of([plan]),
        r#"
        Aggregate by [window_end, auction] count(*) | retracts | final window_end <= w | state: groups until window_end <= w
          WindowAssign Cumulate ts step 1s max 10s | append-only | final ts < w, window_start <= w - 10s, window_end <= w
            Input bid [auction, ts] | append-only | final ts < w
    "#,
    );
}
