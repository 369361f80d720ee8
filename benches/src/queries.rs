//! The queries of Nexmark as they are measured, each with what the loop by hand does too.
//!
//! Windows speak when they close, because the loops do; a query without a window speaks at every
//! commit.
//! Invariant: a query and its loop give the same rows in the end (where they differ, it is said).

/// Names of the sources, in the order of the kinds of events.
pub const SOURCES: [&str; 3] = ["person", "auction", "bid"];

/// The sources with a connector: what stands behind `connector = `.
pub fn sources(connector: &str) -> String {
    let tables = [
        (
            "person",
            "id BIGINT, name VARCHAR, email_address VARCHAR, credit_card VARCHAR, city VARCHAR, state VARCHAR,
             date_time TIMESTAMP, extra VARCHAR",
        ),
        (
            "auction",
            "id BIGINT, item_name VARCHAR, description VARCHAR, initial_bid BIGINT, reserve BIGINT,
             date_time TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra VARCHAR",
        ),
        (
            "bid",
            "auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, date_time TIMESTAMP,
             extra VARCHAR",
        ),
    ];
    let mut sql = String::new();
    for (name, columns) in tables {
        let table = if connector.starts_with("'nexmark'") {
            format!(", table = '{name}'")
        } else {
            String::new()
        };
        sql += &format!(
            "CREATE SOURCE {name} ({columns}, WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
             WITH (connector = {connector}{table});\n"
        );
    }
    sql
}

/// A query that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// As Nexmark names it.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

/// What is measured beside loops by hand.
pub const QUERIES: &[Query] = &[
    Query { name: "q0", sql: "SELECT auction, bidder, price, date_time, extra FROM bid" },
    Query { name: "q1", sql: "SELECT auction, bidder, 0.908 * price AS price, date_time, extra FROM bid" },
    Query { name: "q2", sql: "SELECT auction, price FROM bid WHERE auction % 123 = 0" },
    Query {
        name: "q3",
        sql: "SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
              WHERE a.category = 10 AND p.state IN ('or', 'id', 'ca')",
    },
    Query {
        name: "q4",
        sql: "SELECT category, avg(final) FROM (
                SELECT a.id, a.category, max(b.price) AS final FROM auction a
                JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires
                GROUP BY a.id, a.category) t
              GROUP BY category",
    },
    Query {
        name: "q5",
        sql: "WITH h AS (
                SELECT window_start, window_end, auction, count(*) AS num
                FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND)
                GROUP BY window_start, window_end, auction)
              SELECT h.auction, h.num, h.window_end FROM h
              JOIN (SELECT window_start, max(num) AS top FROM h GROUP BY window_start) m
                ON h.window_start = m.window_start AND h.num = m.top
              EMIT ON WINDOW CLOSE",
    },
    Query {
        name: "q7",
        sql: "SELECT b.auction, b.price, b.bidder, b.date_time, b.extra
              FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) b
              JOIN (SELECT window_start, max(price) AS top
                    FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY window_start, window_end) m
                ON b.window_start = m.window_start AND b.price = m.top
              EMIT ON WINDOW CLOSE",
    },
    Query {
        name: "q8",
        sql: "SELECT p.id, p.name, p.window_start
              FROM (SELECT id, name, window_start FROM TUMBLE(person, date_time, INTERVAL '10' SECOND)
                    GROUP BY id, name, window_start) p
              JOIN (SELECT seller, window_start FROM TUMBLE(auction, date_time, INTERVAL '10' SECOND)
                    GROUP BY seller, window_start) a
                ON p.id = a.seller AND p.window_start = a.window_start",
    },
    Query {
        name: "q9",
        sql: "SELECT * FROM (
                SELECT a.id, a.item_name, a.description, a.initial_bid, a.reserve, a.date_time, a.expires, a.seller,
                  a.category, a.extra, b.auction, b.bidder, b.price, b.date_time AS bid_time, b.extra AS bid_extra,
                  row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time) AS rn
                FROM auction a JOIN bid b
                  ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires) t
              WHERE rn = 1",
    },
    Query {
        name: "q11",
        sql: "SELECT bidder, count(*) AS bids, window_start, window_end
              FROM SESSION(bid PARTITION BY bidder, date_time, INTERVAL '10' SECOND)
              GROUP BY bidder, window_start, window_end
              EMIT ON WINDOW CLOSE",
    },
    Query {
        name: "q12",
        sql: "SELECT bidder, count(*) AS bids, window_start
              FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY bidder, window_start, window_end
              EMIT ON WINDOW CLOSE",
    },
    Query { name: "q15", sql: DAY_FIGURES },
    Query { name: "q16", sql: CHANNEL_FIGURES },
    Query {
        name: "q17",
        sql: "SELECT auction, to_char(date_time, 'YYYY-MM-DD') AS day, count(*) AS total,
                count(*) FILTER (WHERE price < 10000) AS r1,
                count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS r2,
                count(*) FILTER (WHERE price >= 1000000) AS r3,
                min(price) AS low, max(price) AS high, avg(price) AS mean, sum(price) AS total_price
              FROM bid GROUP BY auction, to_char(date_time, 'YYYY-MM-DD')",
    },
    Query {
        name: "q18",
        sql: "SELECT auction, bidder, price, channel, url, date_time, extra FROM (
                SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC) AS rn FROM bid) t
              WHERE rn = 1",
    },
    Query {
        name: "q19",
        sql: "SELECT * FROM (
                SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bid) t
              WHERE rn <= 10",
    },
    Query {
        name: "q20",
        sql: "SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.date_time, b.extra, a.item_name, a.description,
                a.initial_bid, a.reserve, a.date_time AS opened, a.expires, a.seller, a.category, a.extra AS more
              FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10",
    },
];

/// What q15 and q16 count: bids, bidders and auctions, in all and in three ranges of price.
macro_rules! with_figures {
    ($before:literal, $behind:literal) => {
        concat!(
            $before,
            "count(*) AS total,
    count(*) FILTER (WHERE price < 10000) AS r1,
    count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS r2,
    count(*) FILTER (WHERE price >= 1000000) AS r3,
    count(DISTINCT bidder) AS bidders, count(DISTINCT bidder) FILTER (WHERE price < 10000) AS bidders_1,
    count(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000) AS bidders_2,
    count(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS bidders_3,
    count(DISTINCT auction) AS auctions, count(DISTINCT auction) FILTER (WHERE price < 10000) AS auctions_1,
    count(DISTINCT auction) FILTER (WHERE price >= 10000 AND price < 1000000) AS auctions_2,
    count(DISTINCT auction) FILTER (WHERE price >= 1000000) AS auctions_3",
            $behind
        )
    };
}

const DAY_FIGURES: &str = with_figures!(
    "SELECT to_char(date_time, 'YYYY-MM-DD') AS day, ",
    " FROM bid GROUP BY to_char(date_time, 'YYYY-MM-DD')"
);

const CHANNEL_FIGURES: &str = with_figures!(
    "SELECT channel, to_char(date_time, 'YYYY-MM-DD') AS day,
    max(to_char(date_time, 'HH24:MI')) AS minute, ",
    " FROM bid GROUP BY channel, to_char(date_time, 'YYYY-MM-DD')"
);
