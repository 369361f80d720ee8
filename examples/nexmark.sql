-- Nexmark: people open auctions, others bid. Ten continuous queries over a million events.
--
--     cargo run --release -- run examples/nexmark.sql
--
-- The generator is built in and deterministic: the same seed gives the same events on every machine.

CREATE SOURCE person (id BIGINT, name VARCHAR, email_address VARCHAR, credit_card VARCHAR, city VARCHAR, state VARCHAR,
    date_time TIMESTAMP, extra VARCHAR, WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
    WITH (connector = 'nexmark', table = 'person', events = 1000000, seed = 7);
CREATE SOURCE auction (id BIGINT, item_name VARCHAR, description VARCHAR, initial_bid BIGINT, reserve BIGINT,
    date_time TIMESTAMP, expires TIMESTAMP, seller BIGINT, category BIGINT, extra VARCHAR,
    WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
    WITH (connector = 'nexmark', table = 'auction', events = 1000000, seed = 7);
CREATE SOURCE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, date_time TIMESTAMP,
    extra VARCHAR, WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
    WITH (connector = 'nexmark', table = 'bid', events = 1000000, seed = 7);

-- q1: every bid, its price in another currency.
CREATE MATERIALIZED VIEW q1_currency AS
    SELECT auction, bidder, 0.908 * price AS price, date_time FROM bid;

-- q2: bids on a few auctions.
CREATE MATERIALIZED VIEW q2_selection AS
    SELECT auction, price FROM bid WHERE auction % 123 = 0;

-- q3: who sells in category 10 from three states.
CREATE MATERIALIZED VIEW q3_sellers AS
    SELECT p.name, p.city, p.state, a.id
    FROM auction a JOIN person p ON a.seller = p.id
    WHERE a.category = 10 AND p.state IN ('or', 'id', 'ca');

-- The highest bid on each auction while it was open.
CREATE VIEW winning AS
    SELECT * FROM (
        SELECT a.id, a.seller, a.category, b.price, b.bidder, b.date_time,
            row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time, b.bidder) AS rn
        FROM auction a JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires) t
    WHERE rn = 1;

-- q4: the average winning price of each category, corrected as bids come in.
CREATE MATERIALIZED VIEW q4_category_average AS
    SELECT category, avg(price) AS average, count(*) AS auctions FROM winning GROUP BY category;

-- q5: the auctions with the most bids in the last ten seconds, every two seconds.
CREATE MATERIALIZED VIEW q5_hot_items AS
    WITH counts AS (
        SELECT window_start, window_end, auction, count(*) AS num
        FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND)
        GROUP BY window_start, window_end, auction)
    SELECT c.window_start, c.window_end, c.auction, c.num
    FROM counts c
    JOIN (SELECT window_start, max(num) AS top FROM counts GROUP BY window_start) m
        ON c.window_start = m.window_start AND c.num = m.top
    EMIT ON WINDOW CLOSE;

-- q7: the highest bid of every ten seconds.
CREATE MATERIALIZED VIEW q7_highest_bid AS
    SELECT b.auction, b.bidder, b.price, b.date_time
    FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) b
    JOIN (SELECT window_start, max(price) AS top FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND)
          GROUP BY window_start, window_end) m
        ON b.window_start = m.window_start AND b.price = m.top;

-- q8: people who opened an auction in the ten seconds in which they signed up.
CREATE MATERIALIZED VIEW q8_new_sellers AS
    SELECT p.id, p.name, p.window_start
    FROM (SELECT id, name, window_start FROM TUMBLE(person, date_time, INTERVAL '10' SECOND)
          GROUP BY id, name, window_start) p
    JOIN (SELECT seller, window_start FROM TUMBLE(auction, date_time, INTERVAL '10' SECOND)
          GROUP BY seller, window_start) a
        ON p.id = a.seller AND p.window_start = a.window_start;

-- q11: how often each bidder bids in one sitting.
CREATE MATERIALIZED VIEW q11_sittings AS
    SELECT bidder, window_start, window_end, count(*) AS bids
    FROM SESSION(bid PARTITION BY bidder, date_time, INTERVAL '2' SECOND)
    GROUP BY bidder, window_start, window_end;

-- q12: how often each bidder bids in every ten seconds, once the ten seconds are over.
CREATE MATERIALIZED VIEW q12_bids_per_window AS
    SELECT bidder, window_start, count(*) AS bids
    FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY bidder, window_start, window_end
    EMIT ON WINDOW CLOSE;

-- q17: the day's figures of each auction.
CREATE MATERIALIZED VIEW q17_auction_statistics AS
    SELECT auction, to_char(date_time, 'YYYY-MM-DD') AS day, count(*) AS total,
        count(*) FILTER (WHERE price >= 1000000) AS expensive, min(price) AS lowest, max(price) AS highest,
        avg(price) AS average
    FROM bid GROUP BY auction, to_char(date_time, 'YYYY-MM-DD');

WAIT FOR SOURCES;
